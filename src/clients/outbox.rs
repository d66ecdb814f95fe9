//! Messages that other tasks and workers put into a client's output: pub/sub, MONITOR, invalidations.
//!
//! Invariants: bounded in bytes by the client's hard output limit: [`super::Client::send`] asks a client that exceeds it to close and
//! gives it no more; a push wakes the connection's task, which appends the messages to its own output in order.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use bytes::Bytes;
use parking_lot::Mutex;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Outbox {
    messages: Mutex<Vec<Bytes>>,
    bytes: AtomicUsize,
    /// Most bytes that may wait; 0: no limit.
    limit: AtomicUsize,
    /// Wakes the connection's task: one and the same as long as the client is there, so that nobody has to register again.
    waker: OnceLock<Waker>,
}

impl Outbox {
    /// Adds a message. The connection sees it when it is woken.
    pub fn enqueue(&self, message: Bytes) {
        let mut messages = self.messages.lock();
        // Under the lock, so that whoever takes the message finds it counted.
        self.bytes.fetch_add(message.len(), Ordering::AcqRel);
        messages.push(message);
    }

    /// Adds a message of the connection's own task, which looks for it by itself.
    pub fn push_own(&self, message: Bytes) {
        self.enqueue(message);
    }

    /// What wakes the connection's task.
    pub fn waker(&self) -> Option<Waker> {
        self.waker.get().cloned()
    }

    /// Sets the most bytes that may wait; 0: no limit.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(usize::try_from(bytes).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// True if more waits than may.
    #[inline]
    pub fn is_over_limit(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        limit > 0 && self.len_bytes() > limit
    }

    /// True if nothing waits: one relaxed load.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Acquire) == 0
    }

    /// Bytes that wait.
    pub fn len_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes all messages.
    pub fn take(&self) -> Vec<Bytes> {
        let mut messages = self.messages.lock();
        self.bytes.store(0, Ordering::Release);
        std::mem::take(&mut *messages)
    }

    /// Has the task that polls now woken at each push from here on. Only the connection's own task may call it.
    #[inline]
    pub fn register(&self, waker: &Waker) {
        let known = self.waker.get_or_init(|| waker.clone());
        debug_assert!(known.will_wake(waker), "a connection stays in its task");
    }

    /// Wakes the connection's task. One that runs just now is polled again, so that it misses nothing that came before this.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}
