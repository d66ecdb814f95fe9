//! Loading a file into the keyspace, on several threads.
//!
//! One thread goes through the file and finds where values end ([`skim`]); it hands them on in batches to others ([`Queue`]), which read them and
//! put them under their keys ([`Helper`]). If these have enough to do it reads a batch by itself. Of a value whose end is far away it hands on only
//! the place: one of the others reads the file from there, while it passes over the value.
//!
//! Invariant: of the file the queue's batches, the longest collected value and a block for each thread are in memory beside what was loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::file_source::FileSource;
use super::load::{self, Access, Limits};
use super::load_file::{LoadError, Particulars, Problem, Receiver};
use super::source::Source;
pub use super::work::Queue;
use super::work::{BATCH_LEN, Batch, Far, Record, Work};
use super::{Corrupt, EMPTY, place, skim};
use crate::base::clock;
use crate::keyspace::Keyspace;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::loading::{Loader, Twice};
use crate::keyspace::value::hash::FieldAccess;

/// A value that does not end within so many bytes is far.
const COLLECTED_LEN_MAX: usize = 1024 * 1024;
/// What a key takes in a file at least, with its value, unless both are very short: tables are not made for more keys than that leaves room for.
const KEY_LEN: u64 = 16;
/// Between two looks whether what is delayed is still wanted.
const DELAY_STEP_US: u64 = 10_000;

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
struct Plan<'k> {
    keyspace: &'k Keyspace,
    settings: Settings,
    progress: &'k Progress,
    liveness: Liveness,
}

/// Makes values of what a file holds: each thread has its own.
#[derive(Debug)]
struct Builder<'k> {
    plan: Plan<'k>,
    loader: Loader<'k>,
    /// For texts that do not lie in one piece.
    room: Vec<u8>,
    /// What nobody was told of yet.
    loaded: u64,
    expired: u64,
    twice: Option<Twice>,
}

impl<'k> Builder<'k> {
    fn new(plan: Plan<'k>) -> Self {
        let loader = Loader::new(plan.keyspace, plan.settings.replaces);
        Builder { plan, loader, room: Vec::new(), loaded: 0, expired: 0, twice: None }
    }

    /// Reads a value, which is there in the file, and puts it under its key.
    fn build(&mut self, key: &Particulars, name: &[u8], kind: u8, source: &mut impl Source, offset: u64) -> Result<(), Corrupt> {
        let Plan { keyspace, settings, liveness, .. } = &self.plan;
        let clock = match (key.idle, key.frequency) {
            (_, Some(counter)) => settings.clock.used_often(counter),
            (Some(seconds), None) => settings.clock.idle(seconds),
            (None, None) => settings.clock.fresh(),
        };
        let fields = FieldAccess { hasher: keyspace.hasher(), liveness: *liveness };
        let access = Access { fields, limits: settings.limits };
        let entry = load::entry(kind, source, &access, &mut self.room, (name, key.expiry_ms, clock))?;
        if key.expiry_ms.is_some_and(|expiry_ms| !liveness.holds(expiry_ms)) {
            self.expired += 1;
            return Ok(());
        }
        self.loaded += 1;
        let put = self.loader.put(key.db, entry, offset);
        self.note(put);
        Ok(())
    }

    fn note(&mut self, put: Result<(), Twice>) {
        self.twice = self.twice.or_else(|| put.err());
    }

    /// Tells how far it is.
    fn tell(&mut self, queue: &Queue) {
        let progress = self.plan.progress;
        for (count, told) in [(&mut self.loaded, &progress.keys_loaded), (&mut self.expired, &progress.keys_expired)] {
            told.fetch_add(std::mem::take(count), Ordering::Relaxed);
        }
        if let Some(Twice { db, origin }) = self.twice.take() {
            queue.note(LoadError { offset: origin, problem: Problem::Twice(db) });
        }
    }

    /// Puts in what waits.
    fn finish(&mut self, queue: &Queue) {
        let put = self.loader.finish();
        self.note(put);
        self.tell(queue);
    }

    /// Says what became of a value: one of a collection without elements is none.
    fn conclude(&self, built: Result<(), Corrupt>, name: &[u8], offset: u64, queue: &Queue) -> Result<(), LoadError> {
        match built {
            Err(EMPTY) => queue.pass_over(name, self.plan.settings.hides_names),
            Err(Corrupt(why)) => return Err(LoadError { offset, problem: Problem::Corrupt(why) }),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Builds a batch.
    fn build_all(&mut self, batch: &Batch, queue: &Queue) -> Result<(), LoadError> {
        let mut rest = &batch.bytes[..];
        for record in &batch.records {
            let (name, mut value);
            (name, rest) = rest.split_at(record.name_len);
            (value, rest) = rest.split_at(record.value_len);
            let built = self.build(&record.key, name, record.kind, &mut value, record.offset);
            self.conclude(built, name, record.offset, queue)?;
        }
        Ok(())
    }

    /// Builds what lies far from here.
    fn build_far(&mut self, far: &Far, queue: &Queue) -> Result<(), LoadError> {
        let mut on_read = |_| ();
        let mut source = FileSource::at(&far.file, far.offset, &mut on_read);
        let name = &far.key.name;
        let built = self.build(&far.key, name, far.kind, &mut source, far.offset);
        match source.error.take() {
            Some(error) => Err(LoadError { offset: source.offset(), problem: Problem::Io(error) }),
            None => self.conclude(built, name, source.offset(), queue),
        }
    }

    fn work(&mut self, work: Work, queue: &Queue) {
        let result = match work {
            Work::Batch(batch) => {
                let result = self.build_all(&batch, queue);
                queue.give_back(batch);
                result
            }
            Work::Far(far) => self.build_far(&far, queue),
        };
        if let Err(error) = result {
            queue.note(error);
        }
        self.tell(queue);
    }
}

/// A thread that makes values, until the queue is closed.
#[derive(Debug)]
pub struct Helper<'k>(Builder<'k>);

impl Helper<'_> {
    /// Its work.
    pub fn run(mut self, queue: &Queue) {
        while let Some(work) = queue.take() {
            // After a problem nothing is wanted any longer.
            if !queue.has_failed() {
                self.0.work(work, queue);
            }
        }
        self.0.finish(queue);
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
        let plan = Plan { keyspace, settings, progress, liveness: settings.liveness() };
        IntoKeyspace { builder: Builder::new(plan), on_begin, has_begun: false, queue, batch: Batch::default() }
    }

    /// For a thread that helps.
    pub fn helper(&self) -> Helper<'k> {
        Helper(Builder::new(self.builder.plan))
    }

    /// True once the file was known to be one.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Hands on what was found, or reads it if the others have enough to do.
    fn hand_on(&mut self) {
        match self.queue.hand_on(std::mem::take(&mut self.batch)) {
            Ok(empty) => self.batch = empty,
            Err(left) => self.builder.work(Work::Batch(left), self.queue),
        }
    }

    /// Hands on what is left. To be called at the file's end, before the helpers are waited for.
    pub fn finish(&mut self) {
        self.hand_on();
        self.queue.close();
        self.builder.finish(self.queue);
    }

    /// To be called once all have ended. Returns what a helper found wrong.
    pub fn conclude(&self) -> Option<LoadError> {
        self.builder.plan.keyspace.settle();
        self.queue.failure()
    }

    /// Tells the log how it went.
    pub fn report(&self) {
        let progress = self.builder.plan.progress;
        let (loaded, expired) = (progress.keys_loaded.load(Ordering::Relaxed), progress.keys_expired.load(Ordering::Relaxed));
        let passed_over = match self.queue.passed_over() {
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
            on_begin(self.builder.plan.keyspace);
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
                let age = (self.builder.plan.settings.now_ms / 1000).saturating_sub(text.parse().unwrap_or(i64::MAX)).max(0);
                tracing::info!("RDB age {age} seconds");
            }
            "used-mem" => {
                let bytes: u64 = text.parse().unwrap_or(0);
                tracing::info!("RDB memory usage when created {:.2} Mb", bytes as f64 / f64::from(1 << 20));
                self.builder.plan.progress.rdb_used_mem.store(bytes, Ordering::Relaxed);
            }
            place::DATABASE => {
                // A number that there is no database for is refused where the stream goes on.
                self.builder.plan.progress.stream_db.store(text.parse().unwrap_or(0), Ordering::Relaxed);
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
        let Plan { settings, progress, .. } = self.builder.plan;
        if progress.is_cancelled.load(Ordering::Relaxed) {
            return Err(Problem::Cancelled);
        }
        if self.queue.has_failed() {
            return Err(Problem::Elsewhere);
        }
        // Who slows loading down wants it key by key.
        if settings.key_delay_us == 0 {
            if self.collect(key, kind, source) {
                if self.batch.bytes.len() >= BATCH_LEN {
                    self.hand_on();
                }
                return Ok(());
            }
            let far = Far { key: key.clone(), kind, offset: source.offset(), file: Arc::clone(source.file()) };
            if self.queue.hand_on_far(far) {
                // Who reads it says what is wrong with it.
                return skim::pass_over(kind, source).ok_or(Problem::Corrupt("a value does not end"));
            }
        }
        let offset = source.offset();
        let built = self.builder.build(key, &key.name, kind, source, offset);
        self.builder.tell(self.queue);
        delay(settings.key_delay_us, progress.keys_loaded.load(Ordering::Relaxed), &progress.is_cancelled);
        built.map_err(Problem::from)
    }

    fn expect(&mut self, db: u32, keys: u64, len_max: u64) {
        self.builder.plan.keyspace.expect(db, keys.min(len_max / KEY_LEN));
    }

    fn passed_over(&mut self, name: &[u8]) {
        self.queue.pass_over(name, self.builder.plan.settings.hides_names);
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
