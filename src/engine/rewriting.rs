//! Rewriting the append only file: a snapshot becomes its base, and what is changed from that moment on its next part. So it is switched on
//! while the node runs, too.
//!
//! Invariants:
//! * There is at most one rewrite at a time.
//! * The base has what was there when the snapshot began, the next part everything since: both begin under all locks, in one moment.
//! * The manifest names what is complete and on the disk. Whatever ends a rewrite before, the parts of before and the next one are read.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::replication_state::LogUser;
use super::rewrite_state::Wish;
pub use super::rewrite_state::{Busy, Figures, Parts, Rewriting};
use super::saving::{self, SaveError};
use super::shared::Shared;
use crate::base::{alloc, clock};
use crate::config::{Config, os_text};
use crate::keyspace::access::KeyAccess;
use crate::persist::aof::folder::{Folder, FolderError};
use crate::persist::aof::header::PartHeader;
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
}

impl From<SaveError> for RewriteError {
    fn from(_: SaveError) -> Self {
        RewriteError::Snapshot
    }
}

/// True if one is to begin now: it was noted, the file has grown, or should be there and is not.
fn is_due(shared: &Shared, config: &Config) -> bool {
    match shared.rewriting.wish(clock::unix_ms() / 1000) {
        Wish::NotNow => false,
        Wish::Noted => true,
        Wish::Nothing => config.appendonly && !shared.aof.is_on() || has_grown(shared, config),
    }
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

/// Begins a rewrite if one is due, and ends the append only file once `appendonly` is off. Asked several times per second: so it is these
/// options that decide, however often they were changed in between, and no rewrite that began under others.
pub fn follow(shared: &Arc<Shared>) {
    let config = shared.config.load();
    if !config.appendonly && shared.aof.is_on() && shared.rewriting.figures().running_s.is_none() {
        shared.set_logging(LogUser::Aof, false, |_| ());
        if let Err(error) = shared.aof.end() {
            tracing::warn!("Error writing to the AOF file: {error}");
        }
    }
    if is_due(shared, &config) && !shared.saving.runs_in_background() {
        // If it cannot begin, it is due again.
        let _ = rewrite_in_background(shared);
    }
}

/// Begins a rewrite on a thread of its own. If there is no append only file yet, there is one when it ends.
///
/// # Errors
/// If one runs already.
pub fn rewrite_in_background(shared: &Arc<Shared>) -> Result<(), Busy> {
    shared.rewriting.begin()?;
    start_flusher(shared);
    let for_thread = Arc::clone(shared);
    let job = move || {
        let shared = &for_thread;
        let result = rewrite(shared);
        match &result {
            Ok(()) => tracing::info!("Background AOF rewrite finished successfully"),
            Err(error) => tracing::warn!("Background AOF rewrite terminated with error: {error}"),
        }
        shared.rewriting.end(result.is_ok());
        alloc::flush_thread();
    };
    if let Err(error) = std::thread::Builder::new().name("aof-rewrite".to_owned()).spawn(job) {
        tracing::warn!("Can't rewrite append only file in background: {}", os_text(error));
        shared.rewriting.end(false);
    }
    Ok(())
}

/// Starts the thread that flushes to the disk, unless it runs.
pub fn start_flusher(shared: &Arc<Shared>) {
    if !shared.rewriting.claim_flusher() {
        return;
    }
    let for_thread = Arc::clone(shared);
    if let Err(error) = std::thread::Builder::new().name("aof-flush".to_owned()).spawn(move || for_thread.aof.flush_forever()) {
        tracing::error!("Can't flush the append only file: {}", os_text(error));
    }
}

/// A part that is to be gone on in.
struct NextPart {
    name: String,
    file: Arc<dyn File>,
    header: PartHeader,
}

impl NextPart {
    /// Makes it, and adds it to the manifest.
    fn create(shared: &Shared, parts: &mut Parts) -> Result<NextPart, RewriteError> {
        // The offset is about this: which it is, is known under the locks. A header has one length.
        let header = PartHeader { history: shared.replication.history_id(), epoch: 0, offset: shared.write_log.end() };
        let name = parts.manifest.add_increment(parts.folder.prefix()).name.clone();
        let file = parts.folder.part(&name, true)?;
        let part = NextPart { name, file, header };
        part.file.set_len(0).map_err(RewriteError::Io)?;
        part.write_header()?;
        parts.folder.sync()?;
        Ok(part)
    }

    fn write_header(&self) -> Result<(), RewriteError> {
        let write = files::write_all_at(&*self.file, &self.header.record(), 0).and_then(|()| self.file.sync());
        write.map_err(RewriteError::Io)
    }
}

fn rewrite(shared: &Arc<Shared>) -> Result<(), RewriteError> {
    let config = shared.config.load();
    let mut parts = match shared.rewriting.parts() {
        Some(parts) => parts,
        None => {
            let folder = Folder::open(Arc::clone(&shared.saving.files), &config.appenddirname, &config.appendfilename)?;
            let manifest = folder.manifest()?.unwrap_or_default();
            Parts { folder, manifest }
        }
    };
    let was_on = shared.aof.is_on();
    let mut next = NextPart::create(shared, &mut parts)?;
    tracing::info!("Creating AOF incr file {} on background rewrite", next.name);
    if was_on {
        // What is written to it from now on is read, whatever becomes of the rewrite.
        parts.folder.persist(&parts.manifest)?;
        shared.rewriting.adopt(parts.clone());
        // Little is left to be written when the locks are held.
        shared.aof.need(shared.write_log.end());
    }
    let result = write_base(shared, &config, &mut parts, &mut next, was_on);
    if result.is_err() && !was_on && shared.aof.is_on() {
        // There was none, and there is none.
        shared.set_logging(LogUser::Aof, false, |_| ());
        let _ = shared.aof.end();
    }
    result
}

/// Writes the base, and has it and `next` be the append only file.
fn write_base(shared: &Shared, config: &Config, parts: &mut Parts, next: &mut NextPart, was_on: bool) -> Result<(), RewriteError> {
    let temporary = format!("temp-rewriteaof-bg-{}.rdb", shared.identity.pid);
    let path = parts.folder.path_of(&temporary);
    let (file, len) = (Arc::clone(&next.file), next.header.record().len() as u64);
    let begin = |keys: &mut KeyAccess<'_>| {
        if was_on {
            return shared.aof.go_on_in(file, len);
        }
        shared.replication.set_logging(keys, LogUser::Aof, true);
        let (reader, from) = shared.write_log.read_from_end(true);
        shared.aof.begin(file, len, reader, from);
        from
    };
    let written = saving::write_base(shared, config, &path, begin);
    let (from, base_len) = written.inspect_err(|_| _ = shared.saving.files.remove(&path))?;
    next.header.offset = from;
    next.write_header()?;
    let base = parts.manifest.replace_base(parts.folder.prefix(), "rdb", 1).name.clone();
    put(shared, &path, &parts.folder.path_of(&base))?;
    parts.folder.persist(&parts.manifest)?;
    let figures = &shared.aof.figures;
    figures.earlier_len.store(base_len, Ordering::Relaxed);
    figures.base_len.store(base_len + figures.current_len.load(Ordering::Relaxed), Ordering::Relaxed);
    remove_history(shared, parts)?;
    shared.rewriting.adopt(parts.clone());
    Ok(())
}

fn put(shared: &Shared, from: &Path, to: &Path) -> Result<(), RewriteError> {
    files::replace(&*shared.saving.files, from, to).map_err(RewriteError::Io)
}

/// Removes the files that nobody reads any more. One that stays is tried again with the next rewrite.
fn remove_history(shared: &Shared, parts: &mut Parts) -> Result<(), RewriteError> {
    let folder = parts.folder.clone();
    parts.manifest.history.retain(|part| {
        let result = shared.saving.files.remove(&folder.path_of(&part.name));
        result.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
    });
    Ok(parts.folder.persist(&parts.manifest)?)
}
