//! Messages that other tasks and workers put into a client's output: pub/sub, MONITOR, invalidations.
//!
//! Invariants: bounded in bytes by the client's hard output limit: [`super::Client::send`] asks a client that exceeds it to close and
//! gives it no more; a push wakes the connection's task, which appends the messages to its own output in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use parking_lot::Mutex;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Outbox {
    messages: Mutex<Vec<Bytes>>,
    bytes: AtomicUsize,
    /// Most bytes that may wait; 0: no limit.
    limit: AtomicUsize,
    waker: AtomicWaker,
}

impl Outbox {
    /// Adds a message and wakes the connection.
    pub fn push(&self, message: Bytes) {
        let len = message.len();
        self.messages.lock().push(message);
        self.bytes.fetch_add(len, Ordering::AcqRel);
        self.waker.wake();
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
        let messages = std::mem::take(&mut *self.messages.lock());
        self.bytes.fetch_sub(messages.iter().map(Bytes::len).sum(), Ordering::AcqRel);
        messages
    }

    /// Registers the task to wake at the next push.
    #[inline]
    pub fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// Wakes the connection's task.
    pub fn wake(&self) {
        self.waker.wake();
    }
}
