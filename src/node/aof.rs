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
use crate::engine::aof_loading::{self, LoadError, Loaded};
use crate::engine::loading::Loading;
use crate::engine::replication_state::LogUser;
use crate::engine::rewriting::{self, Parts};
use crate::engine::roles;
use crate::engine::saving;
use crate::engine::shared::Shared;
use crate::persist::aof::folder::{Folder, TEMPORARY};
use crate::persist::aof::header::PartHeader;
use crate::persist::aof::part::Part;
use crate::persist::files;

/// Finds what there is. With it comes its length.
pub(super) fn find(shared: &Shared, config: &Config) -> Result<(Parts, u64), LoadError> {
    let folder = Folder::open(Arc::clone(&shared.saving.files), &config.appenddirname, &config.appendfilename)?;
    folder.remove_leftovers();
    let found = match folder.manifest()? {
        Some(manifest) => Some(folder.finish_adoption(manifest)?),
        None => folder.adopt_old()?,
    };
    let manifest = found.map_or_else(|| folder.manifest_to_write(), Ok)?;
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
        .and_then(|loaded| open(shared, &mut parts, loaded));
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

/// Has every change written behind what was loaded, or to a new part.
fn open(shared: &Arc<Shared>, parts: &mut Parts, loaded: Loaded) -> anyhow::Result<()> {
    let Loaded { mut len, end, last, tail } = loaded;
    if parts.manifest.parts().next().is_none() {
        len = create_base(shared, parts)?;
    }
    if let Some(end) = end {
        roles::resume(shared, end.history, end.offset, end.database, &tail);
    }
    let part = match last {
        Some((name, part)) => {
            tracing::info!("Opening AOF incr file {name} on server start");
            len -= part.len;
            correct_header(shared, part)?
        }
        None => create_part(shared, parts)?,
    };
    let figures = &shared.aof.figures;
    figures.earlier_len.store(len, Ordering::Relaxed);
    figures.base_len.store(len + part.len, Ordering::Relaxed);
    let header = &part.header;
    tracing::info!("Writing to the AOF from offset {} on, in a part that begins at {}", shared.write_log.end(), header.offset);
    shared.set_logging(LogUser::Aof, true, |log| {
        let (reader, from) = log.read_from_end(true);
        shared.aof.begin(part, reader, from, true);
    });
    Ok(())
}

/// Has the header of a part say what is so from now on, before anything is written behind it.
fn correct_header(shared: &Shared, mut part: Part) -> anyhow::Result<Part> {
    let (history, is_copy) = (shared.replication.history_id(), part.header.is_copy || shared.replication.is_replica());
    let header = PartHeader { history, is_copy, ..part.header.clone() };
    if part.header_is_due || part.header != header {
        part.header = header;
        part.write_header()?;
        part.file.sync()?;
    }
    Ok(part)
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

fn create_part(shared: &Shared, parts: &mut Parts) -> anyhow::Result<Part> {
    let name = parts.manifest.add_increment(parts.folder.prefix()).name.clone();
    tracing::info!("Creating AOF incr file {name} on server start");
    let mut part = Part::new(parts.folder.part(&name)?, rewriting::part_header(shared));
    part.file.set_len(0)?;
    part.write_header()?;
    part.file.sync()?;
    parts.folder.sync()?;
    parts.folder.persist(&parts.manifest)?;
    Ok(part)
}
