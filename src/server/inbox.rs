//! What a worker's connections have read and parsed, and not run yet.
//!
//! A short request waits for memory three times as long as it takes to run: for its stripe, its bucket, its entry. Within a pipeline
//! [`super::pipeline`] turns the misses of all requests into one; this does so across connections. One that has read complete requests
//! lets those that are ready read theirs first, and whoever runs then asks for what all of them need.
//!
//! Invariants:
//! * What waits is bounded: by [`READ_BUFFER_LEN`] bytes and [`WAITING_REQUESTS_MAX`] requests. Who finds it full runs at once.
//! * The bytes below `used`, and requests that wait, stay where they are until all who wait have run.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use larder_proto::resp::Batch;

use super::pipeline::{self, LastCommand, Prepared};
use crate::base::limits::{READ_BUFFER_LEN, WAITING_REQUESTS_MAX};
use crate::engine::shared::Shared;
use crate::keyspace::Keyspace;

/// So many connections that read between two looks for events are likely to have company the next time.
const CROWD_MIN: u32 = 2;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Where sockets are read into: what waits, then room for one more read.
    pub(super) buffer: RefCell<Box<[u8]>>,
    pub(super) parsed: RefCell<Parsed>,
    used: Cell<usize>,
    /// Connections that wait.
    waiting: Cell<usize>,
    crowd: Arc<Crowd>,
}

/// How many connections find something to read each time that the worker looks for events. Shared with what its runtime calls then, on
/// the same thread.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Since the last look.
    now: AtomicU32,
    /// Between the two looks before.
    before: AtomicU32,
}

impl Crowd {
    /// The worker looks for events.
    pub(super) fn look(&self) {
        self.before.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
        self.now.store(0, Ordering::Relaxed);
    }
}

/// What one connection waits to run.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Bytes of the buffer.
    pub(super) bytes: Range<u32>,
    /// Requests of the batch.
    pub(super) requests: Range<u32>,
}

impl Inbox {
    pub(super) fn new(crowd: Arc<Crowd>) -> Inbox {
        Inbox {
            buffer: RefCell::new(vec![0; 2 * READ_BUFFER_LEN].into_boxed_slice()),
            parsed: RefCell::default(),
            used: Cell::new(0),
            waiting: Cell::new(0),
            crowd,
        }
    }

    /// Where the next read goes to.
    #[inline]
    pub(super) fn free(&self) -> Range<usize> {
        self.used.get()..self.used.get() + READ_BUFFER_LEN
    }

    /// Notes that a connection has read. True if others are likely to be ready as well, as others were the last time.
    #[inline]
    pub(super) fn note_reader(&self) -> bool {
        let crowd = &self.crowd;
        let readers = crowd.now.load(Ordering::Relaxed) + 1;
        crowd.now.store(readers, Ordering::Relaxed);
        readers.max(crowd.before.load(Ordering::Relaxed)) >= CROWD_MIN
    }

    /// Keeps `len` bytes that were just read, all of them `requests`, until [`Inbox::release`]. None if there is no room.
    #[inline]
    pub(super) fn hold(&self, len: usize, requests: &Range<usize>) -> Option<Waiting> {
        let used = self.used.get();
        if used + len > READ_BUFFER_LEN || requests.end > WAITING_REQUESTS_MAX {
            return None;
        }
        self.used.set(used + len);
        self.waiting.set(self.waiting.get() + 1);
        Some(Waiting { bytes: used as u32..(used + len) as u32, requests: requests.start as u32..requests.end as u32 })
    }

    /// One that waited has run, or has gone.
    #[inline]
    pub(super) fn release(&self) {
        let left = self.waiting.get() - 1;
        self.waiting.set(left);
        if left == 0 {
            self.used.set(0);
            self.parsed.borrow_mut().clear();
        }
    }
}

/// Parsed requests, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) batch: Batch,
    pub(super) prepared: Vec<Prepared>,
    /// For so many of them memory was asked.
    asked: usize,
    last: LastCommand,
}

/// How much was there before a batch was parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    requests: usize,
    args: usize,
}

impl Parsed {
    fn clear(&mut self) {
        self.batch.clear();
        self.prepared.clear();
        self.asked = 0;
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { requests: self.batch.requests.len(), args: self.batch.args.len() }
    }

    /// The requests that were parsed since `mark`.
    #[inline]
    pub(super) fn since(&self, mark: Mark) -> Range<usize> {
        mark.requests..self.batch.requests.len()
    }

    /// Forgets what was parsed since `mark`.
    #[inline]
    pub(super) fn forget(&mut self, mark: Mark) {
        if mark.requests == 0 {
            self.clear();
            return;
        }
        self.batch.requests.truncate(mark.requests);
        self.batch.args.truncate(mark.args);
        self.prepared.truncate(mark.requests);
        self.asked = self.asked.min(mark.requests);
    }

    /// Looks up what was parsed from `buffer` since the last time. With `db` its keys are located, which is where they are then looked
    /// for.
    #[inline]
    pub(super) fn prepare(&mut self, shared: &Shared, buffer: &[u8], db: Option<u32>) {
        let from = self.prepared.len();
        pipeline::prepare(shared, buffer, &self.batch, from, db, &mut self.last, &mut self.prepared);
    }

    /// Asks the processor for what is needed up to request `end`, and with it for what all others need that wait.
    #[inline]
    pub(super) fn look_ahead(&mut self, keyspace: &Keyspace, end: usize) {
        if self.asked < end {
            pipeline::prefetch(keyspace, &mut self.prepared[self.asked..]);
            self.asked = self.prepared.len();
        }
    }
}
