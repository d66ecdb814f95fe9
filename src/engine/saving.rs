//! Saving a snapshot to disk, and loading it again: what runs, what is known of it, and what follows from that.
//!
//! Nothing is forked: a save is a thread that takes a snapshot ([`crate::keyspace::snapshot`]) while everybody goes on. So SAVE keeps nobody
//! waiting but who asked for it.
//!
//! Invariants:
//! * There is at most one save at a time: who wants another one is told so, or it is noted for later.
//! * A file has its name only when it is complete and on the disk. Whatever ends a save before that leaves the old one as it was.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

pub use super::save_state::{By, Cancelled, Figures, SaveError};
use super::shared::Shared;
use crate::base::limits::SNAPSHOT_ASIDE_LEN_MAX;
use crate::base::version::{LARDER, VALKEY};
use crate::base::{alloc, clock};
use crate::config::{Config, os_text};
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::snapshot::sink::Sink;
use crate::keyspace::snapshot::{Failure, Progress, Snapshot, USUAL_BUDGET};
use crate::persist::aof::base::{self, BaseWriter};
use crate::persist::files::{self, File};
use crate::persist::rdb::file::{FileWriter, Settings, Used};
use crate::persist::rdb::place::{self, Place};
use crate::persist::rdb::style::Style;

/// Who takes another snapshot is looked at again after so long.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Saves, and waits for it. For a thread that serves nobody.
///
/// # Errors
/// See [`SaveError`].
pub fn save(shared: &Shared) -> Result<(), SaveError> {
    let is_cancelled = shared.saving.begin(By::Foreground).ok_or(SaveError::Busy)?;
    run(shared, By::Foreground, is_cancelled)
}

/// As [`save`], after the save that runs, which is to end soon.
///
/// # Errors
/// See [`SaveError`].
pub fn save_when_free(shared: &Shared) -> Result<(), SaveError> {
    loop {
        match save(shared) {
            Err(SaveError::Busy) => std::thread::sleep(BUSY_PAUSE),
            other => return other,
        }
    }
}

/// Begins to save on a thread of its own. What is returned ends once it is settled what will be saved: nothing that is changed later will.
///
/// # Errors
/// [`SaveError::Busy`], or if there is no thread.
pub fn save_in_background(shared: &Arc<Shared>) -> Result<oneshot::Receiver<()>, SaveError> {
    let is_cancelled = shared.saving.begin(By::Background).ok_or(SaveError::Busy)?;
    let settled = shared.saving.settled();
    tracing::info!("Background saving started by pid {}", shared.identity.pid);
    let for_thread = Arc::clone(shared);
    let job = move || {
        let _use = for_thread.aof.use_disk();
        match run(&for_thread, By::Background, is_cancelled) {
            Ok(()) => tracing::info!("Background saving terminated with success"),
            Err(SaveError::Cancelled) => tracing::warn!("Background saving terminated by a request to cancel it"),
            Err(_) => tracing::warn!("Background saving error"),
        }
        alloc::flush_thread();
    };
    if let Err(error) = std::thread::Builder::new().name("snapshot".to_owned()).spawn(job) {
        tracing::warn!("Can't save in background: {}", os_text(error));
        shared.saving.end(By::Background, &Err(SaveError::Failed));
        return Err(SaveError::Failed);
    }
    Ok(settled)
}

/// Begins to save if a save point is due, or a save was noted. Asked several times per second.
pub fn save_if_due(shared: &Arc<Shared>) {
    let config = shared.config.load();
    if config.save.is_empty() && !shared.saving.is_scheduled() {
        return;
    }
    let now_s = clock::unix_ms() / 1000;
    let Some(point) = shared.saving.due(&config, now_s, || shared.keyspace.changes_soon()) else { return };
    if let Some(point) = point {
        tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
    }
    // If it cannot begin, it is due again.
    let _ = save_in_background(shared);
}

/// Where the file is.
pub fn path(config: &Config) -> PathBuf {
    Path::new(&config.dir).join(&config.dbfilename)
}

fn temporary_path(shared: &Shared, config: &Config) -> PathBuf {
    Path::new(&config.dir).join(format!("temp-{}.rdb", shared.identity.pid))
}

/// Removes what a save has written so far, for a process that ends at once.
pub fn remove_temporary(shared: &Shared) {
    let _ = shared.saving.files.remove(&temporary_path(shared, &shared.config.load()));
}

fn run(shared: &Shared, by: By, is_cancelled: Arc<AtomicBool>) -> Result<(), SaveError> {
    let config = shared.config.load();
    let path = path(&config);
    let temporary = temporary_path(shared, &config);
    let result = write(shared, &config, &temporary, &path, is_cancelled);
    if result.is_err() {
        let _ = shared.saving.files.remove(&temporary);
    }
    shared.saving.end(by, &result);
    result
}

/// Writes a failure to the log.
fn failed(config: &Config, what: &str, error: io::Error) -> SaveError {
    if error.kind() == io::ErrorKind::Interrupted {
        return SaveError::Cancelled;
    }
    tracing::warn!("{what} (in server root dir {}): {}", config.dir, os_text(error));
    SaveError::Failed
}

fn write(shared: &Shared, config: &Config, temporary: &Path, path: &Path, is_cancelled: Arc<AtomicBool>) -> Result<(), SaveError> {
    let (changes, _) = write_snapshot(shared, config, temporary, settings(shared, config, Arc::clone(&is_cancelled), false), |keys| {
        (look_at_changes(keys), shared.replication.place(&shared.write_log))
    })?;
    let name = temporary.file_name().unwrap_or_default().display();
    files::replace(&*shared.saving.files, temporary, path).map_err(|error| {
        failed(config, &format!("Error moving temp DB file {name} on the final destination {}", config.dbfilename), error)
    })?;
    tracing::info!("DB saved on disk");
    shared.keyspace.saved_changes.store(changes, Ordering::Relaxed);
    Ok(())
}

/// Changes since the start.
fn look_at_changes(access: &mut KeyAccess<'_>) -> u64 {
    (0..access.keyspace().stripes() as u32).map(|number| access.stripe(number).stats.changes).sum()
}

/// Writes a snapshot to this file, as the base of an append only file: as a snapshot's file or as requests, as the options want it. `begin` is
/// called in the moment of the snapshot, under all locks. Returns what it returned, and the file's length.
///
/// # Errors
/// See [`SaveError`].
pub fn write_base<R>(
    shared: &Shared,
    config: &Config,
    path: &Path,
    is_cancelled: Arc<AtomicBool>,
    begin: impl FnOnce(&mut KeyAccess<'_>) -> R,
) -> Result<(R, u64), SaveError> {
    if config.aof_use_rdb_preamble {
        let settings = Settings { syncs_on_the_way: config.aof_rewrite_incremental_fsync, ..settings(shared, config, is_cancelled, true) };
        return write_snapshot(shared, config, path, settings, |keys| (begin(keys), None));
    }
    let settings = base::Settings {
        syncs_on_the_way: config.aof_rewrite_incremental_fsync,
        time_s: config.aof_timestamp_enabled.then(|| clock::unix_ms() / 1000),
        key_delay_us: config.rdb_key_save_delay.into(),
        aside_len_max: SNAPSHOT_ASIDE_LEN_MAX,
        keys_written: shared.saving.keys_written(),
        is_cancelled: Arc::clone(&is_cancelled),
    };
    let file = BaseWriter::create(&shared.saving.files, path, settings).map_err(|error| cannot_open(config, path, error))?;
    write_to(shared, config, file, &is_cancelled, |keys| (begin(keys), None))
}

fn cannot_open(config: &Config, temporary: &Path, error: io::Error) -> SaveError {
    failed(config, &format!("Failed opening the temp RDB file {} for saving", temporary.file_name().unwrap_or_default().display()), error)
}

/// A file that takes a snapshot.
trait Target: Sink {
    /// Says how many keys, and keys that expire, a database has.
    fn announce(&mut self, _: u32, _: u64, _: u64) {}

    /// Says where in a history what is in it stands.
    fn place(&mut self, _: &Place) {}

    /// Ends it. It is on the disk then. Returns its length.
    fn finish(self) -> io::Result<u64>;
}

impl Target for FileWriter {
    fn announce(&mut self, db: u32, keys: u64, expiring: u64) {
        FileWriter::announce(self, db, keys, expiring);
    }

    fn place(&mut self, place: &Place) {
        place.fields().iter().for_each(|(name, value)| self.note(name, value));
    }

    fn finish(self) -> io::Result<u64> {
        FileWriter::finish(self)
    }
}

impl Target for BaseWriter {
    fn finish(self) -> io::Result<u64> {
        BaseWriter::finish(self)
    }
}

/// Writes a snapshot to this file. Returns what `look` returned in its moment, but for the place that the file is told, and the file's length.
fn write_snapshot<R>(
    shared: &Shared,
    config: &Config,
    temporary: &Path,
    settings: Settings,
    look: impl FnOnce(&mut KeyAccess<'_>) -> (R, Option<Place>),
) -> Result<(R, u64), SaveError> {
    let is_cancelled = Arc::clone(&settings.is_cancelled);
    let file = FileWriter::create(&shared.saving.files, temporary, settings).map_err(|error| cannot_open(config, temporary, error))?;
    write_to(shared, config, file, &is_cancelled, look)
}

fn write_to<T: Target, R>(
    shared: &Shared,
    config: &Config,
    file: T,
    is_cancelled: &AtomicBool,
    look: impl FnOnce(&mut KeyAccess<'_>) -> (R, Option<Place>),
) -> Result<(R, u64), SaveError> {
    let mut begun = None;
    let note = |file: &mut T, keys, (seen, place): (R, Option<Place>)| {
        place.iter().for_each(|place| file.place(place));
        shared.saving.note_keys(keys);
        begun = Some(seen);
    };
    let len = take(shared, file, is_cancelled, look, note).map_err(|failure| match failure {
        Failure::Sink(error) => failed(config, "Write error while saving DB to the disk", error),
        failure => {
            tracing::warn!("Write error while saving DB to the disk: {failure}");
            SaveError::Failed
        }
    })?;
    // Whoever wanted it to end meanwhile has changed what it would take the place of.
    if is_cancelled.load(Ordering::Relaxed) {
        return Err(SaveError::Cancelled);
    }
    Ok((begun.expect("a snapshot that has ended has begun"), len))
}

/// Where a snapshot goes that somebody reads along.
#[derive(Debug)]
pub struct Stream<'a> {
    /// It takes all bytes in order.
    pub file: Arc<dyn File>,
    /// What comes too early lies in a file whose name begins so.
    pub path: &'a Path,
    /// How values are written.
    pub style: Style,
    /// Set by who wants it to end.
    pub is_cancelled: Arc<AtomicBool>,
}

/// Writes a snapshot to who reads it along. `begin` is called in the moment of the snapshot, under all locks, and `begun` with what it
/// returned once these are released. If what follows the snapshot does not say which database it is about, `begin` says it for the snapshot.
///
/// # Errors
/// If it does not come to its end.
pub fn write_stream<R>(
    shared: &Shared,
    config: &Config,
    stream: &Stream<'_>,
    begin: impl FnOnce(&mut KeyAccess<'_>) -> (R, Option<u32>),
    begun: impl FnOnce(R),
) -> Result<(), Failure> {
    let settings = Settings {
        style: stream.style,
        syncs_on_the_way: false,
        keys_written: Arc::default(),
        ..settings(shared, config, Arc::clone(&stream.is_cancelled), false)
    };
    let file = FileWriter::stream(&shared.saving.files, Arc::clone(&stream.file), stream.path, settings);
    let note = |file: &mut FileWriter, _, (seen, database): (R, Option<u32>)| {
        database.into_iter().for_each(|database| file.note(place::DATABASE, &database.to_string()));
        begun(seen);
    };
    take(shared, file, &stream.is_cancelled, begin, note).map(|_| ())
}

/// Takes a snapshot. `look` is called in its moment, and `begun` after it, with the file, the number of keys and what `look` has seen. Returns the
/// length of what was written.
fn take<T: Target, R>(
    shared: &Shared,
    mut file: T,
    is_cancelled: &AtomicBool,
    look: impl FnOnce(&mut KeyAccess<'_>) -> R,
    begun: impl FnOnce(&mut T, u64, R),
) -> Result<u64, Failure> {
    let cancelled = || Failure::Sink(io::ErrorKind::Interrupted.into());
    let (mut snapshot, sizes, seen) = begin(shared, is_cancelled, look).map_err(|_| cancelled())?;
    begun(&mut file, sizes.iter().map(|(_, keys, _)| keys).sum(), seen);
    for (db, keys, expiring) in sizes {
        file.announce(db, keys, expiring);
    }
    loop {
        // Also if there is no key that the file's writer would ask for: what was cancelled takes the place of nothing.
        if is_cancelled.load(Ordering::Relaxed) {
            return Err(cancelled());
        }
        if snapshot.step(&mut file, USUAL_BUDGET)? == Progress::Done {
            break;
        }
    }
    drop(snapshot);
    Ok(file.finish()?)
}

/// Databases with their keys and keys that expire.
type Sizes = Vec<(u32, u64, u64)>;

/// Begins a snapshot, and tells which keys there are in that moment, and what `look` sees then. Waits for who takes another one.
fn begin<'s, R>(
    shared: &'s Shared,
    is_cancelled: &AtomicBool,
    look: impl FnOnce(&mut KeyAccess<'_>) -> R,
) -> Result<(Snapshot<'s>, Sizes, R), SaveError> {
    let keyspace = &shared.keyspace;
    let mut look = Some(look);
    let mut look_at_all = |access: &mut KeyAccess<'_>| {
        let mut sizes: Sizes = (0..keyspace.databases() as u32).map(|db| (db, 0, 0)).collect();
        for number in 0..keyspace.stripes() as u32 {
            let stripe = access.stripe(number);
            for (table, keys) in stripe.tables() {
                let (_, all, expiring) = &mut sizes[keyspace.db_of(table) as usize];
                *all += keys.table.len() as u64;
                *expiring += keys.expiring as u64;
            }
        }
        sizes.retain(|(_, keys, _)| *keys > 0);
        (sizes, look.take().map(|look| look(access)))
    };
    loop {
        match Snapshot::begin_and_look(keyspace, &mut look_at_all) {
            Ok((snapshot, (sizes, seen))) => return Ok((snapshot, sizes, seen.expect("a snapshot begins once"))),
            Err(_) if is_cancelled.load(Ordering::Relaxed) => return Err(SaveError::Cancelled),
            Err(_) => std::thread::sleep(BUSY_PAUSE),
        }
    }
}

fn settings(shared: &Shared, config: &Config, is_cancelled: Arc<AtomicBool>, is_base: bool) -> Settings {
    let moment = Moment::new(&shared.keyspace, clock::unix_ms());
    let policy = config.maxmemory_policy;
    Settings {
        style: Style::of_file(config),
        has_checksum: config.rdbchecksum,
        syncs_on_the_way: config.rdb_save_incremental_fsync,
        used: if policy.is_lfu() {
            Used::Frequency
        } else if policy.is_lru() {
            Used::Idle
        } else {
            Used::Nothing
        },
        clock: KeyAccess::new(&shared.keyspace, 0, &moment, 0).clock(),
        // The version that is claimed towards clients, for those who read it; Larder's own beside it.
        aux: vec![
            ("valkey-ver", VALKEY.to_owned()),
            ("larder-ver", LARDER.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (clock::unix_ms() / 1000).to_string()),
            ("used-mem", alloc::used_bytes().to_string()),
            ("aof-base", u8::from(is_base).to_string()),
        ],
        key_delay_us: config.rdb_key_save_delay.into(),
        aside_len_max: SNAPSHOT_ASIDE_LEN_MAX,
        keys_written: shared.saving.keys_written(),
        is_cancelled,
    }
}
