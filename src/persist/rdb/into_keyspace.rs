//! Loading a file into the keyspace, on several threads.
//!
//! One thread goes through the file and finds where values end ([`skim`]); it hands them on in batches to others, which read them and put them
//! under their keys ([`Helper`]). If these have enough to do it reads a batch by itself; and a value whose end is far away, as it goes.
//!
//! Invariants:
//! * Of the file a few batches and the longest collected value are in memory beside what was loaded.
//! * Of several problems the one that lies first among those that were found is told.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as BatchReceiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

use super::file_source::FileSource;
use super::load::{self, Access, Limits};
use super::load_file::{LoadError, Particulars, Problem, Receiver};
use super::source::Source;
use super::{EMPTY, place, skim};
use crate::base::clock;
use crate::keyspace::Keyspace;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::loading::Loaded;
use crate::keyspace::value::hash::FieldAccess;

/// Bytes of a batch.
const BATCH_LEN: usize = 64 * 1024;
/// Batches that wait for a thread.
const BATCHES_MAX: usize = 64;
/// A value that does not end within so many bytes is read as it goes.
const COLLECTED_LEN_MAX: usize = 1024 * 1024;
/// Between two looks whether what is delayed is still wanted.
const DELAY_STEP_US: u64 = 10_000;
/// Most keys without a value of which the log tells.
const TOLD_MAX: u64 = 10;

/// How far loading is. Written by who loads, read by everybody.
#[derive(Debug, Default)]
pub struct Progress {
    /// Something is being loaded.
    pub is_loading: AtomicBool,
    /// When it began, unix milliseconds.
    pub started_ms: AtomicU64,
    /// Length of the file.
    pub total_bytes: AtomicU64,
    /// What was read of it.
    pub loaded_bytes: AtomicU64,
    /// What the file says of the memory that was in use when it was written.
    pub rdb_used_mem: AtomicU64,
    /// Keys that were loaded, by the last file.
    pub keys_loaded: AtomicU64,
    /// Keys that were left out because their time had come.
    pub keys_expired: AtomicU64,
    /// The database that the stream of a primary behind the file begins in.
    pub stream_db: AtomicU32,
    /// Whoever loads is to give up.
    pub is_cancelled: AtomicBool,
}

/// What a file is loaded with.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Forms of values.
    pub limits: Limits,
    /// When keys that say nothing of it were used.
    pub clock: AccessClock,
    /// Now, unix milliseconds.
    pub now_ms: i64,
    /// A key that is there already gets the file's value.
    pub replaces: bool,
    /// What has ended is loaded as well: a log that follows says when it went.
    pub keeps_ended: bool,
    /// The log does not tell the names of keys.
    pub hides_names: bool,
    /// Microseconds to wait after each key; if negative, one after so many keys. For tests.
    pub key_delay_us: i64,
}

/// What values are read with, and where they go: the same for all threads.
#[derive(Debug, Clone, Copy)]
struct Builder<'k> {
    keyspace: &'k Keyspace,
    settings: Settings,
    progress: &'k Progress,
    liveness: Liveness,
}

impl Builder<'_> {
    /// Reads a value and puts it under its key.
    fn build(&self, key: &Particulars, name: &[u8], kind: u8, source: &mut impl Source) -> Result<(), Problem> {
        let settings = &self.settings;
        let fields = FieldAccess { hasher: self.keyspace.hasher(), liveness: self.liveness };
        let object = load::object(kind, source, &Access { fields, limits: settings.limits })?;
        if key.expiry_ms.is_some_and(|expiry_ms| !self.liveness.holds(expiry_ms)) {
            self.progress.keys_expired.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let clock = match (key.idle, key.frequency) {
            (_, Some(counter)) => settings.clock.used_often(counter),
            (Some(seconds), None) => settings.clock.idle(seconds),
            (None, None) => settings.clock.fresh(),
        };
        let entry = object.into_entry(name, key.expiry_ms, clock);
        if self.keyspace.put_loaded(key.db, entry, settings.replaces) == Loaded::Twice {
            return Err(Problem::Twice(key.db));
        }
        let loaded = 1 + self.progress.keys_loaded.fetch_add(1, Ordering::Relaxed);
        delay(settings.key_delay_us, loaded, &self.progress.is_cancelled);
        Ok(())
    }

    /// Builds a batch.
    fn build_all(&self, batch: &Batch, queue: &Queue) -> Result<(), LoadError> {
        let mut rest = &batch.bytes[..];
        for record in &batch.records {
            let (name, mut value);
            (name, rest) = rest.split_at(record.name_len);
            (value, rest) = rest.split_at(record.value_len);
            match self.build(&record.key, name, record.kind, &mut value) {
                Err(Problem::Corrupt(why)) if why == EMPTY.0 => queue.pass_over(name, self.settings.hides_names),
                other => other.map_err(|problem| LoadError { offset: record.offset, problem })?,
            }
        }
        Ok(())
    }
}

/// A key whose value lies in its batch.
#[derive(Debug)]
struct Record {
    /// Without the name, which lies before the value.
    key: Particulars,
    kind: u8,
    name_len: usize,
    value_len: usize,
    /// Where the value is in the file.
    offset: u64,
}

/// Keys that one thread reads.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// Where batches wait for the threads that read them.
#[derive(Debug)]
pub struct Queue {
    batches: Mutex<Option<SyncSender<Batch>>>,
    waiting: Mutex<BatchReceiver<Batch>>,
    /// The problem that lies first in the file.
    failure: Mutex<Option<LoadError>>,
    has_failed: AtomicBool,
    passed_over: AtomicU64,
}

impl Default for Queue {
    fn default() -> Self {
        let (sender, receiver) = sync_channel(BATCHES_MAX);
        Queue {
            batches: Mutex::new(Some(sender)),
            waiting: Mutex::new(receiver),
            failure: Mutex::default(),
            has_failed: AtomicBool::new(false),
            passed_over: AtomicU64::new(0),
        }
    }
}

impl Queue {
    fn note(&self, result: Result<(), LoadError>) {
        if let Err(error) = result {
            let mut failure = self.failure.lock();
            if failure.as_ref().is_none_or(|before| before.offset > error.offset) {
                *failure = Some(error);
            }
            self.has_failed.store(true, Ordering::Relaxed);
        }
    }

    /// Tells the log of a key that has no value.
    fn pass_over(&self, name: &[u8], hides_name: bool) {
        match self.passed_over.fetch_add(1, Ordering::Relaxed) {
            TOLD_MAX.. => {}
            _ if hides_name => tracing::info!("rdbLoadObject skipping empty key"),
            _ => tracing::info!("rdbLoadObject skipping empty key: {}", String::from_utf8_lossy(name)),
        }
    }

    /// No more batches come: the threads end when they have read those that wait.
    pub fn close(&self) {
        *self.batches.lock() = None;
    }
}

/// A thread that reads batches, until the queue is closed.
#[derive(Debug)]
pub struct Helper<'k>(Builder<'k>);

impl Helper<'_> {
    /// Its work.
    pub fn run(&self, queue: &Queue) {
        loop {
            let next = queue.waiting.lock().recv();
            let Ok(batch) = next else { return };
            // After a problem nothing is wanted any longer.
            if !queue.has_failed.load(Ordering::Relaxed) {
                queue.note(self.0.build_all(&batch, queue));
            }
        }
    }
}

impl Settings {
    /// What of the file is loaded, by its age.
    fn liveness(&self) -> Liveness {
        if self.keeps_ended { Liveness::EVERYTHING } else { Liveness::at(self.now_ms) }
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct IntoKeyspace<'k> {
    builder: Builder<'k>,
    /// Called when the file is known to be one: what is there may go now.
    on_begin: Option<fn(&Keyspace)>,
    has_begun: bool,
    queue: &'k Queue,
    batch: Batch,
}

impl<'k> IntoKeyspace<'k> {
    /// Into this keyspace. `on_begin` is called when the file is known to be one.
    pub fn new(
        keyspace: &'k Keyspace,
        settings: Settings,
        progress: &'k Progress,
        on_begin: Option<fn(&Keyspace)>,
        queue: &'k Queue,
    ) -> Self {
        let builder = Builder { keyspace, settings, progress, liveness: settings.liveness() };
        IntoKeyspace { builder, on_begin, has_begun: false, queue, batch: Batch::default() }
    }

    /// For a thread that helps.
    pub fn helper(&self) -> Helper<'k> {
        Helper(self.builder)
    }

    /// True once the file was known to be one.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Hands on what was found, or reads it if the others have enough to do.
    fn hand_on(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let sender = self.queue.batches.lock().clone();
        let left = match sender.map(|sender| sender.try_send(batch)) {
            Some(Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch))) => batch,
            Some(Ok(())) | None => return,
        };
        self.queue.note(self.builder.build_all(&left, self.queue));
    }

    /// Hands on what is left. To be called at the file's end, before the helpers are waited for.
    pub fn finish(&mut self) {
        self.hand_on();
        self.queue.close();
    }

    /// What a helper found wrong, once all have ended.
    pub fn failure(&self) -> Option<LoadError> {
        self.queue.failure.lock().take()
    }

    /// Tells the log how it went.
    pub fn report(&self) {
        let progress = self.builder.progress;
        let (loaded, expired) = (progress.keys_loaded.load(Ordering::Relaxed), progress.keys_expired.load(Ordering::Relaxed));
        let passed_over = match self.queue.passed_over.load(Ordering::Relaxed) {
            0 => String::new(),
            count => format!(", empty keys skipped: {count}"),
        };
        tracing::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}{passed_over}.");
    }

    /// Puts a value into the batch, if its end is to be seen.
    fn collect(&mut self, key: &Particulars, kind: u8, source: &mut FileSource<'_>) -> bool {
        let mut len_min = 1;
        let value_len = loop {
            let bytes = source.peek(len_min);
            if let Some(value_len) = skim::value_len(kind, bytes) {
                break value_len;
            }
            // Either there is more of it in the file, or it is somebody else's.
            if bytes.len() < len_min || bytes.len() >= COLLECTED_LEN_MAX {
                return false;
            }
            len_min = bytes.len() + 1;
        };
        let offset = source.offset();
        self.batch.bytes.extend_from_slice(&key.name);
        self.batch.bytes.extend_from_slice(&source.peek(value_len)[..value_len]);
        source.advance(value_len);
        self.batch.records.push(Record { key: key.without_name(), kind, name_len: key.name.len(), value_len, offset });
        true
    }
}

impl Receiver for IntoKeyspace<'_> {
    fn begin(&mut self, _: u16) {
        self.has_begun = true;
        if let Some(on_begin) = self.on_begin {
            tracing::info!("RDB signature and version check passed. Flushing old data");
            on_begin(self.builder.keyspace);
        }
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        match &*name {
            name if name.starts_with('%') => tracing::info!("RDB '{name}': {text}"),
            "larder-ver" => tracing::info!("Loading RDB produced by Larder version {text}"),
            "redis-ver" => tracing::info!("Loading RDB produced by Redis version {text}"),
            "valkey-ver" => tracing::info!("Loading RDB produced by Valkey version {text}"),
            "ctime" => {
                let age = (self.builder.settings.now_ms / 1000).saturating_sub(text.parse().unwrap_or(i64::MAX)).max(0);
                tracing::info!("RDB age {age} seconds");
            }
            "used-mem" => {
                let bytes: u64 = text.parse().unwrap_or(0);
                tracing::info!("RDB memory usage when created {:.2} Mb", bytes as f64 / f64::from(1 << 20));
                self.builder.progress.rdb_used_mem.store(bytes, Ordering::Relaxed);
            }
            place::DATABASE => {
                // A number that there is no database for is refused where the stream goes on.
                self.builder.progress.stream_db.store(text.parse().unwrap_or(0), Ordering::Relaxed);
            }
            "aof-base" if text != "0" => tracing::info!("RDB is base AOF"),
            // A base of a time when one file was base and log, and what every server of 64 bits says.
            "redis-bits" | "aof-base" => {}
            // Whoever goes on from there has read it before.
            place::ID | place::OFFSET => {}
            "aof-preamble" if text != "0" => tracing::info!("RDB has an AOF tail"),
            "aof-preamble" => {}
            _ => tracing::debug!("Unrecognized RDB AUX field: '{name}'"),
        }
    }

    fn value(&mut self, key: &mut Particulars, kind: u8, source: &mut FileSource<'_>) -> Result<(), Problem> {
        let progress = self.builder.progress;
        if progress.is_cancelled.load(Ordering::Relaxed) {
            return Err(Problem::Cancelled);
        }
        if self.queue.has_failed.load(Ordering::Relaxed) {
            return Err(Problem::Elsewhere);
        }
        // Who slows loading down wants it key by key.
        if self.builder.settings.key_delay_us == 0 && self.collect(key, kind, source) {
            if self.batch.bytes.len() >= BATCH_LEN {
                self.hand_on();
            }
            return Ok(());
        }
        self.builder.build(key, &key.name, kind, source)
    }

    fn passed_over(&mut self, name: &[u8]) {
        self.queue.pass_over(name, self.builder.settings.hides_names);
    }
}

/// Waits after the key of this number, for tests; not longer than it takes to give up.
pub fn delay(key_delay_us: i64, number: u64, is_cancelled: &AtomicBool) {
    let mut left_us = match key_delay_us {
        1.. => key_delay_us as u64,
        ..=-1 if number.is_multiple_of(key_delay_us.unsigned_abs()) => 1,
        _ => 0,
    };
    while left_us > 0 && !is_cancelled.load(Ordering::Relaxed) {
        let now_us = left_us.min(DELAY_STEP_US);
        std::thread::sleep(Duration::from_micros(now_us));
        left_us -= now_us;
    }
}

impl Progress {
    /// Begins to load something of this length.
    pub fn begin(&self, total_bytes: u64) {
        for (figure, value) in [
            (&self.started_ms, clock::unix_ms().max(0) as u64),
            (&self.total_bytes, total_bytes),
            (&self.loaded_bytes, 0),
            (&self.rdb_used_mem, 0),
            (&self.keys_loaded, 0),
            (&self.keys_expired, 0),
        ] {
            figure.store(value, Ordering::Relaxed);
        }
        self.stream_db.store(0, Ordering::Relaxed);
        self.is_cancelled.store(false, Ordering::Relaxed);
    }
}
