//! Messages that other tasks and workers put into a client's output: pub/sub, MONITOR, invalidations.
//!
//! Invariants:
//! * Bounded in bytes by the client's hard output limit: [`super::Client::enqueue`] asks a client that exceeds it to close and gives it no
//!   more.
//! * Messages leave in the order in which they came, each when the offset of the write log that it depends on is durable.
//! * The count of bytes changes with the list, under its lock: it is never too small for what is taken.
//! * Enqueueing wakes nobody, so that it may happen under a stripe's lock. Who enqueues wakes the connection's task afterwards; one that
//!   is woken appends all messages to its own output.

use std::task::Waker;

use bytes::Bytes;

use crate::base::sync::{AtomicUsize, Mutex, OnceLock, Ordering, fence};

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// As it goes over the wire.
    pub bytes: Bytes,
    /// The offset of the write log that must be durable before it leaves; 0: it depends on nothing.
    pub offset: u64,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Outbox {
    messages: Mutex<Vec<Message>>,
    bytes: AtomicUsize,
    /// Most bytes that may wait; 0: no limit.
    limit: AtomicUsize,
    /// Wakes the connection's task: one and the same as long as the client is there, so that nobody has to register again.
    waker: OnceLock<Waker>,
}

impl Outbox {
    /// Adds a message. The connection sees it when it is woken.
    pub fn enqueue(&self, message: Message) {
        let mut messages = self.messages.lock();
        self.bytes.fetch_add(message.bytes.len(), Ordering::AcqRel);
        messages.push(message);
    }

    /// What wakes the connection's task.
    pub fn waker(&self) -> Option<Waker> {
        self.known_waker().cloned()
    }

    /// Who finds no waker has left its message before the task registers for the first time, and the task must find it then. Only these two
    /// fences order the one's message before its look at the waker, and the other's waker before its look at the messages.
    #[inline]
    fn known_waker(&self) -> Option<&Waker> {
        self.waker.get().or_else(|| {
            fence(Ordering::SeqCst);
            self.waker.get()
        })
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

    /// True if nothing waits: one load.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Acquire) == 0
    }

    /// Bytes that wait.
    pub fn len_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes all messages.
    pub fn take(&self) -> Vec<Message> {
        let mut messages = self.messages.lock();
        self.bytes.store(0, Ordering::Release);
        std::mem::take(&mut *messages)
    }

    /// Has the task that polls now woken at each wake from here on. Only the connection's own task may call it.
    #[inline]
    pub fn register(&self, waker: &Waker) {
        match self.waker.get() {
            Some(known) => debug_assert!(known.will_wake(waker), "a connection stays in its task"),
            None => self.register_first(waker),
        }
    }

    #[cold]
    fn register_first(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
        fence(Ordering::SeqCst);
    }

    /// Wakes the connection's task. One that runs just now is polled again, so that it misses nothing that came before this.
    pub fn wake(&self) {
        if let Some(waker) = self.known_waker() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Senders come in the way of each other, so that some are held up at any point.
    #[test]
    fn the_count_of_bytes_never_wraps_while_messages_come_and_go() {
        const SENDERS: usize = 4;
        const MESSAGES: u64 = 100_000;
        let outbox = Arc::new(Outbox::default());
        outbox.set_limit(SENDERS as u64 * MESSAGES);
        let send = |_| {
            let outbox = Arc::clone(&outbox);
            std::thread::spawn(move || {
                for offset in 1..=MESSAGES {
                    assert!(!outbox.is_over_limit(), "{} bytes wait", outbox.len_bytes());
                    outbox.enqueue(Message { bytes: Bytes::from_static(b"m"), offset });
                }
            })
        };
        let senders: Vec<_> = (0..SENDERS).map(send).collect();
        let mut taken = Vec::new();
        while !(senders.iter().all(std::thread::JoinHandle::is_finished) && outbox.is_empty()) {
            let messages = outbox.take();
            assert!(!outbox.is_over_limit(), "{} bytes wait", outbox.len_bytes());
            taken.extend(messages.into_iter().map(|message| message.offset));
        }
        senders.into_iter().for_each(|sender| sender.join().expect("a client that reads is never over its limit"));
        taken.sort_unstable();
        assert!(taken.into_iter().eq((1..=MESSAGES).flat_map(|offset| [offset; SENDERS])), "each once");
        assert_eq!(outbox.len_bytes(), 0);
    }
}
