//! Loading the append only file, part after part: at the start of a node, and for DEBUG LOADAOF.
//!
//! Invariants:
//! * All of it is loaded, or an error says which file is wrong and where. The one thing that is cut off is a last record that the end of the
//!   process cut short, and it is kept beside.
//! * What a part says of its place in the log holds whatever remarks stand between its requests: they are bytes of the file alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::loading::{Failure, Loading};
use super::lookahead::Parsed;
use super::replay::{Came, NotApplied, Replay};
use super::rewriting::{self, Parts};
use super::roles;
use super::shared::Shared;
use crate::base::clock::{self, Now};
use crate::config::{Config, os_text};
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::freeze;
use crate::persist::aof::folder::{Folder, FolderError};
use crate::persist::aof::header::PartHeader;
use crate::persist::aof::manifest::{self, Manifest, PartKind};
use crate::persist::aof::part::Part;
use crate::persist::aof::requests::{NoRequest, Requests};
use crate::persist::files::{self, File, read_exact_at};
use crate::persist::rdb::into_keyspace::delay;

/// What an operator can do about a file that cannot be read to its end.
const ADVICE: &str = "Make a backup of your AOF file, then use larder-cli aof check --fix <filename.manifest>";

/// Why the append only file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder, or one of its files, could not be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A part could not be opened.
    #[error("Fatal error: can't open the append log file {0} for reading: {1}")]
    Open(String, String),
    /// A part could not be read, or not be cut off.
    #[error("Unrecoverable error reading the append only file {0}: {1}")]
    Io(String, String),
    /// The snapshot at the beginning of a part.
    #[error("Error reading the RDB base file {0}, AOF loading aborted: {1:?}, see the log")]
    Snapshot(String, Failure),
    /// There should be a request.
    #[error("Bad file format reading the append only file {name} at offset {offset}: {reason}. {ADVICE}")]
    Malformed {
        /// The part.
        name: String,
        /// Bytes before it.
        offset: u64,
        /// What is wrong.
        reason: NoRequest,
    },
    /// A request that does not belong there.
    #[error("Error reading the append only file {name} at offset {offset}, error: {reason}")]
    Refused {
        /// The part.
        name: String,
        /// Bytes before it.
        offset: u64,
        /// What is wrong.
        reason: NotApplied,
    },
    /// A part ends inside of a request or a transaction, and may not be cut off.
    #[error(
        "Unexpected end of file reading the append only file {name} behind offset {len}: {why}. You can: 1) {ADVICE}. \
         2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server."
    )]
    CutShort {
        /// The part.
        name: String,
        /// Bytes up to the end of the last whole request.
        len: u64,
        /// Why it is not cut off.
        why: &'static str,
    },
    /// Something between two parts is not there.
    #[error(
        "The append only file {name} begins at offset {begin} of the log, and those before it end at {end}: what was between them is lost. \
         Make a backup of your AOF folder, then take {name} and those after it out of the manifest to start with what comes before."
    )]
    Gap {
        /// The part behind it.
        name: String,
        /// Where that begins.
        begin: u64,
        /// Where those before it end.
        end: u64,
    },
    /// Somebody wanted it to end.
    #[error("loading was cancelled")]
    Cancelled,
}

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// Bytes of all parts.
    pub len: u64,
    /// How a part would begin that goes on behind them, if the last one says where it is.
    pub end: Option<PartHeader>,
    /// The last one, if it is to be written on, and the name of its file.
    pub last: Option<(String, Part)>,
    /// What of the log the end of that one holds, up to `repl-backlog-size`: a replica that has a little less than the file goes on without a copy.
    pub tail: Vec<u8>,
}

/// What was read of a part.
#[derive(Debug, Default)]
struct Read {
    /// How it begins, if this server wrote it.
    header: Option<PartHeader>,
    /// It has all that a header has now, so that another one can take its place.
    is_new: bool,
    /// Bytes of the header.
    header_len: u64,
    /// The database at its end.
    database: u32,
    /// Bytes up to the end of the last request, or of the remarks behind it.
    len: u64,
    /// Bytes of remarks among them, which are no bytes of the log.
    remarks_len: u64,
    requests: u64,
}

impl Read {
    /// Notes the header, which ends here, as far as it was read.
    fn note_header(&mut self, header: PartHeader, end: u64) {
        (self.header, self.header_len, self.len) = (Some(header), end, end);
    }
}

/// Bytes of all parts.
///
/// # Errors
/// If one of them is not there.
pub fn total_len(folder: &Folder, manifest: &Manifest) -> Result<u64, LoadError> {
    manifest.parts().try_fold(0, |total, part| {
        let len = folder.part_to_read(&part.name).and_then(|file| file.len());
        Ok(total + len.map_err(|error| LoadError::Open(part.name.clone(), os_text(error)))?)
    })
}

/// Loads all parts into the keyspace, which is empty. Nobody sees anything of it before `loading` is over, nor may they if it fails.
///
/// # Errors
/// See [`LoadError`].
pub fn load(loading: &Loading<'_>, shared: &Arc<Shared>, folder: &Folder, manifest: &Manifest) -> Result<Loaded, LoadError> {
    let config = shared.config.load();
    let progress = &shared.saving.loading;
    progress.begin(total_len(folder, manifest)?);
    let loader = Loader { loading, shared, config: &config, folder };
    let count = manifest.parts().count();
    // A power cut leaves the part that was written to cut short, and behind it the one of a rewrite that had only begun.
    let parts: Vec<_> = manifest.parts().collect();
    let written = parts.iter().rposition(|part| !is_empty(folder, part)).map_or(0, |last| last + 1);
    let (mut last, mut requests, mut before) = (None, 0, 0);
    let mut tail = Vec::new();
    // Where the parts so far end.
    let mut end: Option<PartHeader> = None;
    for (number, part) in parts.iter().enumerate() {
        let read = loader.part(&part.name, number + 1 >= written, before)?;
        requests += read.requests;
        tracing::debug!("AOF part {} behind {before} bytes: {} requests", part.name, read.requests);
        before += read.len;
        let Some(found) = read.header.filter(|_| part.kind == PartKind::Increment) else {
            end = end.filter(|_| read.requests == 0);
            continue;
        };
        let header = match &end {
            // A part to which nothing was written says where the log was when it was made, and not where it begins.
            Some(end) if read.requests == 0 && (found.offset <= end.offset || number >= written) => end.clone(),
            Some(end) if found.offset > end.offset => {
                return Err(LoadError::Gap { name: part.name.clone(), begin: found.offset, end: end.offset });
            }
            // All parts are of one log, whose history may have got another name on its way.
            Some(end) => PartHeader { offset: end.offset, ..found.clone() },
            None => found.clone(),
        };
        let header = PartHeader { is_copy: found.is_copy, epoch: found.epoch, ..header };
        let offset = header.offset + read.len - read.header_len - read.remarks_len;
        let database = if read.requests > 0 { read.database } else { header.database };
        end = Some(PartHeader { offset, database, ..header.clone() });
        if number + 1 == count && read.is_new {
            let file = folder.part(&part.name)?;
            // Remarks are no bytes of the log: where there are some, others know its places, and not this server.
            if read.remarks_len == 0 {
                let from = (read.len - read.header_len).min(config.repl_backlog_size);
                tail = vec![0; from as usize];
                read_exact_at(&*file, &mut tail, read.len - from).map_err(|error| LoadError::Io(part.name.clone(), os_text(error)))?;
            }
            let last_part = Part { file, len: read.len, header_is_due: header != found, header };
            last = Some((part.name.clone(), last_part));
        }
    }
    if count > 0 {
        tracing::info!("DB loaded from append only file: {requests} requests in {count} parts");
    }
    Ok(Loaded { len: before, end, last, tail })
}

/// True if nothing was written to this part but its header.
fn is_empty(folder: &Folder, part: &manifest::Part) -> bool {
    let Ok(file) = folder.part_to_read(&part.name) else { return false };
    let (len, mut requests) = (file.len(), Requests::new(file, 0));
    let is_header = match requests.advance() {
        Ok(true) => {
            let found = PartHeader::parse(&requests.words());
            found.is_some_and(|found| !found.has_select || matches!(requests.advance(), Ok(true)))
        }
        Ok(false) => true,
        Err(_) => false,
    };
    part.kind == PartKind::Increment && is_header && len.is_ok_and(|len| requests.at() == len)
}

/// Removes all data and loads the append only file in its place, for DEBUG LOADAOF: what it has, whether or not it is written to now. Changes
/// nothing in it, but for what [`load`] cuts off.
///
/// # Errors
/// See [`LoadError`]. Then there is no data.
pub fn reload(shared: &Arc<Shared>) -> Result<(), LoadError> {
    let loading = Loading::begin(shared);
    let settings = &shared.keyspace.settings;
    // What ends meanwhile is told by the file alone.
    settings.freeze_for(freeze::LOADING, true);
    let is_logging = shared.keyspace.is_logging();
    set_logging(shared, false);
    shared.aof.need(shared.write_log.end());
    let result = reload_parts(&loading, shared);
    if result.is_err() {
        shared.keyspace.empty();
        roles::lose_data(shared);
    }
    set_logging(shared, is_logging);
    settings.freeze_for(freeze::LOADING, false);
    shared.keyspace.saved_changes.store(shared.keyspace.stats().changes, Ordering::Relaxed);
    result
}

/// Whoever reads the log reads nothing of what is loaded.
fn set_logging(shared: &Shared, yes: bool) {
    let mut keys = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0);
    keys.with_all(|keys| keys.set_logging(yes));
}

fn reload_parts(loading: &Loading<'_>, shared: &Arc<Shared>) -> Result<(), LoadError> {
    let Parts { folder, manifest } = rewriting::parts(shared)?;
    shared.keyspace.empty();
    load(loading, shared, &folder, &manifest).map(|_| ())
}

struct Loader<'l> {
    loading: &'l Loading<'l>,
    shared: &'l Arc<Shared>,
    config: &'l Config,
    folder: &'l Folder,
}

impl Loader<'_> {
    /// Loads a part. Those before it have so many bytes.
    fn part(&self, name: &str, is_last: bool, before: u64) -> Result<Read, LoadError> {
        let progress = &self.shared.saving.loading;
        let file = self.folder.part_to_read(name).map_err(|error| LoadError::Open(name.to_owned(), os_text(error)))?;
        let mut read = Read { len: self.snapshot(name, &*file)?, ..Read::default() };
        progress.loaded_bytes.store(before + read.len, Ordering::Relaxed);
        // A file of old may go on with commands.
        let mut requests = Requests::new(file, read.len);
        let (mut replay, metrics) = (Replay::new(self.shared), &self.shared.workers[0]);
        let (mut parsed, mut now) = (Parsed::default(), Now::read());
        // Where a transaction began whose end has not come.
        let mut begun = 0;
        // The second half of a header is to come.
        let mut has_select = false;
        let is_cut_short = loop {
            if progress.is_cancelled.load(Ordering::Relaxed) {
                return Err(LoadError::Cancelled);
            }
            match requests.advance() {
                Ok(true) => {}
                Ok(false) => break replay.is_in_transaction(),
                Err(NoRequest::CutOff) => break true,
                Err(NoRequest::Io(error)) => return Err(LoadError::Io(name.to_owned(), os_text(error))),
                Err(reason) => return Err(LoadError::Malformed { name: name.to_owned(), offset: requests.at(), reason }),
            }
            if requests.number() == 0 {
                parsed.take(requests.together());
                parsed.prepare(self.shared, requests.buffer(), Some(replay.db()));
                parsed.look_ahead(&self.shared.keyspace, requests.buffer(), 0..parsed.batch.requests.len());
                now = Now::read();
            }
            let words = requests.words();
            if requests.begun_at() == 0
                && let Some(found) = PartHeader::parse(&words)
            {
                read.note_header(found.header, requests.at());
                has_select = found.has_select;
                continue;
            }
            let is_select = read.header.as_ref().is_some_and(|header| header.is_select(&words));
            if std::mem::take(&mut has_select) {
                // Without its second half it is none, and nothing is known of where the part begins.
                let header = read.header.take().filter(|_| is_select);
                if let Some(header) = header {
                    replay.select(header.database);
                    read.note_header(header, requests.at());
                    read.is_new = true;
                    continue;
                }
            }
            if !replay.is_in_transaction() {
                begun = requests.begun_at();
            }
            let is_copy = read.header.as_ref().is_some_and(|header| header.is_copy);
            let came = Came { words: &words, prepared: parsed.prepared.get(requests.number()), bytes: &[], now };
            match replay.apply(self.config, metrics, came, is_copy) {
                Ok(()) => {}
                // What could not be applied when a primary had written it can't be now, and is in the log all the same.
                Err(reason) if is_copy => {
                    let offset = requests.begun_at();
                    tracing::warn!("Something that a primary has written could not be applied: {name}, offset {offset}: {reason}");
                }
                Err(reason) => return Err(LoadError::Refused { name: name.to_owned(), offset: requests.begun_at(), reason }),
            }
            read.requests += 1;
            if !replay.is_in_transaction() {
                (read.len, read.remarks_len, read.database) = (requests.at(), requests.remarks_len(), replay.db());
            }
            progress.loaded_bytes.store(before + requests.at(), Ordering::Relaxed);
            delay(self.config.key_load_delay.into(), read.requests, &progress.is_cancelled);
        };
        if has_select {
            read.header = None;
        }
        if is_cut_short {
            if replay.is_in_transaction() {
                tracing::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {name} from offset {begun} on");
            }
            self.cut(name, read.len, is_last)?;
        } else {
            // Remarks may follow the last request: what is written next stands behind them.
            (read.len, read.remarks_len) = (requests.at(), requests.remarks_len());
        }
        Ok(read)
    }

    /// Loads the snapshot that the part begins with, if it does. Returns its length.
    fn snapshot(&self, name: &str, file: &dyn File) -> Result<u64, LoadError> {
        if !files::is_snapshot(file) {
            return Ok(0);
        }
        tracing::info!("Reading RDB base file on AOF loading...");
        match self.loading.load_base(&self.folder.path_of(name)) {
            Ok(len) => Ok(len),
            Err(Failure::Cancelled) => Err(LoadError::Cancelled),
            Err(failure) => Err(LoadError::Snapshot(name.to_owned(), failure)),
        }
    }

    /// Cuts off what follows the last whole request, if the options let it.
    fn cut(&self, name: &str, len: u64, is_last: bool) -> Result<(), LoadError> {
        if !is_last || !self.config.aof_load_truncated {
            let why = if is_last { "aof-load-truncated is off" } else { "the truncated file is not the last file" };
            return Err(LoadError::CutShort { name: name.to_owned(), len, why });
        }
        tracing::warn!("!!! Warning: short read while loading the AOF file {name}!!!");
        tracing::warn!("!!! Truncating the AOF {name} at offset {len} !!!");
        let kept = self.folder.cut(name, len)?;
        tracing::warn!("AOF {name} loaded anyway because aof-load-truncated is enabled; what was cut off is kept in {kept}");
        Ok(())
    }
}
