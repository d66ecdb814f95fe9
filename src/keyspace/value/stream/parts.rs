//! A stream as its parts: to write all of it to a file, and to build one from there.
//!
//! ```text
//! let mut stream = Stream::from_parts(figures);
//! for each node, by ascending IDs:    Node::new(names), Node::push(..) for each entry, deleted ones too; stream.add_node(id, node)
//! for each group:                     Group::new(..), add_consumer(..) with times by consumer_mut(..), assign(..) for each pending entry;
//!                                     stream.add_group(group)
//! stream.is_consistent()              before anybody sees it
//! ```

use super::{Figures, Node, Stream, StreamId};

impl Stream {
    /// A stream without nodes and groups, to be filled. The number of entries follows from the nodes.
    pub fn from_parts(figures: Figures) -> Stream {
        Stream { figures: Figures { len: 0, ..figures }, ..Stream::default() }
    }

    /// The nodes, by ascending IDs. [`Node::entry`] reads them, from [`Node::begin`] to [`Node::end`].
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, &Node)> {
        self.entries.nodes.iter()
    }

    /// Number of the nodes.
    pub fn nodes_len(&self) -> usize {
        self.entries.nodes.len()
    }

    /// Adds a node with entries. False, and nothing is done, if there is one of this ID.
    pub fn add_node(&mut self, id: StreamId, mut node: Node) -> bool {
        if self.entries.nodes.get(id).is_some() {
            return false;
        }
        node.trim();
        self.figures.len += node.live();
        self.entries.nodes.insert(id, node);
        true
    }

    /// True if IDs ascend, through all nodes, and do not exceed the last one, and the first entry is the one that is said to be. Who takes
    /// parts from outside asks before the stream comes under a key. Takes a step for each entry.
    pub fn is_consistent(&self) -> bool {
        let mut before = None;
        for (node_id, node) in self.entries.nodes.iter() {
            let mut at = node.begin();
            while at < node.end() {
                let entry = node.entry(node_id, at);
                if before.is_some_and(|before| entry.id <= before) || entry.id < node_id || entry.id > self.figures.last_id {
                    return false;
                }
                before = Some(entry.id);
                at = entry.next;
            }
            if at == node.begin() {
                return false;
            }
        }
        self.figures.first_id == self.entries.first_id().unwrap_or_default()
    }
}
