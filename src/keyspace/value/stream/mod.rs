//! Streams: entries with ascending IDs, which are added at the end and read from anywhere, and groups of consumers that share them.
//!
//! ```text
//! nodes    by the ID of their first entry: some hundred entries in one piece ([`crate::datatypes::stream_node`])
//! groups   by name: what was delivered to whom and is not acknowledged ([`group`])
//! ```
//! Both lie in maps that are quick at their ends and ordered in between ([`crate::datatypes::id_map`]). Where a node ends is decided by what
//! Valkey's would take, so that trimming whole nodes leaves the same entries.
//!
//! Who writes a stream to a file, or reads it from one: [`Stream::nodes`], [`Stream::groups`] and [`Stream::figures`] show all of it, tombstones
//! included; [`Stream::from_parts`], [`Stream::add_node`] and [`group::Group::assign`] build one, in the order that
//! `stream/parts.rs` gives.
//!
//! Invariants: [`Figures`] are true of the entries; no ID of an entry exceeds the last one that was given. A stream without entries
//! is still one, and stays under its key.

mod figures;
pub mod group;
mod groups;
pub mod head;
mod left;
mod parts;
mod save;
mod saving;
#[cfg(test)]
pub(in crate::keyspace) mod saving_tests;
#[cfg(test)]
mod tests;
mod trim;
mod walk;

pub use self::figures::{AppendError, Figures, NewId};
use self::group::Group;
use self::saving::StreamSaving;
pub use self::trim::{Threshold, Trim};
pub use self::walk::Entries;
use super::collection::Collection;
use super::kind::{Encoding, Type};
use super::not_copied::NotCopied;
use crate::base::limits::ELEMENT_STEPS;
pub use crate::datatypes::stream_id::StreamId;
pub use crate::datatypes::stream_node::{Entry, Node};

/// Longest node, whatever the options say, and most bytes of an entry's fields and values.
pub const NODE_LEN_MAX: usize = 1 << 30;

/// How large a node becomes: `stream-node-max-bytes` and `stream-node-max-entries`, 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLimits {
    /// Bytes as a listpack.
    pub bytes: usize,
    /// Entries, deleted ones included.
    pub entries: u64,
}

impl NodeLimits {
    /// True if an entry of so many bytes begins another node.
    #[inline]
    fn is_full(self, node: &Node, more: usize) -> bool {
        let bytes = if self.bytes == 0 { NODE_LEN_MAX } else { self.bytes.min(NODE_LEN_MAX) };
        node.listpack_len() + more >= bytes || (self.entries != 0 && node.live() + node.deleted() >= self.entries)
    }
}

/// See the module's page.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    entries: Entries,
    /// Ascending by name.
    #[expect(clippy::vec_box, reason = "a group is large, and would be moved whenever another one comes or goes")]
    groups: Vec<Box<Group>>,
    figures: Figures,
    saving: NotCopied<StreamSaving>,
}

impl Stream {
    /// What is known of its entries.
    #[inline]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Its entries.
    #[inline]
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Appends an entry with an ID that [`Figures::next_id`] gave. `pairs` are fields and values by turns, at most [`NODE_LEN_MAX`] bytes of them.
    pub fn append(&mut self, id: StreamId, pairs: &[&[u8]], limits: NodeLimits) {
        if let Some(last) = self.entries.nodes.back() {
            self.give_node(last);
        }
        self.give_heads();
        let more: usize = pairs.iter().map(|text| text.len()).sum();
        match self.entries.nodes.last_mut() {
            Some((node_id, node)) if !limits.is_full(node, more) => node.push(node_id, id, pairs, false),
            last => {
                if let Some((_, node)) = last {
                    node.trim();
                }
                let mut node = Node::new(pairs.iter().copied().step_by(2));
                node.push(id, id, pairs, false);
                self.entries.nodes.insert(id, node);
            }
        }
        let figures = &mut self.figures;
        figures.len += 1;
        figures.entries_added += 1;
        figures.last_id = id;
        if figures.len == 1 {
            figures.first_id = id;
        }
    }

    /// Deletes entries; returns how many there were.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        self.give_heads();
        let before = self.figures;
        for id in ids {
            if self.delete_one(*id) {
                self.figures.max_deleted_id = self.figures.max_deleted_id.max(*id);
            }
        }
        let deleted = before.len - self.figures.len;
        if deleted > 0 && ids.contains(&before.first_id) {
            self.figures.first_id = self.entries.first_id().unwrap_or_default();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some(place) = self.entries.nodes.floor(id) else { return false };
        let (node_id, node) = self.entries.nodes.at(place);
        let Some(at) = walk::find(node_id, node, id) else { return false };
        self.give_node(place);
        let (_, node) = self.entries.nodes.at_mut(place);
        if node.live() == 1 {
            self.entries.nodes.remove_at(place);
        } else {
            node.delete(at);
        }
        self.figures.len -= 1;
        true
    }

    /// Sets the last ID, and the other figures if they are given.
    pub fn set_figures(&mut self, last_id: StreamId, entries_added: Option<u64>, max_deleted_id: Option<StreamId>) {
        self.give_heads();
        let figures = &mut self.figures;
        figures.last_id = last_id;
        figures.entries_added = entries_added.unwrap_or(figures.entries_added);
        figures.max_deleted_id = max_deleted_id.unwrap_or(figures.max_deleted_id);
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| group.effort()).sum();
        1 + self.entries.nodes.len() + groups
    }

    /// Steps that a command takes which looks at all entries.
    pub fn scan_len(&self) -> usize {
        usize::try_from(self.figures.len).unwrap_or(usize::MAX).saturating_mul(ELEMENT_STEPS)
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        let nodes: usize = self.entries.nodes.iter().map(|(_, node)| node.memory()).sum();
        let groups: usize = self.groups.iter().map(|group| group.memory()).sum();
        size_of::<Stream>() + nodes + self.entries.nodes.memory() + groups
    }
}

impl Collection for Stream {
    const TYPE: Type = Type::Stream;
    type View<'a> = &'a Stream;

    fn new() -> Self {
        Stream::default()
    }

    fn from_inline(_: &[u8], _: Encoding) -> Self {
        unreachable!("a stream does not lie inside its entry")
    }

    fn view_inline(_: &[u8], _: Encoding) -> &Stream {
        unreachable!("a stream does not lie inside its entry")
    }

    #[inline]
    fn view(&self) -> &Stream {
        self
    }

    fn inline(&self) -> Option<&[u8]> {
        None
    }

    fn encoding(&self) -> Encoding {
        Encoding::Stream
    }

    /// Never: it stays under its key when it has no entries.
    fn is_empty(&self) -> bool {
        false
    }
}
