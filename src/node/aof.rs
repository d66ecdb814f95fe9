//! The append only file of a node: read at its start, and written from then on.
//!
//! Invariants:
//! * A node that cannot read all of it does not start, and says which file and where: nothing is served that is not whole. The one thing that
//!   is cut off is a last record that the end of the process cut short, and it is kept beside.
//! * The node goes on writing behind what it has read: to the last part if this server has written that, else to a new one, so that every
//!   part says by itself where in the history it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};

use crate::config::Config;
use crate::engine::loading::Loading;
use crate::engine::replay::Replay;
use crate::engine::replication_state::LogUser;
use crate::engine::rewriting::{self, Parts};
use crate::engine::shared::Shared;
use crate::persist::aof::folder::Folder;
use crate::persist::aof::header::PartHeader;
use crate::persist::aof::manifest::{Manifest, PartKind};
use crate::persist::aof::requests::{NoRequest, Requests};
use crate::persist::files::{self, Disk, File};

/// The part that is written on, as it was found.
struct Last {
    name: String,
    file: Arc<dyn File>,
    len: u64,
    /// The offset of the log behind it.
    offset: u64,
    /// The history that it belongs to.
    history: String,
}

/// What was read of a part.
struct Read {
    /// How it begins, if this server wrote it.
    header: Option<PartHeader>,
    /// Bytes of the header.
    header_len: u64,
    /// Bytes up to the end of the last request.
    len: u64,
    requests: u64,
}

/// Reads what there is, and has every change written from now on, if the options say so.
pub(super) fn start(shared: &Arc<Shared>, config: &Config) -> anyhow::Result<()> {
    if !config.appendonly {
        return Ok(());
    }
    // The figures of one worker are there from the start; loading counts nothing in them.
    shared.workers.grow(1);
    let folder = Folder::open(Arc::new(Disk), &config.appenddirname, &config.appendfilename)?;
    let found = match folder.manifest()? {
        Some(manifest) => Some(manifest),
        None => folder.adopt_old()?,
    };
    let mut manifest = found.unwrap_or_default();
    let last = load(shared, config, &folder, &manifest)?;
    open(shared, &folder, &mut manifest, last)?;
    let size = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let figures = &shared.aof.figures;
    figures.base_len.store(size(&figures.earlier_len) + size(&figures.current_len), Ordering::Relaxed);
    shared.rewriting.adopt(Parts { folder, manifest });
    rewriting::start_flusher(shared);
    Ok(())
}

/// Writes what is left when the node ends.
pub(super) fn end(shared: &Shared) {
    if !shared.aof.is_on() {
        return;
    }
    tracing::info!("Calling fsync() on the AOF file.");
    shared.aof.stop_flushing();
    if let Err(error) = shared.aof.end() {
        tracing::warn!("Error writing to the AOF file: {error}");
    }
}

/// Loads all parts. Returns the last one, if it is to be written on.
fn load(shared: &Arc<Shared>, config: &Config, folder: &Folder, manifest: &Manifest) -> anyhow::Result<Option<Last>> {
    let parts: Vec<_> = manifest.parts().cloned().collect();
    let (mut last, mut total) = (None, 0);
    for (number, part) in parts.iter().enumerate() {
        let is_last = number + 1 == parts.len();
        let file = folder.part(&part.name, false).with_context(|| format!("the AOF part {}", part.name))?;
        let read = load_part(shared, config, folder, &part.name, &file, is_last)?;
        total += read.requests;
        let base = shared.aof.figures.earlier_len.fetch_add(read.len, Ordering::Relaxed);
        tracing::debug!("AOF part {} behind {base} bytes: {} requests", part.name, read.requests);
        if let (true, PartKind::Increment, Some(header)) = (is_last, part.kind, read.header) {
            let file = folder.part(&part.name, true)?;
            let offset = header.offset + read.len - read.header_len;
            last = Some(Last { name: part.name.clone(), file, len: read.len, offset, history: header.history });
        }
    }
    if !parts.is_empty() {
        tracing::info!("DB loaded from append only file: {total} requests in {} parts", parts.len());
    }
    Ok(last)
}

fn load_part(
    shared: &Arc<Shared>,
    config: &Config,
    folder: &Folder,
    name: &str,
    file: &Arc<dyn File>,
    is_last: bool,
) -> anyhow::Result<Read> {
    let (mut magic, mut snapshot_len) = ([0; 6], 0);
    let is_snapshot = files::read_exact_at(&**file, &mut magic, 0).is_ok() && matches!(&magic, b"REDIS0" | b"VALKEY");
    if is_snapshot {
        tracing::info!("Reading RDB base file on AOF loading...");
        match Loading::begin(shared).load_base(&folder.path_of(name)) {
            Ok(len) => snapshot_len = len,
            Err(failure) => bail!("Error reading the RDB base file {name}, AOF loading aborted: {failure:?}, see the log"),
        }
    }
    // A file of old may go on with commands.
    let mut requests = Requests::new(Arc::clone(file), snapshot_len);
    let (mut replay, metrics) = (Replay::new(shared), &shared.workers[0]);
    let mut read = Read { header: None, header_len: 0, len: snapshot_len, requests: 0 };
    // Where a transaction began whose end has not come.
    let mut begun = 0;
    let cut_off = loop {
        let at = requests.at();
        let words = match requests.next_words() {
            Ok(Some(words)) => words,
            Ok(None) => break replay.is_in_transaction(),
            Err(NoRequest::CutOff) => break true,
            Err(error) => bail!(
                "Bad file format reading the append only file {name} at offset {at}: {error}. \
                 Make a backup of your AOF file, then use ./valkey-check-aof --fix <filename.manifest>"
            ),
        };
        if at == 0
            && let Some(header) = PartHeader::parse(&words)
        {
            (read.header, read.header_len) = (Some(header), requests.at());
            read.len = requests.at();
            continue;
        }
        if !replay.is_in_transaction() {
            begun = at;
        }
        replay
            .apply(config, metrics, &words)
            .map_err(|error| anyhow::anyhow!("Error reading the append only file {name} at offset {at}, error: {error}"))?;
        read.requests += 1;
        if !replay.is_in_transaction() {
            read.len = requests.at();
        }
    };
    if cut_off {
        if replay.is_in_transaction() {
            tracing::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {name} from offset {begun} on");
        }
        cut(config, folder, name, read.len, is_last)?;
    }
    Ok(read)
}

/// Cuts off what follows the last whole request, if the options let it.
fn cut(config: &Config, folder: &Folder, name: &str, len: u64, is_last: bool) -> anyhow::Result<()> {
    if !is_last || !config.aof_load_truncated {
        let why = if is_last { "aof-load-truncated is off" } else { "the truncated file is not the last file" };
        bail!(
            "Unexpected end of file reading the append only file {name} behind offset {len}: {why}. You can: 1) Make a backup of your AOF file, \
             then use ./valkey-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option \
             to yes and restart the server."
        );
    }
    tracing::warn!("!!! Warning: short read while loading the AOF file {name}!!!");
    tracing::warn!("!!! Truncating the AOF {name} at offset {len} !!!");
    let file = folder.part(name, true)?;
    let mut rest = vec![0; usize::try_from(file.len()? - len)?];
    files::read_exact_at(&*file, &mut rest, len)?;
    let kept = format!("{name}.cut-at-{len}");
    folder.keep(&kept, &rest)?;
    folder.sync()?;
    file.set_len(len)?;
    file.sync()?;
    tracing::warn!("AOF {name} loaded anyway because aof-load-truncated is enabled; what was cut off is kept in {kept}");
    Ok(())
}

/// Has every change written behind `last`, or to a new part.
fn open(shared: &Shared, folder: &Folder, manifest: &mut Manifest, last: Option<Last>) -> anyhow::Result<()> {
    let last = match last {
        Some(last) => last,
        None => new_part(shared, folder, manifest)?,
    };
    shared.write_log.begin_at(last.offset);
    shared.replication.continue_history(last.history);
    tracing::info!("Writing to the AOF part {} from offset {} on", last.name, last.offset);
    shared.set_logging(LogUser::Aof, true, |log| {
        let (reader, from) = log.read_from_end(true);
        shared.aof.begin(last.file, last.len, reader, from);
    });
    Ok(())
}

fn new_part(shared: &Shared, folder: &Folder, manifest: &mut Manifest) -> anyhow::Result<Last> {
    let header = PartHeader { history: shared.replication.history_id(), epoch: 0, offset: shared.write_log.end() };
    let record = header.record();
    let name = manifest.add_increment(folder.prefix()).name.clone();
    tracing::info!("Creating AOF incr file {name} on server start");
    let file = folder.part(&name, true)?;
    file.set_len(0)?;
    files::write_all_at(&*file, &record, 0)?;
    file.sync()?;
    folder.sync()?;
    folder.persist(manifest)?;
    Ok(Last { name, file, len: record.len() as u64, offset: header.offset, history: header.history })
}
