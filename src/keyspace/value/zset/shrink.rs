//! How elements leave a large sorted set, or move within it, and how the tree becomes smaller then.

use std::ops::Range;

use super::leaf::LEAF_LEN;
use super::tree::{Path, Place, SHARE_LEN_MIN, Tree};
use crate::base::alloc;
use crate::datatypes::items;
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// A leaf below this length is merged with a neighbour, if both fit one with [`SHARE_LEN_MIN`] to spare.
const SPARSE_LEN: usize = LEAF_LEN / 2;

impl Tree {
    /// Takes an element out that is at `place`.
    fn remove_at(&mut self, hash: KeyHash, place: Place, path: &[(u32, usize)], hasher: &KeyHasher) {
        self.index.remove(hash, place.leaf);
        self.cut(place.leaf, place.index..place.index + 1, path, hasher);
    }

    /// Takes elements out of a leaf that the index has forgotten already.
    fn cut(&mut self, number: u32, range: Range<usize>, path: &[(u32, usize)], hasher: &KeyHasher) {
        let fewer = range.len();
        self.edit(number, |leaf| leaf.remove(range));
        self.len -= fewer;
        for (node, at) in path {
            self.nodes.get_mut(*node).take_count(*at, fewer);
        }
        let leaf = self.leaf(number);
        let Some((node, at)) = path.last().copied() else { return };
        if leaf.count() == 0 {
            self.unlink(number);
            return self.remove_child(path);
        }
        if leaf.len() >= SPARSE_LEN {
            return;
        }
        let children = self.nodes.get(node);
        let fits = |at: usize| {
            let lengths = self.leaf(children.child(at)).len() + self.leaf(children.child(at + 1)).len();
            lengths <= LEAF_LEN - SHARE_LEN_MIN
        };
        let first = match at {
            _ if at + 1 < children.len() && fits(at) => at,
            1.. if fits(at - 1) => at - 1,
            _ => return,
        };
        self.merge(path, first, hasher);
    }

    /// Makes the children `first` and `first + 1` of the last node one leaf. The one with fewer elements moves.
    fn merge(&mut self, path: &[(u32, usize)], first: usize, hasher: &KeyHasher) {
        let ((number, _), above) = path.split_last().expect("only children of a node are merged");
        let node = self.nodes.get_mut(*number);
        let (one, other) = (node.get(first), node.get(first + 1));
        let is_first_moved = one.count < other.count;
        let (from, to, gone) = if is_first_moved { (one, other, first) } else { (other, one, first + 1) };
        node.set_low(first + usize::from(is_first_moved), one.low);
        node.add_count(first + usize::from(is_first_moved), from.count as usize);
        node.take_count(gone, from.count as usize);
        let index = if is_first_moved { 0 } else { to.count as usize };
        self.shift(from.number, 0..from.count as usize, to.number, index, hasher);
        self.unlink(from.number);
        let mut path: Path = above.into();
        path.push((*number, gone));
        self.remove_child(&path);
    }

    /// Forgets an empty leaf, as far as the leaves know of each other.
    fn unlink(&mut self, number: u32) {
        let leaf = self.leaves.remove(number);
        self.leaf_bytes -= alloc::block_len(leaf.capacity());
        let (before, after) = (leaf.before(), leaf.after());
        if before > 0 {
            self.leaves.get_mut(before - 1).set_after(after);
        }
        if after > 0 {
            self.leaves.get_mut(after - 1).set_before(before);
        }
    }

    /// Takes the child to which `path` leads away, which has no elements left.
    fn remove_child(&mut self, path: &[(u32, usize)]) {
        let Some(((number, at), above)) = path.split_last() else { return };
        let node = self.nodes.get_mut(*number);
        node.remove(*at);
        if node.len() == 0 {
            self.nodes.remove(*number);
            return self.remove_child(above);
        }
        if let Some((parent, at)) = above.last().copied() {
            if self.nodes.get(*number).is_sparse() {
                self.merge_node(above, parent, at);
            }
            return;
        }
        while self.height > 0 && self.nodes.get(self.root).len() == 1 {
            let only = self.nodes.get(self.root).child(0);
            self.nodes.remove(self.root);
            self.root = only;
            self.height -= 1;
        }
    }

    /// Makes child `at` of `parent`, a node, one with a neighbour, if both fit.
    fn merge_node(&mut self, path: &[(u32, usize)], parent: u32, at: usize) {
        let children = self.nodes.get(parent);
        let fits = |at: usize| self.nodes.get(children.child(at)).merges_with(self.nodes.get(children.child(at + 1)));
        let first = match at {
            _ if at + 1 < children.len() && fits(at) => at,
            1.. if fits(at - 1) => at - 1,
            _ => return,
        };
        let (one, other) = (children.get(first), children.get(first + 1));
        let gone = self.nodes.remove(other.number);
        self.nodes.get_mut(one.number).append(&gone);
        let node = self.nodes.get_mut(parent);
        node.add_count(first, other.count as usize);
        node.take_count(first + 1, other.count as usize);
        let mut path: Path = path.into();
        path.last_mut().expect("the parent is on the way").1 = first + 1;
        self.remove_child(&path);
    }

    /// Takes the element with this member out. Returns its score.
    pub(super) fn remove(&mut self, hash: KeyHash, form: &[u8], text: &[u8], hasher: &KeyHasher) -> Option<f64> {
        let (place, score) = self.find(hash, form)?;
        let mut path = Path::new();
        self.descend_to(place, score, text, &mut path);
        self.remove_at(hash, place, &path, hasher);
        Some(score)
    }

    /// Takes the elements of these ranks out.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>, hasher: &KeyHasher) {
        let mut left = ranks.len();
        while left > 0 {
            let mut path = Path::new();
            let Place { leaf: number, index } = self.seek_rank(ranks.start, &mut path);
            let leaf = self.leaves.get(number);
            let taken = left.min(leaf.count() - index);
            let mut at = leaf.offset(index);
            for _ in 0..taken {
                let form = leaf.form_at(at);
                self.index.remove(hasher.hash(form), number);
                at += form.len();
            }
            self.cut(number, index..index + taken, &path, hasher);
            left -= taken;
        }
    }

    /// Gives the element at `place` another score.
    pub(super) fn set_score(&mut self, hash: KeyHash, (form, text): (&[u8], &[u8]), place: Place, score: f64, hasher: &KeyHasher) {
        let leaf = self.leaf(place.leaf);
        let old = leaf.score(place.index);
        let is_before = |index: usize| {
            let other = leaf.score(index);
            other < score || other == score && items::read(leaf.form(index)).with_text(|member| member < text)
        };
        // At the ends of a leaf only towards its middle: who lies beyond is not known here.
        let above = if place.index > 0 { is_before(place.index - 1) } else { score >= old || self.height == 0 };
        let below = if place.index + 1 < leaf.count() { !is_before(place.index + 1) } else { score <= old || self.height == 0 };
        if above && below {
            self.edit(place.leaf, |leaf| leaf.set_score(place.index, score));
            return;
        }
        let mut path = Path::new();
        self.descend_to(place, old, text, &mut path);
        self.remove_at(hash, place, &path, hasher);
        self.insert(hash, form, text, score, hasher);
    }
}
