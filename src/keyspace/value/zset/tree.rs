//! A large sorted set: leaves of some fifty elements in order ([`super::leaf`]), nodes above them that count ([`super::node`]), and an index
//! that knows the leaf of each member ([`super::index`]).
//!
//! With 16-byte members an element takes 26 bytes in its leaf, of which four fifths are in use, 6 in the index and 1 above.
//!
//! Invariants:
//! * Elements are in the order of their scores; where those are equal, of their members' bytes. No member is there twice.
//! * No leaf is empty, unless it is the only one; so is no node. All leaves lie at the same depth.
//! * The elements of leaves are changed by [`Tree::edit`] alone, which gives a leaf to a snapshot first.
//! * A leaf longer than [`LEAF_LEN`] has one element, unless no more leaves can be numbered.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::arena::Arena;
use super::index::{self, Index, LEAVES_MAX, Members};
use super::leaf::{ELEMENT_LEN, Elements, LEAF_LEN, Leaf};
use super::node::{BoxedNode, Child, Node};
use crate::base::alloc;
use crate::datatypes::items;
use crate::keyspace::bucket::prefetch;
use crate::keyspace::hash::{KeyHash, KeyHasher};
use crate::keyspace::value::chunk::{Chunk, Chunked, Saving, Tag, Taker};

/// A neighbour takes elements of a full leaf only if it has so many bytes left, lest they be moved one by one.
pub(super) const SHARE_LEN_MIN: usize = LEAF_LEN / 8;
/// The nodes on the way to a leaf, from the root on, with the number of the child taken at each.
pub(super) type Path = SmallVec<[(u32, usize); 6]>;

/// Where an element is, or would be: valid until the next change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) leaf: u32,
    pub(super) index: usize,
}

/// See the module's page.
#[derive(Debug)]
pub struct Tree {
    pub(super) leaves: Arena<Leaf>,
    pub(super) nodes: Arena<BoxedNode>,
    pub(super) index: Index,
    /// A leaf, while there are no nodes.
    pub(super) root: u32,
    /// Levels of nodes.
    pub(super) height: u32,
    pub(super) len: usize,
    /// Bytes that the leaves own, as the allocator rounds them.
    pub(super) leaf_bytes: usize,
    saving: Option<Box<Saving>>,
}

/// Says whether an element comes before what is looked for: by the score, or if that does not tell, by the member's form. `Equal` is
/// the element itself.
struct Goal<S, M> {
    by_score: S,
    by_member: M,
}

impl Clone for Tree {
    fn clone(&self) -> Self {
        let leaves = self.leaves.clone();
        // A copy's leaves take what they need, whatever the others have grown to.
        let leaf_bytes = leaves.iter().map(|leaf: &Leaf| alloc::block_len(leaf.capacity())).sum();
        let (nodes, index) = (self.nodes.clone(), self.index.clone());
        Tree { leaves, nodes, index, leaf_bytes, saving: None, ..*self }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// An empty one.
    pub fn new() -> Tree {
        let mut leaves = Arena::default();
        let leaf = Leaf::new();
        let leaf_bytes = alloc::block_len(leaf.capacity());
        let root = leaves.add(leaf);
        Tree { leaves, nodes: Arena::default(), index: Index::default(), root, height: 0, len: 0, leaf_bytes, saving: None }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory that it takes beside itself.
    pub fn bytes(&self) -> usize {
        let nodes = self.nodes.bytes() + self.nodes.used() * alloc::block_len(size_of::<Node>());
        self.leaf_bytes + self.leaves.bytes() + nodes + self.index.bytes()
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        1 + self.leaves.used() + self.index.buckets() / 64 + self.nodes.used()
    }

    #[inline]
    pub(super) fn leaf(&self, number: u32) -> &Leaf {
        self.leaves.get(number)
    }

    /// Gives a leaf to the snapshot that is being taken, if it does not have it.
    #[cold]
    #[inline(never)]
    fn give(&mut self, number: u32) {
        let Some(saving) = &mut self.saving else { return };
        let leaf = self.leaves.get(number);
        if saving.claim(number as usize) && !leaf.is_nothing() {
            saving.give(Chunk::Leaf(leaf.bytes().to_vec()));
        }
    }

    /// Changes a leaf, and counts what it then takes.
    pub(super) fn edit<R>(&mut self, number: u32, edit: impl FnOnce(&mut Leaf) -> R) -> R {
        if self.saving.is_some() {
            self.give(number);
        }
        let leaf = self.leaves.get_mut(number);
        let before = leaf.capacity();
        let result = edit(leaf);
        let after = leaf.capacity();
        if after != before {
            self.leaf_bytes = self.leaf_bytes - alloc::block_len(before) + alloc::block_len(after);
        }
        result
    }

    /// Asks the processor for what a look for this member needs: first (0) for where its leaf stands, then (1, 2) for its leaf.
    #[inline]
    pub fn prefetch(&self, hash: KeyHash, step: usize) {
        let each_leaf = |prefetch: fn(&Leaf)| {
            self.index.find(hash, |number| {
                prefetch(self.leaf(number));
                None::<()>
            });
        };
        match step {
            0 => self.index.prefetch(hash),
            1 => each_leaf(|leaf| prefetch(std::ptr::from_ref(leaf).cast())),
            2 => each_leaf(Leaf::prefetch),
            _ => {}
        }
    }

    /// Asks the processor for the leaf that an element with this score comes into.
    pub fn prefetch_score(&self, score: f64) {
        let goal = element_goal(score, &[]);
        let mut number = self.root;
        for _ in 0..self.height {
            let node = self.nodes.get(number);
            // Which of several with the same score does not matter here.
            let at = node.lows().partition_point(|low| (goal.by_score)(*low).is_lt()).saturating_sub(1);
            number = node.child(at);
        }
        self.leaf(number).prefetch_all();
    }

    /// Where the element with this member is, and its score.
    #[inline]
    pub(super) fn find(&self, hash: KeyHash, form: &[u8]) -> Option<(Place, f64)> {
        self.index.find(hash, |number| {
            let leaf = self.leaf(number);
            leaf.find(hash.fingerprint(), form).map(|index| (Place { leaf: number, index }, leaf.score(index)))
        })
    }

    /// The first element below child number `at` of a node that lies `below` levels above the leaves.
    fn first_below(&self, node: &Node, at: usize, levels: u32) -> &Leaf {
        let mut number = node.child(at);
        for _ in 0..levels {
            number = self.nodes.get(number).child(0);
        }
        self.leaf(number)
    }

    /// Goes to the leaf that has the goal, or would have it, and counts the elements before that leaf.
    fn descend<S: Fn(f64) -> Ordering, M: Fn(&[u8]) -> Ordering>(&self, goal: &Goal<S, M>, path: &mut Path) -> (u32, usize) {
        let (mut number, mut rank) = (self.root, 0);
        for level in (0..self.height).rev() {
            let node = self.nodes.get(number);
            let lows = node.lows();
            // Of the children whose first score does not tell, the first elements must.
            let (mut first, mut end) = (1, lows.len());
            while first < end {
                let middle = first.midpoint(end);
                let is_before = match (goal.by_score)(lows[middle]) {
                    Ordering::Less => true,
                    Ordering::Greater => false,
                    Ordering::Equal => {
                        let leaf = self.first_below(node, middle, level);
                        match (goal.by_score)(leaf.score(0)) {
                            Ordering::Less => true,
                            Ordering::Greater => false,
                            Ordering::Equal => (goal.by_member)(leaf.form(0)).is_le(),
                        }
                    }
                };
                if is_before { first = middle + 1 } else { end = middle }
            }
            let at = first - 1;
            rank += node.count_before(at);
            path.push((number, at));
            number = node.child(at);
        }
        (number, rank)
    }

    /// Goes to the goal, or if it is not there, to the place before which all elements come that come before it, and counts them.
    fn seek<S: Fn(f64) -> Ordering, M: Fn(&[u8]) -> Ordering>(&self, goal: &Goal<S, M>, path: &mut Path) -> (Place, usize) {
        let (number, rank) = self.descend(goal, path);
        let index = self.leaf(number).partition(&goal.by_score, |form| (goal.by_member)(form).is_lt());
        (Place { leaf: number, index }, rank + index)
    }

    fn seek_element(&self, score: f64, text: &[u8], path: &mut Path) -> Place {
        self.seek(&element_goal(score, text), path).0
    }

    /// Goes to the leaf of an element that is there, and returns the number of elements before that leaf.
    pub(super) fn descend_to(&self, place: Place, score: f64, text: &[u8], path: &mut Path) -> usize {
        let (number, rank) = self.descend(&element_goal(score, text), path);
        assert_eq!(number, place.leaf, "index and order agree");
        rank
    }

    /// The number of elements before the one that is at `place`.
    pub(super) fn rank(&self, place: Place, score: f64, text: &[u8]) -> usize {
        self.descend_to(place, score, text, &mut Path::new()) + place.index
    }

    /// The number of elements whose scores come first.
    pub(super) fn count_by_score(&self, comes_first: impl Fn(f64) -> bool) -> usize {
        let by_score = |score| if comes_first(score) { Ordering::Less } else { Ordering::Greater };
        self.seek(&Goal { by_score, by_member: |_: &[u8]| Ordering::Greater }, &mut Path::new()).1
    }

    /// The number of elements whose members come first: for sets whose scores are all equal.
    pub(super) fn count_by_member(&self, comes_first: impl Fn(&[u8]) -> bool) -> usize {
        let by_member = |form: &[u8]| if items::read(form).with_text(&comes_first) { Ordering::Less } else { Ordering::Greater };
        self.seek(&Goal { by_score: |_| Ordering::Equal, by_member }, &mut Path::new()).1
    }

    pub(super) fn seek_rank(&self, mut rank: usize, path: &mut Path) -> Place {
        let mut number = self.root;
        for _ in 0..self.height {
            let node = self.nodes.get(number);
            let (at, rest) = node.find(rank);
            path.push((number, at));
            (number, rank) = (node.child(at), rest);
        }
        Place { leaf: number, index: rank }
    }

    /// Where element `rank` is. There must be one.
    pub(super) fn at(&self, rank: usize) -> Place {
        self.seek_rank(rank, &mut Path::new())
    }

    /// Adds an element whose member is not there.
    pub(super) fn insert(&mut self, hash: KeyHash, form: &[u8], text: &[u8], score: f64, hasher: &KeyHasher) {
        let scores = score.to_le_bytes();
        let element = Elements { marks: &[hash.fingerprint()], scores: &scores, members: form };
        let mut path = Path::new();
        let (number, index) = loop {
            path.clear();
            let Place { leaf: number, index } = self.seek_element(score, text, &mut path);
            let leaf = self.leaf(number);
            let fits = leaf.len() + ELEMENT_LEN + form.len() <= LEAF_LEN;
            if fits || leaf.count() == 0 || !self.leaves.has_room(LEAVES_MAX) {
                break (number, index);
            }
            let is_end = index == leaf.count() && leaf.after() == 0 || index == 0 && leaf.before() == 0;
            if is_end || leaf.count() == 1 {
                let new = self.link(Leaf::new(), number, index > 0);
                self.note([hash].into_iter(), new, hasher);
                self.edit(new, |leaf| leaf.insert(0, element));
                if index == 0 {
                    self.tell_low(&path);
                }
                self.add_child(&path, index > 0, Child { number: new, count: 1, low: score });
                self.len += 1;
                return;
            }
            self.make_room(&path, number, hasher);
        };
        self.note([hash].into_iter(), number, hasher);
        self.edit(number, |leaf| leaf.insert(index, element));
        self.count_in(1, &path, score);
    }

    /// Makes what is known of the first score of the leaf to which `path` leads exact: another leaf comes before it.
    pub(super) fn tell_low(&mut self, path: &[(u32, usize)]) {
        if let Some((node, at)) = path.last() {
            let first = self.leaf(self.nodes.get(*node).child(*at)).score(0);
            self.nodes.get_mut(*node).set_low(*at, first);
        }
    }

    /// Sets room aside for so many more members.
    pub(super) fn expect(&mut self, members: usize, hasher: &KeyHasher) {
        self.index.reserve(members, &HashedLeaves { leaves: &self.leaves, hasher });
    }

    /// Tells the index of members that come into a leaf just after.
    pub(super) fn note(&mut self, hashes: impl ExactSizeIterator<Item = KeyHash>, leaf: u32, hasher: &KeyHasher) {
        self.expect(hashes.len(), hasher);
        hashes.for_each(|hash| self.index.insert(hash, leaf));
    }

    /// Counts elements that came into the leaf to which `path` leads, the first of them with the score `low`.
    pub(super) fn count_in(&mut self, elements: usize, path: &[(u32, usize)], low: f64) {
        self.len += elements;
        for (node, at) in path {
            let node = self.nodes.get_mut(*node);
            node.add_count(*at, elements);
            node.lower(*at, low);
        }
    }

    /// Puts a leaf before or after another, as far as the leaves know of each other.
    pub(super) fn link(&mut self, mut leaf: Leaf, beside: u32, is_after: bool) -> u32 {
        let other = self.leaf(beside);
        let (before, after) = if is_after { (beside + 1, other.after()) } else { (other.before(), beside + 1) };
        leaf.set_before(before);
        leaf.set_after(after);
        self.leaf_bytes += alloc::block_len(leaf.capacity());
        let number = self.leaves.add(leaf);
        if let Some(saving) = &mut self.saving {
            // What was at this place is gone.
            saving.claim(number as usize);
        }
        if before > 0 {
            self.leaves.get_mut(before - 1).set_after(number + 1);
        }
        if after > 0 {
            self.leaves.get_mut(after - 1).set_before(number + 1);
        }
        number
    }

    /// Puts a child before or after the one to which `path` leads, and counts its elements.
    pub(super) fn add_child(&mut self, path: &[(u32, usize)], is_after: bool, child: Child) {
        let Some(((number, at), above)) = path.split_last() else {
            let (count, low) = match self.height {
                0 => (self.leaf(self.root).count(), self.leaf(self.root).score(0)),
                _ => (self.nodes.get(self.root).count(), self.nodes.get(self.root).lows()[0]),
            };
            let mut root = Node::default();
            root.insert(0, Child { number: self.root, count: count as u32, low });
            root.insert(usize::from(is_after), child);
            self.root = self.nodes.add(root.into());
            self.height += 1;
            return;
        };
        let node = self.nodes.get_mut(*number);
        let mut at = at + usize::from(is_after);
        if !node.is_full() {
            node.insert(at, child);
            for (node, at) in above {
                let node = self.nodes.get_mut(*node);
                node.add_count(*at, child.count as usize);
                node.lower(*at, child.low);
            }
            return;
        }
        // At the very end the other node begins empty, so that those filled in order are full.
        let middle = if at == node.len() { at - 1 } else { node.len() / 2 };
        let mut other = node.split_off(middle);
        let moved = other.count();
        if at > middle {
            at -= middle;
            other.insert(at, child);
        } else {
            node.insert(at, child);
        }
        let gained = other.count() - moved;
        for (node, at) in above {
            let node = self.nodes.get_mut(*node);
            node.take_count(*at, moved);
            node.add_count(*at, child.count as usize - gained);
            node.lower(*at, child.low);
        }
        let other_child = Child { count: other.count() as u32, low: other.lows()[0], number: self.nodes.add(other.into()) };
        self.add_child(above, true, other_child);
    }

    /// Makes a full leaf shorter: its neighbours take some of it, or half of it becomes another leaf.
    fn make_room(&mut self, path: &[(u32, usize)], number: u32, hasher: &KeyHasher) {
        let neighbours = path.last().map(|(node, at)| {
            let node = self.nodes.get(*node);
            let after = (at + 1 < node.len()).then(|| node.child(at + 1));
            (after, at.checked_sub(1).map(|before| node.child(before)))
        });
        let (after, before) = neighbours.unwrap_or_default();
        if after.is_some_and(|after| self.share(path, number, after, true, hasher))
            || before.is_some_and(|before| self.share(path, number, before, false, hasher))
        {
            return;
        }
        let leaf = self.leaf(number);
        let middle = first_part(leaf, leaf.len() / 2).clamp(1, leaf.count() - 1);
        let (moved, low) = (leaf.count() - middle, leaf.score(middle));
        let new = self.link(Leaf::new(), number, true);
        self.shift(number, middle..middle + moved, new, 0, hasher);
        for (node, at) in path {
            self.nodes.get_mut(*node).take_count(*at, moved);
        }
        self.add_child(path, true, Child { number: new, count: moved as u32, low });
    }

    /// Moves elements of a leaf to a neighbour of the same node, until both are about as long. False if that would not help.
    fn share(&mut self, path: &[(u32, usize)], number: u32, neighbour: u32, is_after: bool, hasher: &KeyHasher) -> bool {
        let (leaf, other) = (self.leaf(number), self.leaf(neighbour));
        let more = leaf.len().saturating_sub(other.len()) / 2;
        if LEAF_LEN.saturating_sub(other.len()) < SHARE_LEN_MIN || more == 0 {
            return false;
        }
        let (count, other_count) = (leaf.count(), other.count());
        let kept = count - if is_after { last_part(leaf, more) } else { first_part(leaf, more) };
        let moved = count - kept;
        if moved == 0 || kept == 0 {
            return false;
        }
        let Some((node, at)) = path.last().copied() else { return false };
        let (range, index) = if is_after { (kept..count, 0) } else { (0..moved, other_count) };
        self.shift(number, range, neighbour, index, hasher);
        let neighbour_at = if is_after { at + 1 } else { at - 1 };
        let first = self.leaf(if is_after { neighbour } else { number }).score(0);
        let node = self.nodes.get_mut(node);
        node.take_count(at, moved);
        node.add_count(neighbour_at, moved);
        node.set_low(if is_after { neighbour_at } else { at }, first);
        true
    }

    /// Moves elements from one leaf to another, before element `index` there.
    pub(super) fn shift(&mut self, from: u32, range: Range<usize>, to: u32, index: usize, hasher: &KeyHasher) {
        let source = std::mem::take(self.leaves.get_mut(from));
        let elements = source.elements(range.clone());
        self.edit(to, |leaf| leaf.insert(index, elements));
        let mut members = elements.members;
        while !members.is_empty() {
            let (form, rest) = members.split_at(items::form_len(members));
            self.index.replace(hasher.hash(form), from, to);
            members = rest;
        }
        *self.leaves.get_mut(from) = source;
        self.edit(from, |leaf| leaf.remove(range));
    }

    /// Visits the elements that `cursor` names and returns the next cursor, 0 at the end. An element that is there from the first to the last call
    /// is visited, whatever its score is meanwhile.
    pub(super) fn scan(&self, cursor: u64, hasher: &KeyHasher, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.index.scan(cursor, |bucket| {
            let mut words = self.index.words(bucket);
            words.sort_unstable();
            words.dedup();
            for word in words {
                let (mark, number) = index::parts(word);
                let leaf = self.leaf(number);
                for index in memchr::memchr_iter(mark, leaf.marks()) {
                    let form = leaf.form(index);
                    if self.index.home(hasher.hash(form)) == bucket {
                        visit(form, leaf.score(index));
                    }
                }
            }
        })
    }
}

impl Chunked for Tree {
    fn parts(&self) -> usize {
        self.leaves.places()
    }

    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag) {
        self.saving = Some(Box::new(Saving::new(taker, tag, self.leaves.places())));
    }

    fn saving(&self) -> Option<&Saving> {
        self.saving.as_deref()
    }

    fn save_next(&mut self, out: &mut dyn FnMut(Chunk)) -> bool {
        let Some(number) = self.saving.as_mut().and_then(|saving| saving.claim_next()) else {
            self.saving = None;
            return false;
        };
        let leaf = self.leaf(number as u32);
        if !leaf.is_nothing() {
            out(Chunk::Leaf(leaf.bytes().to_vec()));
        }
        true
    }

    fn stop_saving(&mut self) {
        self.saving = None;
    }
}

/// The leaves, as the index looks at them.
struct HashedLeaves<'a> {
    leaves: &'a Arena<Leaf>,
    hasher: &'a KeyHasher,
}

impl Members for HashedLeaves<'_> {
    fn hashes_of(&self, mark: u8, leaf: u32, visit: &mut dyn FnMut(KeyHash)) {
        let leaf = self.leaves.get(leaf);
        memchr::memchr_iter(mark, leaf.marks()).for_each(|index| visit(self.hasher.hash(leaf.form(index))));
    }

    fn touch(&self, leaf: u32) -> usize {
        usize::from(self.leaves.get(leaf).marks().last().copied().unwrap_or_default())
    }
}

/// Leads to this element.
fn element_goal(score: f64, text: &[u8]) -> Goal<impl Fn(f64) -> Ordering, impl Fn(&[u8]) -> Ordering> {
    Goal {
        by_score: move |other: f64| other.partial_cmp(&score).expect("no score is NaN"),
        by_member: move |form: &[u8]| items::read(form).with_text(|member| member.cmp(text)),
    }
}

/// The number of elements at the beginning of a leaf that take no more than `len` bytes.
fn first_part(leaf: &Leaf, len: usize) -> usize {
    let (mut taken, mut at) = (0, leaf.offset(0));
    for index in 0..leaf.count() {
        let form_len = leaf.form_at(at).len();
        taken += ELEMENT_LEN + form_len;
        if taken > len {
            return index;
        }
        at += form_len;
    }
    leaf.count()
}

/// As [`first_part`], at the end.
fn last_part(leaf: &Leaf, len: usize) -> usize {
    let (mut left, mut at) = (leaf.len() - leaf.offset(0) + leaf.count() * ELEMENT_LEN, leaf.offset(0));
    for index in 0..leaf.count() {
        if left <= len {
            return leaf.count() - index;
        }
        let form_len = leaf.form_at(at).len();
        left -= ELEMENT_LEN + form_len;
        at += form_len;
    }
    0
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
