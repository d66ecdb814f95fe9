//! Loading a snapshot from disk: at the start, and for DEBUG RELOAD.
//!
//! While something is loaded the gate refuses whatever touches data ([`super::gate`]), so that nobody sees a part of it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::saving;
use super::shared::Shared;
use crate::base::limits::LOADING_HELPERS_MAX as HELPERS_MAX;
use crate::base::{alloc, clock, process};
use crate::config::{Config, RdbVersionCheck, os_text};
use crate::keyspace::Keyspace;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::persist::files::File;
use crate::persist::rdb::file_source::FileSource;
use crate::persist::rdb::into_keyspace::{IntoKeyspace, Queue, Settings};
use crate::persist::rdb::load::Limits;
use crate::persist::rdb::load_file::{self, Checks, Problem};
use crate::persist::rdb::place::Place;

/// What is done with what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// There is nothing, and nothing is there again if the file cannot be loaded.
    Nothing,
    /// It stays, and a key that comes again is an error.
    Stays,
    /// It goes as soon as the file is known to be one.
    Goes,
    /// A key that comes again gets the file's value.
    IsReplaced,
}

/// Why nothing was loaded.
#[derive(Debug)]
pub enum Failure {
    /// There is no such file.
    Missing,
    /// Somebody wanted it to end.
    Cancelled,
    /// It cannot be loaded: the log says why.
    Failed,
}

/// Data is being loaded, until this is dropped. From then on everybody sees it.
#[derive(Debug)]
pub struct Loading<'s>(&'s Shared);

impl<'s> Loading<'s> {
    /// Keeps everybody from the data, until a [`Loading`] has come and gone.
    pub fn announce(shared: &Shared) {
        shared.saving.loading.is_loading.store(true, Ordering::Release);
        shared.gate.advance();
    }

    /// Keeps everybody from the data. Commands that run have their stripes: who needs them to have ended takes all stripes once.
    pub fn begin(shared: &'s Shared) -> Loading<'s> {
        Loading::announce(shared);
        Loading(shared)
    }

    /// Never ends: whoever could not load all of it ends the process, and until then nobody sees or changes what there is of it.
    pub fn stay_closed(self) {
        std::mem::forget(self);
    }

    /// Loads the options' file. What it held before it failed is gone again, unless it came beside other data. Into an empty node it comes with where in a
    /// history it stands, if it says so: what has ended is loaded as well then, since those who have the same history are told when it goes.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn load(&self, existing: Existing) -> Result<Option<Place>, Failure> {
        let config = self.0.config.load();
        let path = saving::path(&config);
        let result = open(self.0, &path).and_then(|file| {
            self.0.saving.loading.begin(file.len().map_err(|error| cannot_open(&path, error))?);
            let is_first = existing == Existing::Nothing;
            let place = is_first.then(|| Place::read(&file)).flatten();
            load(self.0, &config, file, &path, existing, place.is_some()).map(|_| place)
        });
        alloc::flush_thread();
        if result.is_ok() {
            let shared = self.0;
            // What is there now is what is on disk.
            shared.keyspace.saved_changes.store(shared.keyspace.stats().changes, Ordering::Relaxed);
        }
        result
    }
}

impl Loading<'_> {
    /// Loads this file, which a log follows: behind it, or in other files. There is nothing yet. Returns its length. Whoever loads the log as
    /// well says how much there is of all.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn load_base(&self, path: &Path) -> Result<u64, Failure> {
        let file = open(self.0, path)?;
        load(self.0, &self.0.config.load(), file, path, Existing::Nothing, true)
    }

    /// Loads a copy of a primary's data in the place of what is here. Returns the database that what follows it begins in.
    ///
    /// # Errors
    /// See [`Failure`]. Nothing is here then.
    pub fn load_copy(&self, file: Arc<dyn File>) -> Result<u32, Failure> {
        let name = Path::new("the copy of the primary's data");
        let result = load(self.0, &self.0.config.load(), file, name, Existing::Goes, true);
        alloc::flush_thread();
        result.map(|_| self.0.saving.loading.stream_db.load(Ordering::Relaxed))
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.saving.loading.is_loading.store(false, Ordering::Release);
        self.0.gate.advance();
    }
}

fn cannot_open(path: &Path, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::Missing;
    }
    tracing::warn!("Fatal error: can't open the RDB file {} for reading: {}", path.display(), os_text(error));
    Failure::Failed
}

fn open(shared: &Shared, path: &Path) -> Result<Arc<dyn File>, Failure> {
    shared.saving.files.open(path).map_err(|error| cannot_open(path, error))
}

/// Loads an open file. The log names it by `path`. With `keeps_ended` what has ended is loaded as well: who follows the file says when it went.
fn load(shared: &Shared, config: &Config, file: Arc<dyn File>, path: &Path, existing: Existing, keeps_ended: bool) -> Result<u64, Failure> {
    let progress = &shared.saving.loading;
    let name = path.display();
    let started = clock::monotonic_us();
    let now_ms = clock::unix_ms();
    let clock = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, now_ms), 0).clock();
    let settings = Settings {
        limits: Limits::of(config),
        clock,
        now_ms,
        replaces: existing == Existing::IsReplaced,
        keeps_ended,
        hides_names: config.hide_user_data_from_log,
        key_delay_us: config.key_load_delay.into(),
    };
    let on_begin: Option<fn(&Keyspace)> = if existing == Existing::Goes { Some(Keyspace::empty) } else { None };
    let queue = Queue::default();
    let mut receiver = IntoKeyspace::new(&shared.keyspace, settings, progress, on_begin, &queue);
    let mut on_read = |len| _ = progress.loaded_bytes.fetch_add(len, Ordering::Relaxed);
    let has_checksum = config.rdbchecksum && !shared.debug.skip_checksum.load(Ordering::Relaxed);
    let mut source = FileSource::new(&file, has_checksum, &mut on_read);
    let checks = Checks {
        version: config.rdb_version_check == RdbVersionCheck::Strict,
        checksum: has_checksum,
        databases: shared.keyspace.databases(),
    };
    // This thread finds values, and reads them as well when the others have enough to do.
    let helpers = process::processors().clamp(2, HELPERS_MAX + 1) - 1;
    let read = std::thread::scope(|scope| {
        for _ in 0..helpers {
            let (helper, queue) = (receiver.helper(), &queue);
            // Without one of them the others have more to do.
            let _ = std::thread::Builder::new().name("loading".to_owned()).spawn_scoped(scope, move || {
                helper.run(queue);
                alloc::flush_thread();
            });
        }
        let read = load_file::read(&mut source, &mut receiver, checks);
        receiver.finish();
        // What still waits, and all of it if there was no thread to be had.
        receiver.helper().run(&queue);
        read
    });
    let result = receiver.conclude().map_or(read, Err);
    if result.is_err() && receiver.has_begun() && matches!(existing, Existing::Nothing | Existing::Goes) {
        shared.keyspace.empty();
    }
    match result {
        Ok(()) => {
            receiver.report();
            let seconds = (clock::monotonic_us() - started) as f64 / 1e6;
            tracing::info!("DB loaded from disk: {seconds:.3} seconds");
            Ok(source.offset())
        }
        Err(error) if matches!(error.problem, Problem::Cancelled) => Err(Failure::Cancelled),
        Err(error) => {
            let offset = error.offset;
            match error.problem {
                Problem::Signature | Problem::Version(_) => tracing::warn!("{name}: {}", error.problem),
                Problem::Checksum(expected, found) => {
                    tracing::warn!("Wrong RDB checksum expected: ({expected:x}) but got ({found:x}). Aborting now.");
                    tracing::warn!("Internal error in RDB reading offset {offset} of {name} -> RDB CRC error");
                }
                problem => tracing::warn!("Internal error in RDB reading offset {offset} of {name} -> {problem}"),
            }
            Err(Failure::Failed)
        }
    }
}
