//! Rewriting the append only file: a snapshot becomes its base, and what is changed from that moment on its next part. So it is switched on
//! while the node runs, too. One that is off is rewritten all the same if somebody asks for it, as in Valkey: then the base is all of it, and
//! nobody keeps it up to date.
//!
//! Invariants:
//! * There is at most one rewrite at a time.
//! * The base has what was there when the snapshot began, the next part everything since: both begin under all locks, in one moment.
//! * The manifest names what is complete and on the disk. Whatever ends a rewrite before, the parts of before and the next one are read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::replication_state::LogUser;
pub use super::rewrite_state::{Busy, Figures, Parts, Rewriting};
use super::rewrite_state::{Ended, Wish};
use super::saving::{self, SaveError};
use super::shared::Shared;
use crate::base::{alloc, clock};
use crate::config::{Config, Refusal, os_text};
use crate::keyspace::access::KeyAccess;
use crate::persist::aof::folder::{Folder, FolderError, TEMPORARY};
use crate::persist::aof::header::PartHeader;
use crate::persist::aof::part::Part;
use crate::persist::aof::writer::Writer as AofWriter;
use crate::persist::files::{self, File};

/// Why a rewrite failed.
#[derive(Debug, thiserror::Error)]
enum RewriteError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{0}")]
    Io(io::Error),
    #[error("no snapshot could be written: see above")]
    Snapshot,
    #[error("it was cancelled")]
    Cancelled,
    #[error("what the last one left to be written cannot be written yet: {0}")]
    Unwritten(io::Error),
}

/// Why no rewrite has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBegun {
    /// One runs already.
    Busy,
    /// It cannot be: the log says why.
    Failed,
}

impl From<Busy> for NotBegun {
    fn from(Busy: Busy) -> Self {
        NotBegun::Busy
    }
}

/// A rewrite that has its place, and what it needs to begin with: [`run`] runs it.
#[must_use = "no other rewrite begins before it ends"]
pub struct Prepared {
    config: Arc<Config>,
    is_cancelled: Arc<AtomicBool>,
    parts: Parts,
    /// They are in another folder than before.
    is_moved: bool,
    /// The part that is gone on in, if the file goes on.
    next: Option<NextPart>,
}

impl From<SaveError> for RewriteError {
    fn from(error: SaveError) -> Self {
        if matches!(error, SaveError::Cancelled) { RewriteError::Cancelled } else { RewriteError::Snapshot }
    }
}

/// True if one is to begin now: it was noted, the file has grown, or should be there and is not.
fn is_due(shared: &Shared, config: &Config) -> bool {
    match shared.rewriting.wish(clock::unix_ms() / 1000) {
        Wish::NotNow => false,
        Wish::Noted => true,
        Wish::Nothing => config.appendonly && !shared.aof.is_on() || must_be_mended(shared) || has_grown(shared, config),
    }
}

/// True if something of the file may never reach the disk, though it was written: a rewrite has it there.
fn must_be_mended(shared: &Shared) -> bool {
    let is_due = shared.aof.is_on() && shared.aof.is_doubtful() && shared.rewriting.has_rested(clock::unix_ms() / 1000);
    if is_due {
        tracing::warn!("Rewriting the AOF, since a part of it could not be flushed to the disk");
    }
    is_due
}

fn has_grown(shared: &Shared, config: &Config) -> bool {
    let figures = &shared.aof.figures;
    let size = figures.earlier_len.load(Ordering::Relaxed) + figures.current_len.load(Ordering::Relaxed);
    if !shared.aof.is_on() || config.auto_aof_rewrite_percentage == 0 || size <= config.auto_aof_rewrite_min_size {
        return false;
    }
    let base = figures.base_len.load(Ordering::Relaxed).max(1);
    let growth = (size.saturating_sub(base)).saturating_mul(100) / base;
    let is_enough = growth >= u64::from(config.auto_aof_rewrite_percentage);
    if is_enough {
        tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
    }
    is_enough
}

/// True if a rewrite has to wait for a save, or for the copy of a primary's data of which a part is here.
pub fn must_wait(shared: &Shared) -> bool {
    shared.saving.runs_in_background() || shared.replication.has_partial_copy()
}

/// A primary's data is about to take the place of what is here, and another log that of this node's: ends the file, which is to begin anew behind
/// that. Until then, what it has is what a node begins with: the data of before, at its place in the history of before.
pub fn give_way_to_copy(shared: &Shared) {
    if shared.rewriting.running() == Some(true) {
        give_up(shared);
    }
    if shared.aof.is_on() {
        stop(shared);
    }
}

/// Begins a rewrite if one is due, and ends the append only file once `appendonly` is off. Asked several times per second: so it is these
/// options that decide, however often they were changed in between, and no rewrite that began under others.
pub fn follow(shared: &Arc<Shared>) {
    let config = shared.config.load();
    if !config.appendonly && shared.aof.is_on() {
        match shared.rewriting.running() {
            None => stop(shared),
            Some(true) => give_up(shared),
            // It does so by itself.
            Some(false) => {}
        }
    }
    // Of what is being loaded a base would have a part alone, and what is loaded after it is in no log.
    if !shared.saving.is_loading() && !must_wait(shared) && is_due(shared, &config) {
        // If it cannot begin, it is due again.
        let _ = rewrite_in_background(shared);
    }
}

/// Cancels the rewrite that runs, which nobody wants any more.
fn give_up(shared: &Shared) {
    if shared.rewriting.cancel() {
        // In the words that operators look for, though nothing is forked.
        tracing::info!("Killing running AOF rewrite: it is a thread, there is no child");
    }
}

/// Ends the append only file: nothing is written to it any more.
fn stop(shared: &Shared) {
    shared.set_logging(LogUser::Aof, false, |_| ());
    if let Err(error) = shared.aof.end() {
        tracing::warn!("Error writing to the AOF file: {}", os_text(error));
    }
}

/// The options are about to be changed by a client: if that switches the append only file on, the rewrite that makes it begins with what can fail
/// at once, so that the client is told. It is run once the options are changed. `is_later` if the client is within a transaction.
///
/// # Errors
/// If the file cannot be: the log says why.
pub fn prepare_switch(shared: &Shared, old: &Config, new: &Config, is_later: bool) -> Result<Option<Prepared>, Refusal> {
    let is_switched = !old.appendonly && new.appendonly && !shared.aof.is_on();
    if !is_switched || is_later || must_wait(shared) || shared.rewriting.running().is_some() {
        return Ok(None);
    }
    match prepare(shared, &Arc::new(new.clone())) {
        Ok(prepared) => Ok(Some(prepared)),
        // One that has begun meanwhile: this one is scheduled.
        Err(NotBegun::Busy) => Ok(None),
        Err(NotBegun::Failed) => {
            tracing::warn!(
                "The server needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info \
                 about the error."
            );
            Err(Refusal::of("appendonly", "Unable to turn on AOF. Check server logs."))
        }
    }
}

/// The options were changed by a client, which is to see what follows from it at once, as in Valkey. What takes locks is left to [`follow`].
/// `prepared` is what [`prepare_switch`] has returned.
pub fn apply(shared: &Arc<Shared>, old: &Config, new: &Config, prepared: Option<Prepared>) {
    match (old.appendonly, new.appendonly) {
        (true, false) => {
            if shared.rewriting.unschedule() {
                tracing::info!("AOF was disabled but there is a scheduled AOF background, cancel it.");
            }
            if shared.rewriting.running() == Some(true) {
                give_up(shared);
            }
        }
        // What is rewritten now has nothing that goes on behind it.
        (false, true) if prepared.is_none() && !shared.aof.is_on() => {
            shared.rewriting.cancel();
            shared.rewriting.schedule();
            tracing::info!("AOF was enabled. An AOF background was scheduled to start when possible.");
        }
        _ => {}
    }
    if let Some(prepared) = prepared {
        run(shared, prepared);
    }
    if old.aof_disable_auto_gc && !new.aof_disable_auto_gc {
        collect(shared);
    }
}

/// Begins a rewrite on a thread of its own. If there is no append only file yet and there is to be one, there is one when it ends.
///
/// # Errors
/// If one runs already, or the folder cannot be used.
pub fn rewrite_in_background(shared: &Arc<Shared>) -> Result<(), NotBegun> {
    // Whatever is changed from now on is about the next one.
    let prepared = prepare(shared, &shared.config.load())?;
    run(shared, prepared);
    Ok(())
}

/// Begins a rewrite with what fails at once if the folder cannot be used: it is opened, locked and read, and the part is made in which the file
/// goes on. Nothing is flushed here, since whoever calls it serves others.
fn prepare(shared: &Shared, config: &Arc<Config>) -> Result<Prepared, NotBegun> {
    let is_initial = config.appendonly && !shared.aof.is_on();
    let is_cancelled = shared.rewriting.begin(config.appendonly, is_initial)?;
    let open = || {
        let (mut parts, is_moved) = parts_to_write(shared)?;
        let next = if config.appendonly { Some(NextPart::create(&mut parts)?) } else { None };
        Ok::<_, RewriteError>((parts, is_moved, next))
    };
    match open() {
        Ok((parts, is_moved, next)) => Ok(Prepared { config: Arc::clone(config), is_cancelled, parts, is_moved, next }),
        Err(error) => {
            tracing::warn!("Can't rewrite append only file in background: {error}");
            shared.rewriting.end(Ended::Failed);
            Err(NotBegun::Failed)
        }
    }
}

fn run(shared: &Arc<Shared>, prepared: Prepared) {
    start_flusher(shared);
    tracing::info!("Background append only file rewriting started by pid {}", shared.identity.pid);
    let for_thread = Arc::clone(shared);
    let job = move || {
        let shared = &for_thread;
        let _use = shared.aof.use_disk();
        let ended = match rewrite(shared, prepared) {
            Ok(()) => {
                tracing::info!("Background AOF rewrite finished successfully");
                Ended::Well
            }
            Err(RewriteError::Cancelled) => {
                tracing::warn!("Background AOF rewrite terminated by a request to cancel it");
                Ended::Cancelled
            }
            Err(error) => {
                tracing::warn!("Background AOF rewrite terminated with error: {error}");
                Ended::Failed
            }
        };
        shared.rewriting.end(ended);
        alloc::flush_thread();
    };
    if let Err(error) = std::thread::Builder::new().name("aof-rewrite".to_owned()).spawn(job) {
        tracing::warn!("Can't rewrite append only file in background: {}", os_text(error));
        shared.rewriting.end(Ended::Failed);
    }
}

/// Starts the threads that write and flush what workers do not wait for, unless they run.
pub fn start_flusher(shared: &Arc<Shared>) {
    if !shared.rewriting.claim_flusher() {
        return;
    }
    let works: [(&str, fn(&AofWriter)); 2] = [("aof-flush", AofWriter::flush_forever), ("aof-write", AofWriter::write_forever)];
    for (name, work) in works {
        let for_thread = Arc::clone(shared);
        if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&for_thread.aof)) {
            tracing::error!("There can be no thread {name} for the append only file: {}", os_text(error));
        }
    }
}

/// A part that is to be gone on in.
#[derive(Debug)]
struct NextPart {
    name: String,
    file: Arc<dyn File>,
}

/// How a part begins that is made now. Under all locks it is exact; before, another header is to take its place, of the same length.
pub fn part_header(shared: &Shared) -> PartHeader {
    let (is_copy, offset) = (shared.replication.is_replica(), shared.write_log.end());
    // A node's own log names the database where a part begins; a primary's goes on in the one that it was in.
    let database = if is_copy { shared.replication.stream_db.load(Ordering::Relaxed) } else { 0 };
    PartHeader { history: shared.replication.history_id(), epoch: 0, offset, database, is_copy }
}

impl NextPart {
    /// Makes it, and adds it to the manifest. [`NextPart::write_header`] has it on the disk.
    fn create(parts: &mut Parts) -> Result<NextPart, RewriteError> {
        let name = parts.manifest.add_increment(parts.folder.prefix()).name.clone();
        let file = parts.folder.part(&name)?;
        file.set_len(0).map_err(RewriteError::Io)?;
        Ok(NextPart { name, file })
    }

    /// Has it be one to which nothing was written, should the rewrite be broken off.
    fn write_header(&self, shared: &Shared) -> Result<(), RewriteError> {
        let mut part = Part::new(Arc::clone(&self.file), part_header(shared));
        part.write_header().and_then(|()| part.file.sync()).map_err(RewriteError::Io)
    }
}

/// The parts, as they are known or as the manifest on disk has them.
///
/// # Errors
/// If that cannot be read.
pub fn parts(shared: &Shared) -> Result<Parts, FolderError> {
    if let Some(parts) = shared.rewriting.parts() {
        return Ok(parts);
    }
    let folder = open_folder(shared)?;
    let manifest = folder.manifest()?.unwrap_or_default();
    Ok(Parts { folder, manifest })
}

fn open_folder(shared: &Shared) -> Result<Folder, FolderError> {
    let config = shared.config.load();
    Folder::open(Arc::clone(&shared.saving.files), &config.appenddirname, &config.appendfilename)
}

/// The parts as a rewrite begins with them: in the folder that `dir` names now, which is locked before anything is written there. With them comes
/// whether that is another one than before.
///
/// The manifest of a file that goes on comes along, as in Valkey: until there is a base, it names one that is not there, so that no node begins
/// with the end alone.
fn parts_to_write(shared: &Shared) -> Result<(Parts, bool), FolderError> {
    let known = shared.rewriting.parts();
    if let Some(known) = &known
        && known.folder.is_at(&shared.config.load().appenddirname)?
    {
        return Ok((known.clone(), false));
    }
    let (folder, is_moved) = (open_folder(shared)?, known.is_some());
    if is_moved {
        tracing::info!("The AOF is rewritten to another folder than before");
    }
    let manifest = match known.filter(|_| shared.aof.is_on()) {
        Some(known) => known.manifest,
        None => folder.manifest_to_write()?,
    };
    Ok((Parts { folder, manifest }, is_moved))
}

fn rewrite(shared: &Shared, prepared: Prepared) -> Result<(), RewriteError> {
    let Prepared { config, is_cancelled, mut parts, is_moved, next } = prepared;
    // Where it is written to until the moment of the snapshot: that stays locked.
    let _before = shared.rewriting.parts();
    if !config.appendonly && shared.aof.is_on() {
        stop(shared);
    }
    let was_on = shared.aof.is_on();
    let Some(next) = next else {
        // Also if somebody has asked for one before there was one.
        shared.rewriting.adopt(parts.clone());
        return write_base(shared, &config, &mut parts, &is_cancelled, None);
    };
    if was_on {
        shared.aof.settle().map_err(RewriteError::Unwritten)?;
    }
    next.write_header(shared)?;
    parts.folder.sync()?;
    tracing::info!("Creating AOF incr file {} on background rewrite", next.name);
    if was_on {
        // What is written to it from now on is read, whatever becomes of the rewrite.
        parts.folder.persist(&parts.manifest)?;
        if !is_moved {
            shared.rewriting.adopt(parts.clone());
        }
        // Little is left to be written when the locks are held.
        shared.aof.settle().map_err(RewriteError::Io)?;
    }
    let result = write_base(shared, &config, &mut parts, &is_cancelled, Some((&next, was_on)));
    if result.is_err() && !was_on {
        // There was none, and there is none.
        if shared.aof.is_on() {
            stop(shared);
        }
        let _ = shared.saving.files.remove(&parts.folder.path_of(&next.name));
    }
    result
}

/// Writes the base, and has it be the append only file, with the part that follows it if there is one. With that comes whether another one was
/// written to before.
fn write_base(
    shared: &Shared,
    config: &Config,
    parts: &mut Parts,
    is_cancelled: &Arc<AtomicBool>,
    next: Option<(&NextPart, bool)>,
) -> Result<(), RewriteError> {
    let format = if config.aof_use_rdb_preamble { "rdb" } else { "aof" };
    let path = temporary_path(shared, &parts.folder, format);
    *shared.rewriting.temporary.lock() = Some(path.clone());
    let mut failures = 0;
    let begun_with = parts.clone();
    let begin = |keys: &mut KeyAccess<'_>| {
        let Some((next, was_on)) = next else { return };
        // What is here is nobody's data at any offset, or has become another's by a copy that came meanwhile: that has ended the file, and
        // cancelled this.
        if shared.replication.has_partial_copy() || is_cancelled.load(Ordering::Relaxed) || shared.aof.is_on() != was_on {
            is_cancelled.store(true, Ordering::Relaxed);
            return;
        }
        if was_on {
            failures = shared.aof.failures();
            // Also if the folder is another one: from now on it is written to.
            shared.rewriting.adopt(begun_with);
            shared.aof.go_on_in(Part::new(Arc::clone(&next.file), part_header(shared)));
        } else {
            if !shared.replication.is_replica() && !keys.keyspace().is_logging() {
                // What was changed while nobody logged is in no log: who has the history of before has something else at this offset.
                shared.replication.change_history();
            }
            shared.replication.set_logging(keys, LogUser::Aof, true);
            let (reader, from) = shared.write_log.read_from_end(true);
            shared.aof.begin(Part::new(Arc::clone(&next.file), part_header(shared)), reader, from, false);
            failures = shared.aof.failures();
        }
    };
    let written = saving::write_base(shared, config, &path, Arc::clone(is_cancelled), begin);
    let ((), base_len) = written.inspect_err(|_| _ = shared.saving.files.remove(&path))?;
    if next.is_some()
        && let Err(error) = shared.aof.write_header()
    {
        let _ = shared.saving.files.remove(&path);
        return Err(RewriteError::Io(error));
    }
    if !shared.rewriting.decide() {
        let _ = shared.saving.files.remove(&path);
        return Err(RewriteError::Cancelled);
    }
    let base = parts.manifest.replace_base(parts.folder.prefix(), format, usize::from(next.is_some())).name.clone();
    put(shared, &path, &parts.folder.path_of(&base))?;
    parts.folder.persist(&parts.manifest)?;
    shared.aof.mend(failures);
    let figures = &shared.aof.figures;
    figures.earlier_len.store(base_len, Ordering::Relaxed);
    figures.base_len.store(base_len + figures.current_len.load(Ordering::Relaxed), Ordering::Relaxed);
    if !shared.config.load().aof_disable_auto_gc {
        remove_history(shared, parts);
    }
    shared.rewriting.adopt(parts.clone());
    Ok(())
}

fn temporary_path(shared: &Shared, folder: &Folder, format: &str) -> PathBuf {
    folder.path_of(&format!("{TEMPORARY}bg-{}.{format}", shared.identity.pid))
}

/// Removes what a rewrite has written so far, for a process that ends.
pub fn remove_temporary(shared: &Shared) {
    if let Some(path) = shared.rewriting.temporary.lock().take() {
        let _ = shared.saving.files.remove(&path);
    }
}

fn put(shared: &Shared, from: &Path, to: &Path) -> Result<(), RewriteError> {
    files::replace(&*shared.saving.files, from, to).map_err(RewriteError::Io)
}

/// Removes the files that nobody reads any more, unless they are to stay.
pub fn collect(shared: &Shared) {
    shared.rewriting.change_parts(|parts| remove_history(shared, parts));
}

/// As [`collect`]. One that stays is tried again with the next rewrite: the new parts are the append only file all the same.
fn remove_history(shared: &Shared, parts: &mut Parts) {
    if parts.manifest.history.is_empty() {
        return;
    }
    let (folder, read) = (parts.folder.clone(), parts.manifest.clone());
    parts.manifest.history.retain(|part| {
        // Valkey may give a part the name of one of old.
        if read.parts().any(|other| other.name == part.name) {
            return false;
        }
        let result = shared.saving.files.remove(&folder.path_of(&part.name));
        result.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
    });
    if let Err(error) = parts.folder.persist(&parts.manifest) {
        tracing::warn!("Removing the history files of the AOF: {error}");
    }
}
