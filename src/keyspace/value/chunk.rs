//! Parts of large collections that are saved one by one: what a snapshot takes of a collection that is changed meanwhile.
//!
//! A collection of which a snapshot is being taken has a [`Saving`]. Whoever is about to change a part that the snapshot does not have
//! yet first gives it away as it is ([`Saving::claim`], [`Saving::give`]), and waits for nothing else of the collection. The snapshot's own
//! walk claims the parts that are left ([`Chunked::save_next`]).
//!
//! Invariants:
//! * Each part that was there at the beginning is given exactly once, with the content that it had then. The elements of a collection may
//!   move between its parts: before they do, both parts are given.
//! * A collection without a snapshot under way pays one pointer, and a comparison per change.

use std::sync::Arc;

use super::packed_bucket::Bucket;
use super::stream::head::{Heads, Pending};
use crate::datatypes::stream_id::StreamId;
use crate::datatypes::stream_node::Node;
use crate::keyspace::marks::Marks;

/// Names a key within a snapshot.
pub type Tag = u64;

/// A part of a collection, as it was when the snapshot began.
#[derive(Debug)]
pub enum Chunk {
    /// A bucket of a hash, whose records have two items, or of a set.
    Records(Records),
    /// A leaf of a sorted set, as it lies there.
    Leaf(Vec<u8>),
    /// A node of a list, with its number among those that were there.
    Node(usize, Vec<u8>),
    /// The next bytes of a string.
    Text(Vec<u8>),
    /// What a stream has beside entries and what is pending; comes first.
    Heads(Box<Heads>),
    /// A node of a stream. It comes in its turn, or early, and then goes before the next one of a greater ID.
    Entries(Turn, StreamId, Node),
    /// What is pending in a group, which has this number among the heads.
    Pending(u32, Vec<(StreamId, Pending)>),
}

/// When a part comes that has its place among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// All parts before it have come.
    Own,
    /// Some have not.
    Early,
}

/// Records of a packed table.
#[derive(Debug)]
pub struct Records {
    pub(super) bucket: Bucket,
    pub(super) arity: usize,
}

impl Chunk {
    /// Memory that it takes, about.
    pub fn bytes(&self) -> usize {
        match self {
            Chunk::Records(records) => records.bucket.owned(),
            Chunk::Leaf(bytes) | Chunk::Node(_, bytes) | Chunk::Text(bytes) => bytes.capacity(),
            Chunk::Heads(heads) => heads.memory(),
            Chunk::Entries(_, _, node) => node.memory(),
            Chunk::Pending(_, pending) => pending.capacity() * size_of::<(StreamId, Pending)>(),
        }
    }
}

/// Who takes parts before they are changed.
pub trait Taker: std::fmt::Debug + Send + Sync {
    /// True if nobody is interested any longer.
    fn is_over(&self) -> bool;
    /// Takes a part.
    fn take(&self, tag: Tag, chunk: Chunk);
    /// Hears that all parts were given, or are empty.
    fn end(&self, tag: Tag);
    /// Hears that a collection went away before all parts were given, which is a bug.
    fn lose(&self, tag: Tag);
}

/// What is known in a collection of the snapshot that is being taken of it.
#[derive(Debug)]
pub struct Saving {
    taker: Arc<dyn Taker>,
    tag: Tag,
    marks: Marks,
}

impl Saving {
    /// Of a collection of so many parts.
    pub fn new(taker: Arc<dyn Taker>, tag: Tag, parts: usize) -> Self {
        Saving { taker, tag, marks: Marks::new(parts) }
    }

    /// The key's name in the snapshot.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// True if the snapshot needs this part before it is changed.
    pub fn claim(&mut self, part: usize) -> bool {
        self.marks.claim(part) && !self.taker.is_over()
    }

    /// Claims a part for the snapshot's own walk.
    pub fn claim_part(&mut self, part: usize) -> bool {
        self.marks.claim(part)
    }

    /// True if parts are still wanted.
    pub fn is_wanted(&self) -> bool {
        !self.taker.is_over()
    }

    /// Claims the next part for the snapshot's own walk.
    pub fn claim_next(&mut self) -> Option<usize> {
        self.marks.claim_next()
    }

    /// Gives a part that was claimed before a change.
    pub fn give(&self, chunk: Chunk) {
        self.taker.take(self.tag, chunk);
    }

    /// Says that what was not given is empty.
    pub fn finish(mut self) {
        while self.marks.claim_next().is_some() {}
        self.taker.end(self.tag);
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if self.marks.left() > 0 && !self.taker.is_over() {
            self.taker.lose(self.tag);
        }
    }
}

/// A collection that is saved in parts.
pub trait Chunked {
    /// Parts that it has.
    fn parts(&self) -> usize;
    /// Begins to save it.
    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag);
    /// What is known of the snapshot that is being taken.
    fn saving(&self) -> Option<&Saving>;
    /// Saves the next part that is left. False if there is none: then the snapshot has all, and the collection forgets it.
    fn save_next(&mut self, out: &mut dyn FnMut(Chunk)) -> bool;
    /// Forgets a snapshot that was given up.
    fn stop_saving(&mut self);
}
