//! What of a file is found and not read yet: the queue between the thread that goes through it and those that make values of it.
//!
//! Invariants:
//! * It holds at most [`BATCHES_MAX`] batches, and [`FAR_MAX`] places of values that are read from the file again.
//! * Of several problems the one that lies first among those that were found is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::load_file::{LoadError, Particulars};
use crate::persist::files::File;

/// Bytes of a batch.
pub(super) const BATCH_LEN: usize = 64 * 1024;
/// Batches that wait for a thread.
const BATCHES_MAX: usize = 64;
/// Values that are read from the file again and wait for a thread.
const FAR_MAX: usize = 1024;
/// Most keys without a value of which the log tells.
const TOLD_MAX: u64 = 10;

/// A key whose value lies in its batch.
#[derive(Debug)]
pub(super) struct Record {
    /// Without the name, which lies before the value.
    pub(super) key: Particulars,
    pub(super) kind: u8,
    pub(super) name_len: usize,
    pub(super) value_len: usize,
    /// Where the value is in the file.
    pub(super) offset: u64,
}

/// Keys that one thread reads.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Record>,
}

impl Batch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

/// A key whose value is too long for a batch: it is read from the file, from this place on.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) key: Particulars,
    pub(super) kind: u8,
    pub(super) offset: u64,
    pub(super) file: Arc<dyn File>,
}

/// What one thread does at once.
#[derive(Debug)]
pub(super) enum Work {
    Batch(Batch),
    Far(Far),
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    far: VecDeque<Far>,
    /// Batches that were read, whose memory others take.
    read: Vec<Batch>,
    is_closed: bool,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    /// The problem that lies first in the file.
    failure: Mutex<Option<LoadError>>,
    has_failed: AtomicBool,
    passed_over: AtomicU64,
}

impl Queue {
    /// Puts a batch into the queue, and gives an empty one back; or the same one, if the threads have enough to do.
    pub(super) fn hand_on(&self, batch: Batch) -> Result<Batch, Batch> {
        let mut waiting = self.waiting.lock();
        if waiting.batches.len() >= BATCHES_MAX {
            return Err(batch);
        }
        waiting.batches.push_back(batch);
        self.came.notify_one();
        Ok(waiting.read.pop().unwrap_or_default())
    }

    /// Puts a far value into the queue; false if there are too many.
    pub(super) fn hand_on_far(&self, far: Far) -> bool {
        let mut waiting = self.waiting.lock();
        let has_room = waiting.far.len() < FAR_MAX;
        if has_room {
            waiting.far.push_back(far);
            self.came.notify_one();
        }
        has_room
    }

    /// Takes what is to be done next, far values first since they take long; waits until there is something. `None` if no more comes.
    pub(super) fn take(&self) -> Option<Work> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(far) = waiting.far.pop_front() {
                return Some(Work::Far(far));
            }
            if let Some(batch) = waiting.batches.pop_front() {
                return Some(Work::Batch(batch));
            }
            if waiting.is_closed {
                return None;
            }
            self.came.wait(&mut waiting);
        }
    }

    /// Gives back a batch that was read.
    pub(super) fn give_back(&self, mut batch: Batch) {
        batch.clear();
        let mut waiting = self.waiting.lock();
        // Those that held a long value are left to the allocator.
        if batch.bytes.capacity() <= 2 * BATCH_LEN && waiting.read.len() < BATCHES_MAX {
            waiting.read.push(batch);
        }
    }

    /// No more comes: the threads end when they have read what waits.
    pub fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.came.notify_all();
    }

    /// Notes a problem.
    pub(super) fn note(&self, error: LoadError) {
        let mut failure = self.failure.lock();
        if failure.as_ref().is_none_or(|before| before.offset > error.offset) {
            *failure = Some(error);
        }
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// True if there was a problem: nothing is wanted any longer.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// The problem that lies first, once all threads have ended.
    pub(super) fn failure(&self) -> Option<LoadError> {
        self.failure.lock().take()
    }

    /// Tells the log of a key that has no value.
    pub(super) fn pass_over(&self, name: &[u8], hides_name: bool) {
        match self.passed_over.fetch_add(1, Ordering::Relaxed) {
            TOLD_MAX.. => {}
            _ if hides_name => tracing::info!("rdbLoadObject skipping empty key"),
            _ => tracing::info!("rdbLoadObject skipping empty key: {}", String::from_utf8_lossy(name)),
        }
    }

    /// Keys that had no value.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }
}
