//! The cluster map as Raft's state machine.
//!
//! The map lives in memory; what is on disk is the last snapshot and the log after it. So applying costs no disk access, and a restart
//! replays a few hundred entries at most.
//!
//! Invariant: what the log on disk lacks is in a snapshot on disk. openraft has the log purged up to a snapshot while that is still being
//! installed, and a crash may come between the two. A snapshot is therefore kept on disk before openraft sees it ([`keep_incoming`]), and
//! becomes the current one at the next start if the log no longer reaches back far enough.

use std::io::Cursor;
use std::sync::Arc;

use larder_proto::bus::codec;
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::types::{Entry, LogId, Logged, Outcome, RaftId, Snapshot, SnapshotMeta, StorageError, StoredMembership, TypeConfig};
use crate::cluster::store::{Store, StoreError, key};
use crate::topology::{Reply, Topology};

/// Who is told of each new map.
pub(crate) type Publish = Arc<dyn Fn(&Topology) + Send + Sync>;

/// What a snapshot holds on disk. Append-only.
#[derive(Serialize, Deserialize)]
struct StoredSnapshot {
    meta: SnapshotMeta,
    topology: Vec<u8>,
}

#[derive(Default)]
struct Applied {
    last: Option<LogId>,
    membership: StoredMembership,
    topology: Topology,
}

/// The state machine. Clones share it.
#[derive(Clone)]
pub(crate) struct StateMachine {
    applied: Arc<Mutex<Applied>>,
    store: Store,
    publish: Publish,
}

fn reading(error: StoreError) -> StorageError {
    StorageIOError::<RaftId>::read_snapshot(None, openraft::AnyError::new(&error)).into()
}

fn writing(error: StoreError) -> StorageError {
    StorageIOError::<RaftId>::write_snapshot(None, openraft::AnyError::new(&error)).into()
}

fn unreadable(error: codec::CodecError) -> StorageError {
    StorageIOError::<RaftId>::read_snapshot(None, openraft::AnyError::new(&error)).into()
}

/// Keeps a snapshot that a leader sent, so that the log may be purged up to it at any time.
pub(super) async fn keep_incoming(store: &Store, meta: &SnapshotMeta, topology: &[u8]) -> Result<(), StoreError> {
    // What snapshots hold is committed, so that the one that reaches further holds all that the other does.
    let kept: Option<StoredSnapshot> = store.get(key::INCOMING)?;
    if kept.is_some_and(|kept| kept.meta.last_log_id >= meta.last_log_id) {
        return Ok(());
    }
    let stored = StoredSnapshot { meta: meta.clone(), topology: topology.to_vec() };
    store.write(move |batch| batch.put(key::INCOMING, &stored)).await
}

/// The current snapshot, or the one that was being installed if the log no longer reaches back to the current one. Blocks.
fn newest_needed(store: &Store) -> Result<Option<StoredSnapshot>, StoreError> {
    let purged: Option<LogId> = store.get(key::PURGED)?;
    let current: Option<StoredSnapshot> = store.get(key::SNAPSHOT)?;
    if purged <= current.as_ref().and_then(|current| current.meta.last_log_id) {
        return Ok(current);
    }
    let incoming: StoredSnapshot = store.get(key::INCOMING)?.ok_or(StoreError::Gap)?;
    if purged > incoming.meta.last_log_id {
        return Err(StoreError::Gap);
    }
    store.write_now(|batch| batch.put(key::SNAPSHOT, &incoming))?;
    Ok(Some(incoming))
}

impl StateMachine {
    /// The capability level of the log, as far as it was applied.
    pub(crate) fn level(&self) -> u16 {
        self.applied.lock().topology.level()
    }

    /// The state machine as of the snapshot on disk.
    pub(crate) fn open(store: Store, publish: Publish) -> Result<Self, StoreError> {
        let mut applied = Applied::default();
        if let Some(stored) = newest_needed(&store)? {
            applied.last = stored.meta.last_log_id;
            applied.membership = stored.meta.last_membership;
            let topology = Topology::from_bytes(&stored.topology);
            applied.topology = topology.map_err(|error| StoreError::Value(key::SNAPSHOT.to_owned(), error))?;
            publish(&applied.topology);
        }
        Ok(StateMachine { applied: Arc::new(Mutex::new(applied)), store, publish })
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let applied = self.applied.lock();
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = self.applied.lock();
        let mut outcomes = Vec::new();
        for entry in entries {
            let index = entry.log_id.index;
            applied.last = Some(entry.log_id);
            outcomes.push(match entry.payload {
                EntryPayload::Normal(Logged(command)) => applied.topology.apply(index, &command),
                EntryPayload::Membership(membership) => {
                    applied.membership = StoredMembership::new(Some(entry.log_id), membership);
                    applied.topology.index = index;
                    Ok(Reply::Done)
                }
                EntryPayload::Blank => {
                    applied.topology.index = index;
                    Ok(Reply::Done)
                }
            });
        }
        (self.publish)(&applied.topology);
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Box<Cursor<Vec<u8>>>) -> Result<(), StorageError> {
        let topology = snapshot.into_inner();
        let installed = Topology::from_bytes(&topology).map_err(unreadable)?;
        let stored = StoredSnapshot { meta: meta.clone(), topology };
        self.store.write(move |batch| batch.put(key::SNAPSHOT, &stored)).await.map_err(writing)?;
        let mut applied = self.applied.lock();
        *applied = Applied { last: meta.last_log_id, membership: meta.last_membership.clone(), topology: installed };
        (self.publish)(&applied.topology);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let stored: Option<StoredSnapshot> = self.store.get(key::SNAPSHOT).map_err(reading)?;
        Ok(stored.map(|stored| Snapshot { meta: stored.meta, snapshot: Box::new(Cursor::new(stored.topology)) }))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let (meta, topology) = {
            let applied = self.applied.lock();
            let topology = applied
                .topology
                .to_bytes()
                .map_err(|error| StorageError::from(StorageIOError::<RaftId>::write_snapshot(None, openraft::AnyError::new(&error))))?;
            let snapshot_id = applied.last.map_or_else(|| "empty".to_owned(), |last| last.to_string());
            (SnapshotMeta { last_log_id: applied.last, last_membership: applied.membership.clone(), snapshot_id }, topology)
        };
        let stored = StoredSnapshot { meta: meta.clone(), topology: topology.clone() };
        self.store.write(move |batch| batch.put(key::SNAPSHOT, &stored)).await.map_err(writing)?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(topology)) })
    }
}

#[cfg(test)]
mod tests {
    use openraft::testing::{StoreBuilder, Suite};

    use super::super::log_store::LogStore;
    use super::*;

    struct Builder;

    impl StoreBuilder<TypeConfig, LogStore, StateMachine, tempfile::TempDir> for Builder {
        async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateMachine), StorageError> {
            let dir = tempfile::tempdir().expect("a folder for a test");
            let store = Store::open(dir.path()).expect("a new file");
            let machine = StateMachine::open(store.clone(), Arc::new(|_| {})).map_err(reading)?;
            Ok((dir, LogStore::new(store), machine))
        }
    }

    #[test]
    fn the_stores_pass_openrafts_suite() {
        Suite::test_all(Builder).unwrap();
    }
}
