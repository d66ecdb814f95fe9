//! Freeing in the background: a thread to which large values, whole tables and what large clients leave behind go, so that nobody waits
//! for their deallocation.
//!
//! The thread frees at the lowest priority. At an equal one it has its fair share of a processor, in slices of some milliseconds, and a worker that
//! is woken beside it has had its own already: the longest of a thousand GETs took 2 to 4 ms while ten million elements were freed, however
//! often the thread gave its processor up. Now they take what they take otherwise. What waits meanwhile is bounded, and a processor that nobody
//! else wants is all the thread's. Giving memory back to the system is another thread's work, at the usual priority: it holds the address space
//! for a while, and who holds that must not stand behind others.
//!
//! Invariants: what is handed over is out of reach of every command. The queue is bounded, and so are the bytes of the values in it; when it
//! is full, or no thread was started (tests), the caller frees by itself: that is slower, never wrong.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::entry::{Entry, Type};
use super::stripe::Keys;
use crate::base::limits::{LAZYFREE_EFFORT_MIN, LAZYFREE_QUEUE_LEN, LAZYFREE_WAITING_LEN_MAX};
use crate::base::{alloc, clock};

/// Between two times that free memory goes back to the system: what is needed again soon is not given away, as far as that can be told.
const PURGE_INTERVAL_MS: u64 = 1000;

/// The lowest priority (setpriority(2)): a hundredth of a processor that others want as well, all of one that they do not.
const NICE: i32 = 19;

enum Garbage {
    /// With its bytes.
    Entry(#[expect(dead_code, reason = "it is only held to be dropped")] Entry, u64),
    Tables(Vec<Keys>),
    /// What is no part of the keyspace: who hands it over says how it is freed.
    Other(Box<dyn FnOnce() + Send>),
}

impl Garbage {
    /// Objects it counts as in `lazyfree_pending_objects`: a value is one, however many parts it has.
    fn objects(&self) -> u64 {
        match self {
            Garbage::Entry(..) => 1,
            Garbage::Tables(tables) => tables.iter().map(|keys| keys.table.len() as u64).sum(),
            Garbage::Other(_) => 0,
        }
    }

    /// Bytes of a single value.
    fn bytes(&self) -> u64 {
        if let Garbage::Entry(_, bytes) = self { *bytes } else { 0 }
    }

    fn free(self) {
        if let Garbage::Other(free) = self {
            free();
        }
    }
}

/// Counters, shared with the thread.
#[derive(Debug, Default)]
struct Figures {
    pending: AtomicU64,
    /// Bytes of the single values among them.
    bytes: AtomicU64,
    freed: AtomicU64,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Lazyfree {
    queue: OnceLock<SyncSender<Garbage>>,
    /// Dropped with this, it ends the thread that gives memory back.
    end: OnceLock<SyncSender<()>>,
    figures: Arc<Figures>,
}

impl Lazyfree {
    /// Starts the thread, and one that gives free memory back to the system from now on. They end when the keyspace is dropped.
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    pub fn start(&self) -> std::io::Result<()> {
        let (sender, receiver) = sync_channel(LAZYFREE_QUEUE_LEN);
        let figures = Arc::clone(&self.figures);
        let (end, on_end) = sync_channel(1);
        alloc::purge_only_when_told();
        std::thread::Builder::new().name("purge".into()).spawn(move || purge_until(&on_end))?;
        let _ = self.end.set(end);
        std::thread::Builder::new().name("lazyfree".into()).spawn(move || run(&receiver, &figures))?;
        let _ = self.queue.set(sender);
        Ok(())
    }

    /// Frees an entry: in the background if that takes more than a few deallocations and `lazily` says so.
    #[inline]
    pub fn free_entry(&self, entry: Entry, lazily: impl FnOnce() -> bool) {
        let seen = entry.borrow();
        if seen.free_effort() > LAZYFREE_EFFORT_MIN && lazily() {
            // The chunks of a long string may belong to others as well. They are few: what waits of them is soon gone.
            let bytes = if seen.is(Type::String) { 0 } else { seen.boxed_len() as u64 };
            let waiting = self.figures.bytes.load(Ordering::Relaxed);
            // However large, a value that nothing waits before is handed over.
            if waiting == 0 || waiting + bytes <= LAZYFREE_WAITING_LEN_MAX {
                self.submit(Garbage::Entry(entry, bytes));
            }
        }
    }

    /// Frees tables and all they hold in the background.
    pub fn free_tables(&self, tables: Vec<Keys>) {
        if !tables.is_empty() {
            self.submit(Garbage::Tables(tables));
        }
    }

    /// Runs `free` in the background. It counts as no object.
    pub fn free_other(&self, free: Box<dyn FnOnce() + Send>) {
        self.submit(Garbage::Other(free));
    }

    /// Objects that wait to be freed (`lazyfree_pending_objects`).
    pub fn pending(&self) -> u64 {
        self.figures.pending.load(Ordering::Relaxed)
    }

    /// Bytes of values that wait to be freed: as good as free.
    pub fn waiting_bytes(&self) -> u64 {
        self.figures.bytes.load(Ordering::Relaxed)
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
        let (objects, bytes) = (garbage.objects(), garbage.bytes());
        // Before sending, so that the thread's subtraction cannot come first.
        self.figures.pending.fetch_add(objects, Ordering::Relaxed);
        self.figures.bytes.fetch_add(bytes, Ordering::Relaxed);
        let rejected = match self.queue.get() {
            Some(queue) => match queue.try_send(garbage) {
                Ok(()) => return,
                Err(TrySendError::Full(garbage) | TrySendError::Disconnected(garbage)) => garbage,
            },
            None => garbage,
        };
        rejected.free();
        self.figures.done(objects, bytes);
    }
}

impl Figures {
    fn done(&self, objects: u64, bytes: u64) {
        self.pending.fetch_sub(objects, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.freed.fetch_add(objects, Ordering::Relaxed);
    }
}

/// Gives free memory back to the system again and again.
fn purge_until(end: &Receiver<()>) {
    while end.recv_timeout(Duration::from_millis(PURGE_INTERVAL_MS)) == Err(RecvTimeoutError::Timeout) {
        alloc::purge();
    }
}

fn run(queue: &Receiver<Garbage>, figures: &Figures) {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        // It frees all the same.
        tracing::debug!("Can't lower the priority of the thread that frees: {error}");
    }
    let mut tidied_ms = clock::monotonic_ms();
    loop {
        let now_ms = clock::monotonic_ms();
        if now_ms - tidied_ms >= PURGE_INTERVAL_MS {
            // What this thread has of freed memory becomes everybody's.
            alloc::tidy();
            tidied_ms = now_ms;
        }
        let garbage = match queue.recv_timeout(Duration::from_millis(tidied_ms + PURGE_INTERVAL_MS - now_ms)) {
            Ok(garbage) => garbage,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let (objects, bytes) = (garbage.objects(), garbage.bytes());
        garbage.free();
        // Who waits for the objects to be gone then sees the memory gone as well.
        alloc::flush_thread();
        figures.done(objects, bytes);
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
            let others = Arc::new(AtomicU64::new(0));
            for _ in 0..LAZYFREE_QUEUE_LEN * 3 {
                let others = Arc::clone(&others);
                lazyfree.free_other(Box::new(move || _ = others.fetch_add(1, Ordering::Relaxed)));
                lazyfree.free_tables(tables(10));
            }
            lazyfree.free_tables(Vec::new());
            while lazyfree.pending() > 0 {
                std::thread::yield_now();
            }
            assert_eq!(lazyfree.freed(), 30 * LAZYFREE_QUEUE_LEN as u64);
            assert_eq!(others.load(Ordering::Relaxed), 3 * LAZYFREE_QUEUE_LEN as u64);
        }
    }
}
