//! Freeing in the background: a thread to which large values and whole tables go, so that no command waits for their deallocation.
//!
//! Invariants: what is handed over is out of reach of every command. The queue is bounded; when it is full, or no thread was started
//! (tests), the caller frees by itself: that is slower, never wrong.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::entry::Entry;
use super::stripe::Keys;
use crate::base::alloc;
use crate::base::limits::{LAZYFREE_EFFORT_MIN, LAZYFREE_QUEUE_LEN};

#[derive(Debug)]
enum Garbage {
    Entry(#[expect(dead_code, reason = "it is only held to be dropped")] Entry),
    Tables(Vec<Keys>),
}

impl Garbage {
    /// Objects it counts as in `lazyfree_pending_objects`: a value is one, however many parts it has.
    fn objects(&self) -> u64 {
        match self {
            Garbage::Entry(_) => 1,
            Garbage::Tables(tables) => tables.iter().map(|keys| keys.table.len() as u64).sum(),
        }
    }
}

/// Counters, shared with the thread.
#[derive(Debug, Default)]
struct Figures {
    pending: AtomicU64,
    freed: AtomicU64,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Lazyfree {
    queue: OnceLock<SyncSender<Garbage>>,
    figures: Arc<Figures>,
}

impl Lazyfree {
    /// Starts the thread. It ends when the keyspace is dropped.
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    pub fn start(&self) -> std::io::Result<()> {
        let (sender, receiver) = sync_channel(LAZYFREE_QUEUE_LEN);
        let figures = Arc::clone(&self.figures);
        std::thread::Builder::new().name("lazyfree".into()).spawn(move || run(&receiver, &figures))?;
        let _ = self.queue.set(sender);
        Ok(())
    }

    /// Frees an entry: in the background if that takes more than a few deallocations and `lazily` says so.
    #[inline]
    pub fn free_entry(&self, entry: Entry, lazily: impl FnOnce() -> bool) {
        if entry.borrow().free_effort() > LAZYFREE_EFFORT_MIN && lazily() {
            self.submit(Garbage::Entry(entry));
        }
    }

    /// Frees tables and all they hold in the background.
    pub fn free_tables(&self, tables: Vec<Keys>) {
        if !tables.is_empty() {
            self.submit(Garbage::Tables(tables));
        }
    }

    /// Objects that wait to be freed (`lazyfree_pending_objects`).
    pub fn pending(&self) -> u64 {
        self.figures.pending.load(Ordering::Relaxed)
    }

    /// Objects freed in the background (`lazyfreed_objects`).
    pub fn freed(&self) -> u64 {
        self.figures.freed.load(Ordering::Relaxed)
    }

    /// Sets the counter of freed objects to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&self) {
        self.figures.freed.store(0, Ordering::Relaxed);
    }

    fn submit(&self, garbage: Garbage) {
        let objects = garbage.objects();
        // Before sending, so that the thread's subtraction cannot come first.
        self.figures.pending.fetch_add(objects, Ordering::Relaxed);
        let rejected = match self.queue.get().map(|queue| queue.try_send(garbage)) {
            Some(Ok(())) => return,
            Some(Err(TrySendError::Full(garbage) | TrySendError::Disconnected(garbage))) => garbage,
            None => return self.figures.done(objects),
        };
        drop(rejected);
        self.figures.done(objects);
    }
}

impl Figures {
    fn done(&self, objects: u64) {
        self.pending.fetch_sub(objects, Ordering::Relaxed);
        self.freed.fetch_add(objects, Ordering::Relaxed);
    }
}

fn run(queue: &Receiver<Garbage>, figures: &Figures) {
    while let Ok(garbage) = queue.recv() {
        let objects = garbage.objects();
        drop(garbage);
        // Who waits for the objects to be gone then sees the memory gone as well.
        alloc::flush_thread();
        figures.done(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::entry::{Encoding, NewValue};
    use crate::keyspace::hash::KeyHasher;

    fn tables(keys: usize) -> Vec<Keys> {
        let hasher = KeyHasher::new(1);
        let mut table = Keys::default();
        for key in 0..keys {
            let key = format!("key:{key}");
            table.insert(
                hasher.hash(key.as_bytes()),
                Entry::new(key.as_bytes(), NewValue::Bytes(b"v", Encoding::Embstr), None, 0),
                &hasher,
            );
        }
        vec![table]
    }

    #[test]
    fn everything_is_freed_and_counted_with_and_without_a_thread() {
        for with_thread in [false, true] {
            let lazyfree = Lazyfree::default();
            if with_thread {
                lazyfree.start().expect("a thread");
            }
            for _ in 0..LAZYFREE_QUEUE_LEN * 3 {
                lazyfree.free_tables(tables(10));
            }
            lazyfree.free_tables(Vec::new());
            while lazyfree.pending() > 0 {
                std::thread::yield_now();
            }
            assert_eq!(lazyfree.freed(), 30 * LAZYFREE_QUEUE_LEN as u64);
        }
    }
}
