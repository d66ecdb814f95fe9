//! The node's file on disk (`cluster.redb`): who it is, where it stands, and its part of the Raft log.
//!
//! ```text
//! table "state"  key -> bytes   "node" NodeRecord, "standing" StandingRecord, "starts" u64, and Raft's "vote", "committed", "purged", "snapshot", "incoming"
//! table "log"    index -> bytes  one Raft entry each
//! ```
//! All values are written with `larder_proto::bus::codec`.
//!
//! Invariants:
//! * A write has reached the disk when [`Store::write`] returns, unless it says otherwise.
//! * Changing the standing and emptying Raft's part happen in one transaction: after a crash a node never holds one cluster's log under
//!   another cluster's name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_proto::bus::codec;
use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::Disk;
use super::record::{NodeRecord, StandingRecord};
use crate::base::limits::SPACE_PROBE_LEN;
use crate::base::rng::{self, Rng};

pub(super) const STATE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("state");
pub(super) const LOG: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("log");

const FILE_NAME: &str = "cluster.redb";

/// The control plane's log is small and read rarely; redb's default of 1 GiB would be memory taken from the keys.
const CACHE_LEN: usize = 4 * 1024 * 1024;

/// Keys of Raft's part of the table "state".
pub(super) mod key {
    pub(crate) const VOTE: &str = "vote";
    pub(crate) const COMMITTED: &str = "committed";
    pub(crate) const PURGED: &str = "purged";
    pub(crate) const SNAPSHOT: &str = "snapshot";
    /// A snapshot that was received.
    pub(crate) const INCOMING: &str = "incoming";
    pub(super) const NODE: &str = "node";
    pub(super) const STANDING: &str = "standing";
    pub(super) const STARTS: &str = "starts";
    pub(super) const OF_RAFT: [&str; 5] = [VOTE, COMMITTED, PURGED, SNAPSHOT, INCOMING];
}

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file open.
    #[error("{0} is in use by another node")]
    InUse(String),
    /// The file cannot be opened.
    #[error("cannot open {0}: {1}")]
    Open(String, redb::DatabaseError),
    /// Reading or writing failed.
    #[error("cluster store: {0}")]
    Database(Box<redb::Error>),
    /// It could not be opened again after a write had failed.
    #[error("cluster store: the file is not open")]
    NotOpen,
    /// The group for which this handle was made has ended.
    #[error("cluster store: the group has ended")]
    Closed,
    /// The log begins behind the newest snapshot: damage.
    #[error("cluster store: the log begins behind the newest snapshot")]
    Gap,
    /// There is no thread to write it.
    #[error("cannot start the thread that writes the cluster's file: {0}")]
    Thread(std::io::Error),
    /// A value cannot be read: damage, or a file of a later version.
    #[error("cluster store: {0}: {1}")]
    Value(String, codec::CodecError),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        StoreError::Database(Box::new(error.into()))
    }
}

impl StoreError {
    /// The system's error, if it is one that space would mend.
    fn want_of_space(&self) -> Option<&std::io::Error> {
        let error = match self {
            StoreError::Open(_, redb::DatabaseError::Storage(redb::StorageError::Io(error))) => error,
            StoreError::Database(error) => match &**error {
                redb::Error::Io(error) => error,
                _ => return None,
            },
            _ => return None,
        };
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge).then_some(error)
    }
}

fn open_database(path: &Path) -> Result<Database, StoreError> {
    let shown = || path.display().to_string();
    let database = Database::builder().set_cache_size(CACHE_LEN).create(path).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(shown()),
        other => StoreError::Open(shown(), other),
    })?;
    let transaction = database.begin_write()?;
    transaction.open_table(STATE)?;
    transaction.open_table(LOG)?;
    transaction.commit()?;
    Ok(database)
}

/// The open file. Clones share it.
#[derive(Clone)]
pub(super) struct Store {
    /// None while it could not be opened again.
    database: Arc<RwLock<Option<Database>>>,
    path: Arc<PathBuf>,
    open: Arc<AtomicBool>,
    /// The last write failed for want of space: which file, and the system's words.
    full: Arc<Mutex<Option<String>>>,
    /// Values of the table "state" that wait for the next write.
    deferred: Arc<Mutex<BTreeMap<&'static str, Vec<u8>>>>,
    /// Who writes. None in what that thread does itself: it must not keep alive what waits for its end.
    disk: Option<Arc<Disk>>,
    /// A write of this key of the table "state" fails, as if the process had ended before it.
    #[cfg(test)]
    pub(super) refused: Arc<Mutex<Option<&'static str>>>,
    /// The disk has no room for what is longer than a few pages: log entries and files of some length.
    #[cfg(test)]
    pub(super) crowded: Arc<AtomicBool>,
    /// How often space was looked for.
    #[cfg(test)]
    pub(super) probes: Arc<std::sync::atomic::AtomicU32>,
}

impl Store {
    /// Opens the file in `dir`, or creates it.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let database = Arc::new(RwLock::new(Some(open_database(&path)?)));
        let open = Arc::new(AtomicBool::new(true));
        Ok(Store {
            database,
            path: Arc::new(path),
            open,
            full: Arc::default(),
            deferred: Arc::default(),
            disk: Some(Arc::new(Disk::start().map_err(StoreError::Thread)?)),
            #[cfg(test)]
            refused: Arc::default(),
            #[cfg(test)]
            crowded: Arc::default(),
            #[cfg(test)]
            probes: Arc::default(),
        })
    }

    /// Opens the file anew: after a failed write, redb refuses everything. Fails while the disk lacks space, even if what there is would do
    /// for the next few writes.
    pub(super) async fn reopen(&self) -> Result<(), StoreError> {
        let reopen = |store: &Store| {
            let mut database = store.database.write();
            // The lock on the file goes with it.
            *database = None;
            let opened = open_database(&store.path);
            store.note(&opened);
            *database = Some(opened?);
            let probed = store.probe_space();
            store.note(&probed);
            probed
        };
        self.on_disk(reopen).await
    }

    /// Writes a file beside this one and removes it. The file itself has pages that it no longer uses: that one of them could be written says
    /// nothing of the next.
    fn probe_space(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        {
            self.probes.fetch_add(1, Ordering::Relaxed);
            if self.crowded.load(Ordering::Relaxed) {
                return Err(no_space());
            }
        }
        let path = self.path.with_extension("probe");
        let written = File::create(&path).and_then(|mut file| {
            // What is all the same takes no space on some disks.
            let mut rng = Rng::new(rng::process_seed());
            let bytes: Vec<u8> = (0..SPACE_PROBE_LEN / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
            file.write_all(&bytes)?;
            // Some disks find out late that they have no room.
            file.sync_all()
        });
        let removed = std::fs::remove_file(&path);
        written.and(removed).map_err(|error| redb::StorageError::Io(error).into())
    }

    /// What the last write said if it failed because there is no space, which may come back.
    pub(super) fn lacks_space(&self) -> Option<String> {
        self.full.lock().clone()
    }

    fn note<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => *self.full.lock() = None,
            // What was the matter was told with the first failure.
            Err(StoreError::Database(error)) if matches!(**error, redb::Error::PreviousIo) => {}
            Err(error) => *self.full.lock() = error.want_of_space().map(|error| format!("{}: {error}", self.path.display())),
        }
    }

    fn database(&self) -> Result<MappedRwLockReadGuard<'_, Database>, StoreError> {
        RwLockReadGuard::try_map(self.database.read(), Option::as_ref).map_err(|_| StoreError::NotOpen)
    }

    /// A handle that can be closed by itself: for one Raft group, of which a late snapshot must not outlive the log.
    pub(super) fn session(&self) -> Self {
        Store { open: Arc::new(AtomicBool::new(true)), deferred: Arc::default(), ..self.clone() }
    }

    /// Refuses every later write through this handle and its clones, and waits for those that were begun: whoever reads next sees the last of them.
    pub(super) async fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.on_disk(|_| ()).await;
    }

    /// Reads a value of the table "state".
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let database = self.database()?;
        let table = database.begin_read()?.open_table(STATE)?;
        let Some(bytes) = table.get(key)? else {
            return Ok(None);
        };
        decode(key, bytes.value()).map(Some)
    }

    /// Reads consecutive log entries from `range`.
    pub(super) fn log_entries<T: DeserializeOwned>(&self, range: impl std::ops::RangeBounds<u64>) -> Result<Vec<T>, StoreError> {
        let database = self.database()?;
        let table = database.begin_read()?.open_table(LOG)?;
        let mut entries = Vec::new();
        for row in table.range(range)? {
            let (index, bytes) = row?;
            entries.push(decode(&format!("log entry {}", index.value()), bytes.value())?);
        }
        Ok(entries)
    }

    /// The last log entry, if there is any.
    pub(super) fn last_log_entry<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        let database = self.database()?;
        let table = database.begin_read()?.open_table(LOG)?;
        let last = table.last()?;
        last.map(|(index, bytes)| decode(&format!("log entry {}", index.value()), bytes.value())).transpose()
    }

    /// Runs `change` in a transaction and waits until it is on disk. Blocks: call it where blocking is allowed.
    pub(super) fn write_now(&self, change: impl FnOnce(&Batch<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.commit(change)
    }

    /// As [`Store::write_now`], but on the disk's thread, so that the bus keeps answering meanwhile.
    pub(super) async fn write(&self, change: impl FnOnce(&Batch<'_>) -> Result<(), StoreError> + Send + 'static) -> Result<(), StoreError> {
        self.on_disk(move |store| store.write_now(change)).await
    }

    async fn on_disk<T: Send + 'static>(&self, job: impl FnOnce(&Store) -> T + Send + 'static) -> T {
        let store = Store { disk: None, ..self.clone() };
        match &self.disk {
            Some(disk) => disk.run(move || job(&store)).await.expect("what is done to a file does not panic"),
            None => job(&store),
        }
    }

    /// Has the next write through this handle or its clones set this value of the table "state", too. Nothing blocks.
    pub(super) fn defer<T: Serialize>(&self, key: &'static str, value: &T) -> Result<(), StoreError> {
        let bytes = encode(key, value)?;
        self.deferred.lock().insert(key, bytes);
        Ok(())
    }

    /// Writes what waits for the next write.
    pub(super) async fn write_deferred(&self) -> Result<(), StoreError> {
        if self.deferred.lock().is_empty() { Ok(()) } else { self.write(|_| Ok(())).await }
    }

    fn commit(&self, change: impl FnOnce(&Batch<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let written = self.try_commit(change);
        self.note(&written);
        written
    }

    fn try_commit(&self, change: impl FnOnce(&Batch<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let database = self.database()?;
        let transaction = database.begin_write()?;
        // Checked inside the transaction: whoever closed the handle and then writes is certain to come after us.
        if !self.open.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let deferred = std::mem::take(&mut *self.deferred.lock());
        let batch = Batch {
            transaction: &transaction,
            #[cfg(test)]
            refused: *self.refused.lock(),
            #[cfg(test)]
            crowded: self.crowded.load(Ordering::Relaxed),
        };
        let put = || deferred.iter().try_for_each(|(key, bytes)| batch.put_encoded(key, bytes));
        // The change comes last: what it removes is gone.
        let changed = put().and_then(|()| change(&batch)).and_then(|()| transaction.commit().map_err(StoreError::from));
        if changed.is_err() {
            // What was deferred again meanwhile is newer.
            let mut waiting = self.deferred.lock();
            deferred.into_iter().for_each(|(key, bytes)| {
                waiting.entry(key).or_insert(bytes);
            });
        }
        changed
    }

    /// Who this node is; `None` before its first start.
    pub(super) fn node(&self) -> Result<Option<NodeRecord>, StoreError> {
        self.get(key::NODE)
    }

    /// Where this node stands; `None` before its first start.
    pub(super) fn standing(&self) -> Result<Option<StandingRecord>, StoreError> {
        self.get(key::STANDING)
    }

    /// Counts a start of the node, and returns the incarnation of its process: greater than that of every process before it with this file, and
    /// most likely another one than that of a process with a copy of it.
    pub(super) fn begin_process(&self) -> Result<u64, StoreError> {
        let starts = self.get::<u64>(key::STARTS)?.unwrap_or(0) + 1;
        self.write_now(|batch| batch.put(key::STARTS, &starts))?;
        let [a, b, c] = rng::secret_bytes();
        Ok(starts << 24 | u64::from(u32::from_be_bytes([0, a, b, c])))
    }

    /// Writes who this node is and where it stands, and forgets any log.
    pub(super) fn found(&self, node: &NodeRecord, standing: &StandingRecord) -> Result<(), StoreError> {
        self.write_now(|batch| {
            batch.put(key::NODE, node)?;
            batch.put(key::STANDING, standing)?;
            batch.forget_log()
        })
    }

    /// Writes where this node stands. The log stays.
    pub(super) async fn set_standing(&self, standing: StandingRecord) -> Result<(), StoreError> {
        self.write(move |batch| batch.put(key::STANDING, &standing)).await
    }

    /// Writes where this node stands and forgets the log, which belongs to the standing before.
    pub(super) async fn start_over(&self, standing: StandingRecord) -> Result<(), StoreError> {
        self.write(move |batch| {
            batch.put(key::STANDING, &standing)?;
            batch.forget_log()
        })
        .await
    }
}

fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    codec::decode(bytes).map_err(|error| StoreError::Value(what.to_owned(), error))
}

fn encode<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    codec::encode(value).map_err(|error| StoreError::Value(what.to_owned(), error))
}

#[cfg(test)]
fn no_space() -> StoreError {
    StoreError::from(redb::StorageError::Io(ErrorKind::StorageFull.into()))
}

/// The changes of one transaction.
pub(super) struct Batch<'a> {
    transaction: &'a WriteTransaction,
    #[cfg(test)]
    refused: Option<&'static str>,
    #[cfg(test)]
    crowded: bool,
}

impl Batch<'_> {
    /// Sets a value of the table "state".
    pub(super) fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        self.put_encoded(key, &encode(key, value)?)
    }

    fn put_encoded(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        #[cfg(test)]
        if self.refused == Some(key) {
            return Err(StoreError::Closed);
        }
        self.transaction.open_table(STATE)?.insert(key, bytes)?;
        Ok(())
    }

    /// Appends or replaces log entries.
    pub(super) fn put_log<T: Serialize>(&self, entries: impl IntoIterator<Item = (u64, T)>) -> Result<(), StoreError> {
        #[cfg(test)]
        if self.crowded {
            return Err(no_space());
        }
        let mut table = self.transaction.open_table(LOG)?;
        for (index, entry) in entries {
            table.insert(index, encode("log entry", &entry)?.as_slice())?;
        }
        Ok(())
    }

    /// Removes log entries.
    pub(super) fn remove_log(&self, range: impl std::ops::RangeBounds<u64>) -> Result<(), StoreError> {
        self.transaction.open_table(LOG)?.retain_in(range, |_, _| false)?;
        Ok(())
    }

    fn forget_log(&self) -> Result<(), StoreError> {
        self.remove_log(..)?;
        let mut state = self.transaction.open_table(STATE)?;
        for key in key::OF_RAFT {
            state.remove(key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_closed_when_the_last_handle_is_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for count in 0..5_u64 {
            let store = Store::open(folder.path()).unwrap();
            let writing = store.clone();
            runtime.block_on(async move {
                let mut write = std::pin::pin!(writing.write(move |batch| {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    batch.put(key::VOTE, &count)
                }));
                // It is begun, and nobody waits for it.
                std::future::poll_fn(|context| {
                    let _ = write.as_mut().poll(context);
                    std::task::Poll::Ready(())
                })
                .await;
            });
            drop(store);
        }
        assert_eq!(Store::open(folder.path()).unwrap().get(key::VOTE).unwrap(), Some(4_u64));
    }

    #[test]
    fn each_process_has_a_greater_incarnation() {
        let folder = tempfile::tempdir().unwrap();
        let incarnations: Vec<u64> = (0..4).map(|_| Store::open(folder.path()).unwrap().begin_process().unwrap()).collect();
        assert!(incarnations.is_sorted_by(|a, b| a < b) && incarnations[0] > 0, "{incarnations:?}");
    }

    #[test]
    fn what_is_deferred_goes_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap().session();
        store.defer(key::COMMITTED, &1_u64).unwrap();
        store.defer(key::COMMITTED, &2_u64).unwrap();
        assert_eq!(store.get::<u64>(key::COMMITTED).unwrap(), None, "nothing is written for it alone");
        let failed = store.write_now(|_| Err(StoreError::Closed));
        assert!(matches!(failed, Err(StoreError::Closed)));
        assert_eq!(store.get::<u64>(key::COMMITTED).unwrap(), None);
        store.write_now(|batch| batch.put(key::VOTE, &7_u64)).unwrap();
        assert_eq!((store.get(key::COMMITTED).unwrap(), store.get(key::VOTE).unwrap()), (Some(2_u64), Some(7_u64)));
        store.write_now(|batch| batch.forget_log()).unwrap();
        assert_eq!(store.get::<u64>(key::COMMITTED).unwrap(), None, "it went with one write only");
    }
}
