//! Trimming a stream: entries go from its beginning.
//!
//! Whole nodes go first, and are quick to free. Where that is not exact, the rest is marked as deleted within the node where the trimming
//! ends, unless an approximate result is enough.

use super::{Node, Stream, StreamId};

/// Up to where entries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Until so many are left.
    Len(u64),
    /// All with lesser IDs.
    Id(StreamId),
}

/// What is to be trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// Up to where.
    pub threshold: Threshold,
    /// Only whole nodes go.
    pub is_approximate: bool,
    /// No more entries than this go, if it is not 0.
    pub limit: u64,
}

impl Stream {
    /// Trims it. The nodes that went are handed to `freed`, so that whoever holds a lock can free them later. Returns how many entries went.
    pub fn trim_to(&mut self, trim: Trim, mut freed: impl FnMut(Node)) -> u64 {
        self.give_heads();
        let before = self.figures.len;
        while let Some(place) = self.entries.nodes.front() {
            let (node_id, node) = self.entries.nodes.at(place);
            let live = node.live();
            let is_whole = match trim.threshold {
                Threshold::Len(len) if self.figures.len <= len => break,
                Threshold::Len(len) => self.figures.len - live >= len,
                Threshold::Id(id) => node.last(node_id).is_none_or(|last| last.id < id),
            };
            if trim.limit != 0 && before - self.figures.len + live > trim.limit {
                break;
            }
            if is_whole {
                self.give_node(place);
                self.figures.len -= live;
                freed(self.entries.nodes.remove_at(place));
                continue;
            }
            if !trim.is_approximate {
                self.trim_within(trim.threshold);
            }
            break;
        }
        if before != self.figures.len {
            self.figures.first_id = self.entries.first_id().unwrap_or_default();
        }
        before - self.figures.len
    }

    /// Marks the first entries of the first node as deleted.
    fn trim_within(&mut self, threshold: Threshold) {
        let Some(place) = self.entries.nodes.front() else { return };
        self.give_node(place);
        let (node_id, node) = self.entries.nodes.at_mut(place);
        let mut at = node.begin();
        while at < node.end() {
            let entry = node.entry(node_id, at);
            let is_end = match threshold {
                Threshold::Len(len) => self.figures.len <= len,
                Threshold::Id(id) => entry.id >= id,
            };
            if is_end {
                break;
            }
            let (next, is_deleted) = (entry.next, entry.is_deleted);
            if !is_deleted {
                node.delete(at);
                self.figures.len -= 1;
            }
            at = next;
        }
    }
}
