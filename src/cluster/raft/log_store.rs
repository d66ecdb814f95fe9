//! Raft's log and vote in the node's file.

use std::fmt::Debug;
use std::ops::RangeBounds;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader, StorageIOError};

use super::types::{Entry, LogId, RaftId, StorageError, TypeConfig, Vote};
use crate::cluster::store::{Store, StoreError, key};

/// Log and vote. Clones share the file.
#[derive(Clone)]
pub(crate) struct LogStore {
    store: Store,
}

impl LogStore {
    pub(crate) fn new(store: Store) -> Self {
        LogStore { store }
    }
}

fn reading_logs(error: StoreError) -> StorageError {
    StorageIOError::read_logs(openraft::AnyError::new(&error)).into()
}

fn writing_logs(error: StoreError) -> StorageError {
    StorageIOError::write_logs(openraft::AnyError::new(&error)).into()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.store.log_entries(range).map_err(reading_logs)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let last_purged_log_id: Option<LogId> = self.store.get(key::PURGED).map_err(reading_logs)?;
        let last: Option<Entry> = self.store.last_log_entry().map_err(reading_logs)?;
        Ok(LogState { last_purged_log_id, last_log_id: last.map(|entry| entry.log_id).or(last_purged_log_id) })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let vote = *vote;
        let written = self.store.write(move |batch| batch.put(key::VOTE, &vote)).await;
        written.map_err(|error| StorageIOError::<RaftId>::write_vote(openraft::AnyError::new(&error)).into())
    }

    /// openraft would have a node that led go on leading where it stopped, and its followers have elected another one since, perhaps. A vote that
    /// is not known to be committed makes it stand for election like everybody else.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let vote = self.store.get(key::VOTE).map(|vote: Option<Vote>| vote.map(|vote| Vote { committed: false, ..vote }));
        vote.map_err(|error| StorageIOError::<RaftId>::read_vote(openraft::AnyError::new(&error)).into())
    }

    /// It only spares a restarted node the wait for the leader, so that the next write takes it along.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        self.store.defer(key::COMMITTED, &committed).map_err(writing_logs)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        self.store.get(key::COMMITTED).map(Option::flatten).map_err(reading_logs)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().map(|entry| (entry.log_id.index, entry)).collect();
        let written = self.store.write(move |batch| batch.put_log(entries)).await;
        match written {
            Ok(()) => {
                callback.log_io_completed(Ok(()));
                Ok(())
            }
            Err(error) => Err(writing_logs(error)),
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.store.write(move |batch| batch.remove_log(log_id.index..)).await.map_err(writing_logs)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let written = self.store.write(move |batch| {
            batch.put(key::PURGED, &log_id)?;
            batch.remove_log(..=log_id.index)
        });
        written.await.map_err(writing_logs)
    }
}
