//! What a snapshot does not have yet of something that lies by ascending IDs: a stream's nodes, and what is pending in a group.
//!
//! Invariant: what came since the snapshot began is not part of it. It has an ID beyond the last that there was, or one that was changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::head::Pending;
use crate::datatypes::id_map::{IdMap, Place};
use crate::datatypes::stream_id::StreamId;
use crate::keyspace::value::chunk::{Chunk, Tag, Taker};

/// What is pending, as much as comes in one part.
pub(super) const PENDING_PART: usize = 128;

/// Which values of a map the snapshot does not have.
#[derive(Debug)]
pub(super) struct Left {
    /// They lie from this ID on, up to the last that there was; `None` if there are none.
    range: Option<(StreamId, StreamId)>,
    /// But for those that were changed.
    changed: BTreeSet<StreamId>,
}

impl Left {
    pub(super) fn of<V>(map: &IdMap<V>) -> Left {
        let id = |place: Place| map.at(place).0;
        Left { range: map.front().map(id).zip(map.back().map(id)), changed: BTreeSet::new() }
    }

    /// True if the snapshot needs what lies under an ID, if something does, before it is changed.
    pub(super) fn claim(&mut self, id: StreamId) -> bool {
        self.range.is_some_and(|(next, last)| next <= id && id <= last) && self.changed.insert(id)
    }

    /// The next value that it needs, for its own walk.
    pub(super) fn next<'m, V>(&mut self, map: &'m IdMap<V>) -> Option<(StreamId, &'m V)> {
        while let Some((next, last)) = self.range {
            let Some((id, value)) = map.ceiling(next).map(|place| map.at(place)).filter(|(id, _)| *id <= last) else {
                self.range = None;
                break;
            };
            self.range = id.next().map(|next| (next, last));
            // What lies behind needs no more to be told apart.
            if !self.changed.remove(&id) {
                return Some((id, value));
            }
        }
        None
    }
}

/// What is known in a group of the snapshot that is being taken of its stream.
#[derive(Debug)]
pub(super) struct GroupSaving {
    pub(super) taker: Arc<dyn Taker>,
    pub(super) tag: Tag,
    /// Its number among the heads.
    pub(super) number: u32,
    pub(super) left: Left,
}

impl GroupSaving {
    /// True if the snapshot needs what is pending under an ID, if something is, before it is changed.
    pub(super) fn claim(&mut self, id: StreamId) -> bool {
        self.left.claim(id) && !self.taker.is_over()
    }

    /// Gives what was claimed.
    pub(super) fn give(&self, pending: Vec<(StreamId, Pending)>) {
        if !pending.is_empty() {
            self.taker.take(self.tag, Chunk::Pending(self.number, pending));
        }
    }

    /// The next that is pending which the snapshot needs, for its own walk. `None` if it has all.
    pub(super) fn save_some(&mut self, pending: &IdMap<Pending>) -> Option<Chunk> {
        let mut some = Vec::new();
        while some.len() < PENDING_PART
            && let Some((id, pending)) = self.left.next(pending)
        {
            some.push((id, *pending));
        }
        (!some.is_empty()).then_some(Chunk::Pending(self.number, some))
    }
}
