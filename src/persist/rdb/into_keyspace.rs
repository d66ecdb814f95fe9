//! Loading a file into the keyspace.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::file_source::FileSource;
use super::load::{self, Access, Limits};
use super::load_file::{Particulars, Problem, Receiver};
use crate::base::clock;
use crate::keyspace::Keyspace;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::loading::Loaded;
use crate::keyspace::value::hash::FieldAccess;

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
    /// Microseconds to wait after each key; if negative, one after so many keys. For tests.
    pub key_delay_us: i64,
}

/// See the module's page.
#[derive(Debug)]
pub struct IntoKeyspace<'k> {
    keyspace: &'k Keyspace,
    settings: Settings,
    progress: &'k Progress,
    liveness: Liveness,
    /// Called when the file is known to be one: what is there may go now.
    on_begin: Option<fn(&Keyspace)>,
    has_begun: bool,
    passed_over: u64,
}

impl<'k> IntoKeyspace<'k> {
    /// Into this keyspace. `on_begin` is called when the file is known to be one.
    pub fn new(keyspace: &'k Keyspace, settings: Settings, progress: &'k Progress, on_begin: Option<fn(&Keyspace)>) -> Self {
        let liveness = if settings.keeps_ended { Liveness::EVERYTHING } else { Liveness::at(settings.now_ms) };
        IntoKeyspace { keyspace, settings, progress, liveness, on_begin, has_begun: false, passed_over: 0 }
    }

    /// True once the file was known to be one.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Tells the log how it went.
    pub fn report(&self) {
        let (loaded, expired) = (self.progress.keys_loaded.load(Ordering::Relaxed), self.progress.keys_expired.load(Ordering::Relaxed));
        let passed_over = match self.passed_over {
            0 => String::new(),
            count => format!(", empty keys skipped: {count}"),
        };
        tracing::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}{passed_over}.");
    }
}

impl Receiver for IntoKeyspace<'_> {
    fn begin(&mut self, _: u16) {
        self.has_begun = true;
        if let Some(on_begin) = self.on_begin {
            tracing::info!("RDB signature and version check passed. Flushing old data");
            on_begin(self.keyspace);
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
                let age = (self.settings.now_ms / 1000).saturating_sub(text.parse().unwrap_or(i64::MAX)).max(0);
                tracing::info!("RDB age {age} seconds");
            }
            "used-mem" => {
                let bytes: u64 = text.parse().unwrap_or(0);
                tracing::info!("RDB memory usage when created {:.2} Mb", bytes as f64 / f64::from(1 << 20));
                self.progress.rdb_used_mem.store(bytes, Ordering::Relaxed);
            }
            "aof-base" if text != "0" => tracing::info!("RDB is base AOF"),
            _ => tracing::debug!("Unrecognized RDB AUX field: '{name}'"),
        }
    }

    fn value(&mut self, key: &mut Particulars, kind: u8, source: &mut FileSource<'_>) -> Result<(), Problem> {
        if self.progress.is_cancelled.load(Ordering::Relaxed) {
            return Err(Problem::Cancelled);
        }
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
        let entry = object.into_entry(&key.name, key.expiry_ms, clock);
        if self.keyspace.put_loaded(key.db, entry, settings.replaces) == Loaded::Twice {
            return Err(Problem::Twice(key.db));
        }
        let loaded = 1 + self.progress.keys_loaded.fetch_add(1, Ordering::Relaxed);
        delay(settings.key_delay_us, loaded);
        Ok(())
    }

    fn passed_over(&mut self) {
        self.passed_over += 1;
        if self.passed_over <= TOLD_MAX {
            tracing::info!("rdbLoadObject skipping empty key");
        }
    }
}

/// Waits after the key of this number, for tests.
pub(super) fn delay(key_delay_us: i64, number: u64) {
    if key_delay_us > 0 {
        std::thread::sleep(Duration::from_micros(key_delay_us as u64));
    } else if key_delay_us < 0 && number.is_multiple_of(key_delay_us.unsigned_abs()) {
        std::thread::sleep(Duration::from_micros(1));
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
        self.is_cancelled.store(false, Ordering::Relaxed);
    }
}
