//! The append only file of a node: read at its start, and written from then on.
//!
//! Invariants:
//! * A node that cannot read all of it does not start, and says which file and where: nothing is served that is not whole
//!   ([`crate::engine::aof_loading`]).
//! * The node goes on writing behind what it has read: to the last part if this server has written that, else to a new one, so that every
//!   part says by itself where in the history it stands.
//! * Whoever is let in while it is being read sees the data only once every change is written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::Config;
use crate::engine::aof_loading::{self, LastPart, LoadError};
use crate::engine::loading::Loading;
use crate::engine::replication_state::LogUser;
use crate::engine::rewriting::{self, Parts};
use crate::engine::saving;
use crate::engine::shared::Shared;
use crate::persist::aof::folder::{Folder, TEMPORARY};
use crate::persist::aof::header::PartHeader;
use crate::persist::files;

/// Finds what there is. With it comes its length.
pub(super) fn find(shared: &Shared, config: &Config) -> Result<(Parts, u64), LoadError> {
    let folder = Folder::open(Arc::clone(&shared.saving.files), &config.appenddirname, &config.appendfilename)?;
    folder.remove_leftovers();
    let found = match folder.manifest()? {
        Some(manifest) => Some(folder.finish_adoption(manifest)?),
        None => folder.adopt_old()?,
    };
    let manifest = found.unwrap_or_default();
    let len = aof_loading::total_len(&folder, &manifest)?;
    Ok((Parts { folder, manifest }, len))
}

/// Reads it, and has every change written from then on. If that fails the data stays closed to everybody: the node ends.
pub(super) fn start(shared: &Arc<Shared>, mut parts: Parts) -> anyhow::Result<()> {
    // The figures of one worker are there from the start; loading counts nothing in them.
    shared.workers.grow(1);
    let loading = Loading::begin(shared);
    let result = aof_loading::load(&loading, shared, &parts.folder, &parts.manifest)
        .map_err(anyhow::Error::from)
        .and_then(|(last, len)| open(shared, &mut parts, last, len));
    if let Err(error) = result {
        loading.stay_closed();
        return Err(error);
    }
    shared.rewriting.adopt(parts);
    if !shared.config.load().aof_disable_auto_gc {
        rewriting::collect(shared);
    }
    rewriting::start_flusher(shared);
    Ok(())
}

/// Writes what is left when the node ends.
pub(super) fn end(shared: &Shared) {
    rewriting::remove_temporary(shared);
    if !shared.aof.is_on() {
        return;
    }
    tracing::info!("Calling fsync() on the AOF file.");
    shared.aof.stop();
    if let Err(error) = shared.aof.end() {
        tracing::warn!("Error writing to the AOF file: {error}");
    }
}

/// Has every change written behind `last`, or to a new part. All parts have `len` bytes.
fn open(shared: &Shared, parts: &mut Parts, last: Option<LastPart>, mut len: u64) -> anyhow::Result<()> {
    if parts.manifest.parts().next().is_none() {
        len = create_base(shared, parts)?;
    }
    let figures = &shared.aof.figures;
    let last = match last {
        Some(last) => {
            tracing::info!("Opening AOF incr file {} on server start", last.name);
            len -= last.len;
            last
        }
        None => create_part(shared, parts)?,
    };
    figures.earlier_len.store(len, Ordering::Relaxed);
    figures.base_len.store(len + last.len, Ordering::Relaxed);
    shared.write_log.begin_at(last.offset);
    shared.replication.continue_history(last.history);
    tracing::info!("Writing to the AOF part {} from offset {} on", last.name, last.offset);
    shared.set_logging(LogUser::Aof, true, |log| {
        let (reader, from) = log.read_from_end(true);
        shared.aof.begin(last.file, last.len, reader, from, true);
    });
    Ok(())
}

/// Makes the base of a node that begins without data. Returns its length.
fn create_base(shared: &Shared, parts: &mut Parts) -> anyhow::Result<u64> {
    let config = shared.config.load();
    let format = if config.aof_use_rdb_preamble { "rdb" } else { "aof" };
    let name = parts.manifest.replace_base(parts.folder.prefix(), format, 0).name.clone();
    let temporary = parts.folder.path_of(&format!("{TEMPORARY}{}.{format}", shared.identity.pid));
    let written = saving::write_base(shared, &config, &temporary, Arc::default(), |_| ());
    let ((), len) = written.map_err(|_| anyhow::anyhow!("The AOF base file {name} cannot be written, see the log"))?;
    files::replace(&*shared.saving.files, &temporary, &parts.folder.path_of(&name))?;
    tracing::info!("Creating AOF base file {name} on server start");
    Ok(len)
}

fn create_part(shared: &Shared, parts: &mut Parts) -> anyhow::Result<LastPart> {
    let header = PartHeader { history: shared.replication.history_id(), epoch: 0, offset: shared.write_log.end() };
    let record = header.record();
    let name = parts.manifest.add_increment(parts.folder.prefix()).name.clone();
    tracing::info!("Creating AOF incr file {name} on server start");
    let file = parts.folder.part(&name)?;
    file.set_len(0)?;
    files::write_all_at(&*file, &record, 0)?;
    file.sync()?;
    parts.folder.sync()?;
    parts.folder.persist(&parts.manifest)?;
    Ok(LastPart { name, file, len: record.len() as u64, offset: header.offset, history: header.history })
}
