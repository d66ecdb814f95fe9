//! Lists: a sequence of texts.
//!
//! ```text
//! small   one node ([`crate::datatypes::list_node`])
//! large   nodes of a few kilobytes, the first and the last of which grow at the ends
//! ```
//!
//! A small list is one that Valkey would hold as a listpack: `list-max-listpack-size` bounds it, and each node of a large one. A large
//! list becomes a small one when it has shrunk to half of that.
//!
//! Invariants: no node of a large list is empty; `len` counts the elements of all of them. While a snapshot is taken, [`NodesSaving`] says of
//! each node whether it was there at the beginning, and as which; a node is given to the snapshot before it is changed.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, Chunked, Saving, Tag, Taker};
use super::collection::Collection;
use super::kind::{Encoding, Type};
use crate::base::alloc;
use crate::base::limits::EFFORT_LEN;
use crate::datatypes::items::{self, Item};
use crate::datatypes::list_node as node;

/// Bounds of a node for `list-max-listpack-size` from -1 on downwards, in bytes.
const SIZE_LIMITS: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
/// Most bytes of a node whose elements are counted.
const SAFE_LEN_MAX: usize = 8192;
/// What an element may take beside its text.
const ELEMENT_OVERHEAD: usize = 8;

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first element's.
    Left,
    /// The last element's.
    Right,
}

/// How large a node may become: `list-max-listpack-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLimit(pub i64);

impl NodeLimit {
    /// True if a node of so many bytes (as a listpack) and elements exceeds it.
    fn is_exceeded(self, len: usize, count: usize) -> bool {
        match self.size() {
            Some(most) => len > most,
            None => len > SAFE_LEN_MAX || count > self.count(),
        }
    }

    /// The bound in bytes, if it is one.
    fn size(self) -> Option<usize> {
        (self.0 < 0).then(|| SIZE_LIMITS[((-self.0) as usize).min(SIZE_LIMITS.len()) - 1])
    }

    fn count(self) -> usize {
        (self.0 as usize).max(1)
    }

    /// True if a text of this length gets a node of its own.
    fn is_large(self, text_len: usize) -> bool {
        text_len > self.size().unwrap_or(SAFE_LEN_MAX)
    }

    /// True if a node takes a text of this length.
    fn admits(self, node: &[u8], text_len: usize) -> bool {
        !self.is_large(text_len) && !self.is_exceeded(node::listpack_len(node) + text_len + ELEMENT_OVERHEAD, node::count(node) + 1)
    }

    /// True if a large list of one node has shrunk enough to be a small one.
    fn has_room(self, node: &[u8], share: usize) -> bool {
        let has_room = match self.size() {
            Some(most) => node::listpack_len(node) <= most / share,
            None => node::count(node) <= self.count() / share,
        };
        has_room && !(node::count(node) == 1 && self.is_large(node::get(node, node::HEADER_LEN).text_len()))
    }
}

/// A list. See the module's page.
#[derive(Debug, Clone)]
pub enum List {
    /// One node.
    Small(Vec<u8>),
    /// Several.
    Large(Nodes),
}

/// The nodes of a large list.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: VecDeque<Vec<u8>>,
    len: usize,
    saving: Option<Box<NodesSaving>>,
}

impl Clone for Nodes {
    fn clone(&self) -> Self {
        Nodes { nodes: self.nodes.clone(), len: self.len, saving: None }
    }
}

/// Of a node that came since the snapshot began.
const IS_NEW: u32 = u32::MAX;

/// What is known of the snapshot that is being taken of a list. A node's place changes as others come and go, so that each is known by its
/// number among those that were there at the beginning; those stay in their order.
#[derive(Debug)]
struct NodesSaving {
    saving: Saving,
    /// The number of each node that is there now.
    numbers: VecDeque<u32>,
    /// The snapshot's own walk has passed all nodes before this place.
    at: usize,
}

impl NodesSaving {
    /// Gives the node at this place away, if the snapshot does not have it.
    #[cold]
    #[inline(never)]
    fn give(&mut self, place: usize, node: &[u8]) {
        let number = self.numbers[place];
        if number != IS_NEW && self.saving.claim(number as usize) {
            self.saving.give(Chunk::Node(number as usize, node.to_vec()));
        }
    }

    fn insert(&mut self, place: usize) {
        self.numbers.insert(place, IS_NEW);
        self.at += usize::from(place < self.at);
    }

    fn remove(&mut self, place: usize) {
        self.numbers.remove(place);
        self.at -= usize::from(place < self.at);
    }

    /// Forgets the nodes that did not stay.
    fn retain(&mut self, stay: &[bool]) {
        self.at = stay.iter().take(self.at).filter(|stays| **stays).count();
        let mut stay = stay.iter();
        self.numbers.retain(|_| stay.next().is_none_or(|stays| *stays));
    }
}

/// A list, to read.
#[derive(Debug, Clone, Copy)]
pub enum ListView<'a> {
    /// One node.
    Small(&'a [u8]),
    /// Several.
    Large(&'a Nodes),
}

impl Nodes {
    /// The node of element `index`, and its index there; for the length, that behind the last.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index <= self.len / 2 {
            let mut before = 0;
            for (number, node) in self.nodes.iter().enumerate() {
                let count = node::count(node);
                if index < before + count {
                    return (number, index - before);
                }
                before += count;
            }
        }
        let mut behind = self.len;
        for (number, node) in self.nodes.iter().enumerate().rev() {
            behind -= node::count(node);
            if index >= behind {
                return (number, index - behind);
            }
        }
        (0, 0)
    }

    /// Gives back what a node has room for and will not need: it has been left behind at its end.
    fn trim_node(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(number)
            && alloc::block_len(node.len()) < node.capacity()
        {
            // The allocator leaves a block where it is that becomes a little shorter.
            *node = node.as_slice().to_vec();
        }
    }

    /// Gives a node to the snapshot that is being taken, before it is changed.
    #[inline]
    fn give(&mut self, place: usize) {
        if let Some(saving) = &mut self.saving {
            saving.give(place, &self.nodes[place]);
        }
    }

    fn insert_node(&mut self, place: usize, node: Vec<u8>) {
        self.nodes.insert(place, node);
        if let Some(saving) = &mut self.saving {
            saving.insert(place);
        }
    }

    fn remove_node(&mut self, place: usize) -> Option<Vec<u8>> {
        if let Some(saving) = &mut self.saving {
            saving.give(place, &self.nodes[place]);
            saving.remove(place);
        }
        self.nodes.remove(place)
    }

    fn push(&mut self, end: End, text: &[u8], limit: NodeLimit) {
        let place = match end {
            End::Left => 0,
            End::Right => self.nodes.len().saturating_sub(1),
        };
        if self.saving.is_some() && self.nodes.get(place).is_some_and(|last| limit.admits(last, text.len())) {
            self.give(place);
        }
        match self.nodes.get_mut(place) {
            Some(last) if limit.admits(last, text.len()) => match end {
                End::Left => node::insert(last, node::HEADER_LEN, text),
                End::Right => node::push(last, text),
            },
            _ => {
                let mut new = node::empty();
                node::push(&mut new, text);
                match end {
                    End::Left => {
                        self.trim_node(0);
                        self.insert_node(0, new);
                    }
                    End::Right => {
                        self.trim_node(self.nodes.len().wrapping_sub(1));
                        self.insert_node(self.nodes.len(), new);
                    }
                }
            }
        }
        self.len += 1;
    }

    fn insert(&mut self, index: usize, text: &[u8], limit: NodeLimit) {
        if index == self.len {
            return self.push(End::Right, text, limit);
        }
        let (number, within) = self.locate(index);
        self.give(number);
        let target = &mut self.nodes[number];
        let at = node::offset(target, within);
        if limit.admits(target, text.len()) {
            node::insert(target, at, text);
        } else {
            let rest = node::split_off(target, at);
            let mut new = node::empty();
            node::push(&mut new, text);
            self.insert_node(number + 1, new);
            self.insert_node(number + 2, rest);
            self.settle(number + 1, limit);
            self.settle(number, limit);
        }
        self.len += 1;
    }

    /// Takes node `number` away if it is empty, or joins it with the next one if both fit into half a node.
    fn settle(&mut self, number: usize, limit: NodeLimit) {
        let Some(this) = self.nodes.get(number) else { return };
        if node::count(this) == 0 {
            self.remove_node(number);
            return;
        }
        let Some(next) = self.nodes.get(number + 1) else { return };
        let (len, count) = (node::listpack_len(this) + node::listpack_len(next), node::count(this) + node::count(next));
        if !limit.is_exceeded(len * 2, count * 2) {
            self.give(number);
            let next = self.remove_node(number + 1).unwrap_or_default();
            node::append(&mut self.nodes[number], &next);
        }
    }

    /// Gives the nodes of these ascending elements to the snapshot that is being taken.
    #[cold]
    fn give_those_of(&mut self, indexes: &[usize]) {
        let (mut first, mut left) = (0, indexes);
        for place in 0..self.nodes.len() {
            let end = first + node::count(&self.nodes[place]);
            let (here, later) = left.split_at(left.partition_point(|index| *index < end));
            if !here.is_empty() {
                self.give(place);
            }
            (first, left) = (end, later);
        }
    }

    /// Gives the only node to the snapshot that is being taken, which then has all that it did not see go.
    fn finish_saving(&mut self) {
        if self.saving.is_some() && !self.nodes.is_empty() {
            self.give(0);
        }
        if let Some(saving) = self.saving.take() {
            saving.saving.finish();
        }
    }

    fn remove(&mut self, range: Range<usize>) {
        let mut left = range.len();
        while left > 0 {
            let (number, within) = self.locate(range.start);
            let target = &self.nodes[number];
            let here = (node::count(target) - within).min(left);
            if here == node::count(target) {
                self.remove_node(number);
            } else {
                self.give(number);
                let target = &mut self.nodes[number];
                let (from, to) = (node::offset(target, within), node::offset(target, within + here));
                node::remove(target, from, to);
            }
            self.len -= here;
            left -= here;
        }
    }
}

impl<'a> ListView<'a> {
    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number of elements.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListView::Small(bytes) => node::count(bytes),
            ListView::Large(nodes) => nodes.len,
        }
    }

    fn node(self, number: usize) -> &'a [u8] {
        match self {
            ListView::Small(bytes) => bytes,
            ListView::Large(nodes) => &nodes.nodes[number],
        }
    }

    fn locate(self, index: usize) -> (usize, usize) {
        match self {
            ListView::Small(_) => (0, index),
            ListView::Large(nodes) => nodes.locate(index),
        }
    }

    /// The element at `index`, which is there.
    pub fn get(self, index: usize) -> Item<'a> {
        let (number, within) = self.locate(index);
        let bytes = self.node(number);
        node::get(bytes, node::offset(bytes, within))
    }

    /// Calls `visit` with each element from `index` on towards the right, until it says false. With the form of the element in front.
    pub fn walk_right(self, index: usize, mut visit: impl FnMut(&'a [u8], Item<'a>) -> bool) {
        if index >= self.len() {
            return;
        }
        let (mut number, within) = self.locate(index);
        let mut bytes = self.node(number);
        let mut at = node::offset(bytes, within);
        loop {
            while at < bytes.len() {
                if !visit(&bytes[at..], node::get(bytes, at)) {
                    return;
                }
                at = node::next(bytes, at);
            }
            number += 1;
            match self {
                ListView::Large(nodes) if number < nodes.nodes.len() => (bytes, at) = (&nodes.nodes[number], node::HEADER_LEN),
                _ => return,
            }
        }
    }

    /// As [`ListView::walk_right`], towards the left.
    pub fn walk_left(self, index: usize, mut visit: impl FnMut(&'a [u8], Item<'a>) -> bool) {
        if index >= self.len() {
            return;
        }
        let (mut number, within) = self.locate(index);
        let mut bytes = self.node(number);
        let mut at = node::offset(bytes, within + 1);
        loop {
            while at > node::HEADER_LEN {
                at = node::previous(bytes, at);
                if !visit(&bytes[at..], node::get(bytes, at)) {
                    return;
                }
            }
            match (self, number.checked_sub(1)) {
                (ListView::Large(nodes), Some(before)) => {
                    number = before;
                    bytes = &nodes.nodes[number];
                    at = bytes.len();
                }
                _ => return,
            }
        }
    }
}

impl List {
    /// To read.
    #[inline]
    pub fn view(&self) -> ListView<'_> {
        match self {
            List::Small(bytes) => ListView::Small(bytes),
            List::Large(nodes) => ListView::Large(nodes),
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        match self {
            List::Small(bytes) => 1 + bytes.len() / EFFORT_LEN,
            List::Large(nodes) => 1 + nodes.nodes.len(),
        }
    }

    /// As what is saved in parts.
    pub fn chunked(&self) -> Option<&dyn Chunked> {
        if let List::Large(nodes) = self { Some(nodes) } else { None }
    }

    /// As [`List::chunked`], to save it.
    pub fn chunked_mut(&mut self) -> Option<&mut dyn Chunked> {
        if let List::Large(nodes) = self { Some(nodes) } else { None }
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        match self {
            List::Small(bytes) => alloc::block_len(bytes.capacity()),
            List::Large(nodes) => {
                let slots = alloc::block_len(nodes.nodes.capacity() * size_of::<Vec<u8>>());
                slots + nodes.nodes.iter().map(|node| alloc::block_len(node.capacity())).sum::<usize>()
            }
        }
    }

    /// Makes it a large one if these texts, which are about to be added, would make a small one too long.
    pub fn grow_for(&mut self, texts: &[&[u8]], limit: NodeLimit) {
        if let List::Small(bytes) = self {
            let more: usize = texts.iter().map(|text| text.len()).sum();
            if limit.is_exceeded(node::listpack_len(bytes) + more, node::count(bytes) + texts.len()) {
                self.enlarge();
            }
        }
    }

    fn enlarge(&mut self) {
        if let List::Small(bytes) = self {
            let (len, bytes) = (node::count(bytes), std::mem::take(bytes));
            *self = List::Large(Nodes { nodes: (len > 0).then_some(bytes).into_iter().collect(), len, saving: None });
        }
    }

    /// Makes it a small one, if it has room enough for that. `share`: 2 after something was taken out, 1 after something was replaced.
    fn reduce(&mut self, limit: NodeLimit, share: usize) {
        if let List::Large(nodes) = self {
            match nodes.nodes.front() {
                Some(only) if nodes.nodes.len() == 1 && limit.has_room(only, share) => {}
                None => {}
                _ => return,
            }
            nodes.finish_saving();
            *self = List::Small(nodes.nodes.pop_front().unwrap_or_else(node::empty));
        }
    }

    /// Adds a text at an end, after [`List::grow_for`].
    pub fn push(&mut self, end: End, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => match end {
                End::Left => node::insert(bytes, node::HEADER_LEN, text),
                End::Right => node::push(bytes, text),
            },
            List::Large(nodes) => nodes.push(end, text, limit),
        }
    }

    /// Puts a text in before element `index`, after [`List::grow_for`].
    pub fn insert(&mut self, index: usize, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => {
                let at = node::offset(bytes, index);
                node::insert(bytes, at, text);
            }
            List::Large(nodes) => nodes.insert(index, text, limit),
        }
    }

    /// Replaces element `index`, after [`List::grow_for`].
    pub fn set(&mut self, index: usize, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => {
                let at = node::offset(bytes, index);
                node::replace(bytes, at, text);
            }
            List::Large(nodes) => {
                let (number, within) = nodes.locate(index);
                nodes.give(number);
                let target = &mut nodes.nodes[number];
                let at = node::offset(target, within);
                let has_its_own = node::count(target) == 1 && limit.is_large(node::get(target, at).text_len());
                if has_its_own == limit.is_large(text.len()) {
                    node::replace(target, at, text);
                } else {
                    nodes.remove(index..index + 1);
                    nodes.insert(index, text, limit);
                }
            }
        }
        self.reduce(limit, 1);
    }

    /// Takes elements out.
    pub fn remove(&mut self, range: Range<usize>, limit: NodeLimit) {
        match self {
            List::Small(bytes) => {
                let (from, to) = (node::offset(bytes, range.start), node::offset(bytes, range.end));
                node::remove(bytes, from, to);
            }
            List::Large(nodes) => nodes.remove(range),
        }
        self.reduce(limit, 2);
    }

    /// Takes out up to `count` elements equal to this text, from an end. Returns how many they were.
    pub fn remove_equal(&mut self, end: End, count: usize, text: &[u8], limit: NodeLimit) -> usize {
        let form = items::packed(text);
        let mut found = Vec::new();
        let (view, mut index) = (self.view(), 0);
        let visit = |bytes: &[u8], _: Item<'_>| {
            if bytes.starts_with(&form) {
                found.push(index);
            }
            index += 1;
            found.len() < count
        };
        let len = view.len();
        match end {
            End::Left => view.walk_right(0, visit),
            End::Right => {
                view.walk_left(len.wrapping_sub(1), visit);
                // Counted from the right so far.
                found.iter_mut().for_each(|index| *index = len - 1 - *index);
                found.reverse();
            }
        }
        self.remove_each(&found);
        self.reduce(limit, 2);
        found.len()
    }

    /// Takes out the elements with these ascending indexes: one pass over the nodes.
    fn remove_each(&mut self, indexes: &[usize]) {
        if indexes.is_empty() {
            return;
        }
        let mut left = indexes.iter().copied().peekable();
        let mut thin = |bytes: &mut Vec<u8>, first: usize| {
            let count = node::count(bytes);
            if left.peek().is_none_or(|index| *index >= first + count) {
                return count;
            }
            let mut kept = node::empty();
            let mut at = node::HEADER_LEN;
            for index in first..first + count {
                if left.next_if_eq(&index).is_none() {
                    node::get(bytes, at).with_text(|text| node::push(&mut kept, text));
                }
                at = node::next(bytes, at);
            }
            *bytes = kept;
            count
        };
        match self {
            List::Small(bytes) => _ = thin(bytes, 0),
            List::Large(nodes) => {
                if nodes.saving.is_some() {
                    nodes.give_those_of(indexes);
                }
                let (mut first, mut stay) = (0, Vec::new());
                nodes.nodes.retain_mut(|bytes| {
                    first += thin(bytes, first);
                    stay.push(node::count(bytes) > 0);
                    node::count(bytes) > 0
                });
                if let Some(saving) = &mut nodes.saving {
                    saving.retain(&stay);
                }
                nodes.len -= indexes.len();
            }
        }
    }
}

impl Chunked for Nodes {
    fn parts(&self) -> usize {
        self.nodes.len()
    }

    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag) {
        let saving = Saving::new(taker, tag, self.nodes.len());
        self.saving = Some(Box::new(NodesSaving { saving, numbers: (0..self.nodes.len() as u32).collect(), at: 0 }));
    }

    fn saving(&self) -> Option<&Saving> {
        self.saving.as_ref().map(|saving| &saving.saving)
    }

    fn save_next(&mut self, out: &mut dyn FnMut(Chunk)) -> bool {
        if let Some(saving) = &mut self.saving
            && let Some(number) = saving.numbers.get(saving.at)
        {
            if *number != IS_NEW && saving.saving.claim(*number as usize) {
                out(Chunk::Node(*number as usize, self.nodes[saving.at].as_slice().to_vec()));
            }
            saving.at += 1;
            return true;
        }
        self.saving = None;
        false
    }

    fn stop_saving(&mut self) {
        self.saving = None;
    }
}

impl Collection for List {
    const TYPE: Type = Type::List;
    type View<'a> = ListView<'a>;

    fn new() -> Self {
        List::Small(node::empty())
    }

    fn from_inline(bytes: &[u8], _: Encoding) -> Self {
        List::Small(bytes.to_vec())
    }

    fn view_inline(bytes: &[u8], _: Encoding) -> ListView<'_> {
        ListView::Small(bytes)
    }

    #[inline]
    fn view(&self) -> ListView<'_> {
        List::view(self)
    }

    fn inline(&self) -> Option<&[u8]> {
        match self {
            List::Small(bytes) => Some(bytes),
            List::Large(_) => None,
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            List::Small(_) => Encoding::Listpack,
            List::Large(_) => Encoding::Quicklist,
        }
    }

    fn is_empty(&self) -> bool {
        List::is_empty(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(bool, Vec<u8>),
        Insert(prop::sample::Index, Vec<u8>),
        Set(prop::sample::Index, Vec<u8>),
        Remove(prop::sample::Index, usize),
        RemoveEqual(bool, usize, Vec<u8>),
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => (0..6_i64).prop_map(|number| number.to_string().into_bytes()),
            2 => prop::collection::vec(any::<u8>(), 0..300),
            1 => Just(vec![b'x'; 10_000]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (any::<bool>(), text()).prop_map(|(left, text)| Step::Push(left, text)),
            2 => (any::<prop::sample::Index>(), text()).prop_map(|(index, text)| Step::Insert(index, text)),
            2 => (any::<prop::sample::Index>(), text()).prop_map(|(index, text)| Step::Set(index, text)),
            2 => (any::<prop::sample::Index>(), 0..12usize).prop_map(|(index, len)| Step::Remove(index, len)),
            1 => (any::<bool>(), 1..5usize, text()).prop_map(|(left, count, text)| Step::RemoveEqual(left, count, text)),
        ]
    }

    fn check(list: &List, model: &[Vec<u8>]) {
        let view = list.view();
        assert_eq!(view.len(), model.len());
        let (mut right, mut left) = (Vec::new(), Vec::new());
        view.walk_right(0, |_, item| {
            right.push(item.to_vec());
            true
        });
        view.walk_left(model.len().wrapping_sub(1), |_, item| {
            left.push(item.to_vec());
            true
        });
        left.reverse();
        assert!(right == model && left == model);
        for index in [0, model.len() / 3, model.len() / 2, model.len().wrapping_sub(1)] {
            assert!(model.get(index).is_none_or(|text| view.get(index).to_vec() == *text));
        }
        if let List::Large(nodes) = list {
            assert!(nodes.nodes.iter().all(|node| node::count(node) > 0));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_list_is_what_a_vector_would_be(steps in prop::collection::vec(step(), 1..120), limit in prop_oneof![Just(-1), Just(-2), Just(0), Just(1), Just(5), Just(100)]) {
            let limit = NodeLimit(limit);
            let (mut list, mut model): (List, Vec<Vec<u8>>) = (List::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Push(left, text) => {
                        list.grow_for(&[&text], limit);
                        list.push(if left { End::Left } else { End::Right }, &text, limit);
                        model.insert(if left { 0 } else { model.len() }, text);
                    }
                    Step::Insert(index, text) => {
                        let index = index.index(model.len() + 1);
                        list.grow_for(&[&text], limit);
                        list.insert(index, &text, limit);
                        model.insert(index, text);
                    }
                    Step::Set(index, text) if !model.is_empty() => {
                        let index = index.index(model.len());
                        list.grow_for(&[&text], limit);
                        list.set(index, &text, limit);
                        model[index] = text;
                    }
                    Step::Remove(index, len) if !model.is_empty() => {
                        let start = index.index(model.len());
                        let end = (start + len).min(model.len());
                        list.remove(start..end, limit);
                        model.drain(start..end);
                    }
                    Step::RemoveEqual(left, count, text) => {
                        let mut expected: Vec<_> = (0..model.len()).filter(|index| model[*index] == text).collect();
                        if !left { expected.reverse() }
                        expected.truncate(count);
                        let end = if left { End::Left } else { End::Right };
                        prop_assert_eq!(list.remove_equal(end, count, &text, limit), expected.len());
                        expected.sort_unstable();
                        expected.iter().rev().for_each(|index| _ = model.remove(*index));
                    }
                    Step::Set(..) | Step::Remove(..) => {}
                }
                check(&list, &model);
            }
        }
    }
}
