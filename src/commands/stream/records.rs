//! What is done to a group of a stream, as records of the write log: who reads them delivers nothing, but knows what is pending with whom.

use crate::keyspace::access::KeyAccess;
use crate::keyspace::key::Key;
use crate::keyspace::records::NumberWord;
use crate::keyspace::value::stream::StreamId;
use crate::keyspace::value::stream::group::{Group, Pending};

/// See the module's page.
#[derive(Debug)]
pub(super) struct GroupRecords {
    is_wanted: bool,
    pub(super) is_new_consumer: bool,
    /// Entries that are pending with the consumer now, with what is known of them.
    pending: Vec<(StreamId, Pending)>,
    /// Entries that are not pending any more.
    pub(super) acknowledged: Vec<StreamId>,
    /// The group goes on behind another entry than before.
    pub(super) has_moved: bool,
    last_id: StreamId,
    entries_read: Option<u64>,
}

impl GroupRecords {
    pub(super) fn new(is_wanted: bool) -> GroupRecords {
        GroupRecords {
            is_wanted,
            is_new_consumer: false,
            pending: Vec::new(),
            acknowledged: Vec::new(),
            has_moved: false,
            last_id: StreamId::MIN,
            entries_read: None,
        }
    }

    /// An entry was made pending, or what is known of it was changed.
    #[inline]
    pub(super) fn note_pending(&mut self, group: &Group, id: StreamId) {
        if self.is_wanted
            && let Some(pending) = group.pending().get(id)
        {
            self.pending.push((id, *pending));
        }
    }

    /// The group is as it will be.
    pub(super) fn note_end(&mut self, group: &Group) {
        (self.last_id, self.entries_read) = (group.last_id, group.entries_read);
    }

    /// Adds the records.
    pub(super) fn add(&self, keys: &mut KeyAccess<'_>, key: Key<'_>, group: &[u8], consumer: &[u8]) {
        if !self.is_wanted {
            return;
        }
        if self.is_new_consumer {
            keys.log(&[b"XGROUP", b"CREATECONSUMER", key.name(), group, consumer]);
        }
        let last_id = self.last_id.text();
        for (id, pending) in &self.pending {
            let (id, time, count) = (id.text(), NumberWord::new(pending.delivered_ms), NumberWord::new(pending.deliveries as i64));
            keys.log(&[
                b"XCLAIM",
                key.name(),
                group,
                consumer,
                b"0",
                id.as_bytes(),
                b"TIME",
                time.as_bytes(),
                b"RETRYCOUNT",
                count.as_bytes(),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                last_id.as_bytes(),
            ]);
        }
        if !self.acknowledged.is_empty() {
            let texts: Vec<_> = self.acknowledged.iter().map(|id| id.text()).collect();
            let head = [&b"XACK"[..], key.name(), group];
            keys.log_all(3 + texts.len(), head.into_iter().chain(texts.iter().map(|text| text.as_bytes())));
        }
        if self.has_moved {
            let read = NumberWord::new(self.entries_read.map_or(-1, |read| read as i64));
            keys.log(&[b"XGROUP", b"SETID", key.name(), group, last_id.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
        }
        // What was looked at again without anything being there is a change to statistics alone.
        keys.log_nothing_else();
    }
}
