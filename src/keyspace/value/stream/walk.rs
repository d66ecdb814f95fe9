//! Going through the entries of a stream.

use std::ops::ControlFlow;

use super::{Node, StreamId};
use crate::datatypes::id_map::IdMap;
use crate::datatypes::stream_node::Entry;

/// From so many entries on it makes no difference how many there are.
const COUNTED_MAX: u64 = 1 << 16;

/// Where the entry of this ID lies in its node, if it was not deleted.
pub(super) fn find(node_id: StreamId, node: &Node, id: StreamId) -> Option<usize> {
    let mut at = node.begin();
    while at < node.end() {
        let entry = node.entry(node_id, at);
        if entry.id >= id {
            return (entry.id == id && !entry.is_deleted).then_some(at);
        }
        at = entry.next;
    }
    None
}

/// The entries of a stream, to read.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    pub(super) nodes: IdMap<Node>,
}

impl Entries {
    /// Calls `each` with the entries from `start` to `end`, both included, in their order, until it breaks.
    #[inline]
    pub fn walk<'a>(&'a self, start: StreamId, end: StreamId, mut each: impl FnMut(Entry<'a>) -> ControlFlow<()>) {
        let nodes = &self.nodes;
        let mut place = nodes.floor(start).or_else(|| nodes.front());
        while let Some(here) = place {
            let (node_id, node) = nodes.at(here);
            if node_id > end {
                return;
            }
            let mut at = node.begin();
            while at < node.end() {
                let entry = node.entry(node_id, at);
                at = entry.next;
                if entry.is_deleted || entry.id < start {
                    continue;
                }
                if entry.id > end || each(entry).is_break() {
                    return;
                }
            }
            place = nodes.next(here);
        }
    }

    /// As [`Entries::walk`], from the end to the start.
    pub fn walk_back<'a>(&'a self, start: StreamId, end: StreamId, mut each: impl FnMut(Entry<'a>) -> ControlFlow<()>) {
        let mut place = self.nodes.floor(end);
        while let Some(here) = place {
            let (node_id, node) = self.nodes.at(here);
            let mut at = node.end();
            while at > node.begin() {
                at = node.before(at);
                let entry = node.entry(node_id, at);
                if entry.is_deleted || entry.id > end {
                    continue;
                }
                if entry.id < start || each(entry).is_break() {
                    return;
                }
            }
            place = self.nodes.previous(here);
        }
    }

    /// How many entries there are from `start` to `end`, both included, give or take those of two nodes: no more than `most`, and no more than
    /// make a difference to anybody.
    pub fn count_up_to(&self, (start, end): (StreamId, StreamId), most: u64) -> usize {
        let most = most.min(COUNTED_MAX);
        let mut count = 0;
        let mut place = self.nodes.floor(start).or_else(|| self.nodes.front());
        while let Some(here) = place
            && count < most
        {
            let (node_id, node) = self.nodes.at(here);
            if node_id > end {
                break;
            }
            count += node.live();
            place = self.nodes.next(here);
        }
        count.min(most) as usize
    }

    /// The entry of an ID.
    #[inline]
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let (node_id, node) = self.nodes.at(self.nodes.floor(id)?);
        find(node_id, node, id).map(|at| node.entry(node_id, at))
    }

    /// The ID of the first entry.
    pub fn first_id(&self) -> Option<StreamId> {
        let mut first = None;
        self.walk(StreamId::MIN, StreamId::MAX, |entry| {
            first = Some(entry.id);
            ControlFlow::Break(())
        });
        first
    }

    /// The ID of the last entry.
    pub fn last_id(&self) -> Option<StreamId> {
        let mut last = None;
        self.walk_back(StreamId::MIN, StreamId::MAX, |entry| {
            last = Some(entry.id);
            ControlFlow::Break(())
        });
        last
    }
}
