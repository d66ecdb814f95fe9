//! An inner node of a large sorted set: its children in their order, each with the number of elements below it.
//!
//! Invariant: `lows[i]` is no larger than the score of the first element below child `i`, and no smaller than that of the last before it.
//! Where it equals what is looked for, the child's first element decides.

use std::ops::{Deref, DerefMut};

/// Most children of a node.
pub(super) const CHILDREN_MAX: usize = 64;
/// Two neighbours that have no more than this together become one.
const MERGED_MAX: usize = CHILDREN_MAX * 3 / 4;

/// See the module's page.
#[derive(Debug, Clone)]
pub(super) struct Node {
    len: u32,
    children: [u32; CHILDREN_MAX],
    counts: [u32; CHILDREN_MAX],
    lows: [f64; CHILDREN_MAX],
}

/// A node in an allocation of its own, which it gives back when it is removed.
#[derive(Debug, Clone, Default)]
pub(super) struct BoxedNode(Option<Box<Node>>);

impl From<Node> for BoxedNode {
    fn from(node: Node) -> Self {
        BoxedNode(Some(Box::new(node)))
    }
}

impl Deref for BoxedNode {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        self.0.as_deref().expect("nobody asks for a node that was removed")
    }
}

impl DerefMut for BoxedNode {
    #[inline]
    fn deref_mut(&mut self) -> &mut Node {
        self.0.as_deref_mut().expect("nobody asks for a node that was removed")
    }
}

/// One child of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) number: u32,
    pub(super) count: u32,
    pub(super) low: f64,
}

impl Default for Node {
    fn default() -> Self {
        Node { len: 0, children: [0; CHILDREN_MAX], counts: [0; CHILDREN_MAX], lows: [0.0; CHILDREN_MAX] }
    }
}

impl Node {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == CHILDREN_MAX
    }

    #[inline]
    pub(super) fn child(&self, at: usize) -> u32 {
        self.children[..self.len()][at]
    }

    #[inline]
    pub(super) fn lows(&self) -> &[f64] {
        &self.lows[..self.len()]
    }

    pub(super) fn get(&self, at: usize) -> Child {
        Child { number: self.child(at), count: self.counts[at], low: self.lows[at] }
    }

    /// Elements below the children before number `at`.
    #[inline]
    pub(super) fn count_before(&self, at: usize) -> usize {
        self.counts[..at].iter().map(|count| *count as usize).sum()
    }

    /// Elements below the node.
    pub(super) fn count(&self) -> usize {
        self.count_before(self.len())
    }

    /// The child below which element `rank` is, and the element's rank there. Beyond the last one: the last child.
    pub(super) fn find(&self, mut rank: usize) -> (usize, usize) {
        let last = self.len() - 1;
        for (at, count) in self.counts[..last].iter().enumerate() {
            if rank < *count as usize {
                return (at, rank);
            }
            rank -= *count as usize;
        }
        (last, rank)
    }

    pub(super) fn add_count(&mut self, at: usize, more: usize) {
        self.counts[at] += more as u32;
    }

    pub(super) fn take_count(&mut self, at: usize, fewer: usize) {
        self.counts[at] -= fewer as u32;
    }

    pub(super) fn set_low(&mut self, at: usize, low: f64) {
        self.lows[at] = low;
    }

    /// Lowers what is known of a child's first score.
    #[inline]
    pub(super) fn lower(&mut self, at: usize, score: f64) {
        if score < self.lows[at] {
            self.lows[at] = score;
        }
    }

    pub(super) fn insert(&mut self, at: usize, child: Child) {
        let len = self.len();
        self.children.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.lows.copy_within(at..len, at + 1);
        self.children[at] = child.number;
        self.counts[at] = child.count;
        self.lows[at] = child.low;
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) {
        let len = self.len();
        self.children.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        self.lows.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    /// Takes the children from `at` on away, as another node.
    pub(super) fn split_off(&mut self, at: usize) -> Node {
        let mut other = Node::default();
        (at..self.len()).for_each(|index| other.insert(index - at, self.get(index)));
        self.len = at as u32;
        other
    }

    /// True if the children of both fit one node, with room for more.
    pub(super) fn merges_with(&self, other: &Node) -> bool {
        self.len() + other.len() <= MERGED_MAX
    }

    /// True if it has so few children that it should be merged with a neighbour.
    pub(super) fn is_sparse(&self) -> bool {
        self.len() < CHILDREN_MAX / 4
    }

    pub(super) fn append(&mut self, other: &Node) {
        (0..other.len()).for_each(|index| self.insert(self.len(), other.get(index)));
    }
}
