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
//! Invariants: no node of a large list is empty; `len` counts the elements of all of them.

use std::ops::Range;

use super::chunk::Chunked;
use super::collection::Collection;
use super::kind::{Encoding, Type};
use super::list_nodes::Nodes;
pub use super::list_nodes::{End, NodeLimit};
use crate::base::alloc;
use crate::base::limits::EFFORT_LEN;
use crate::datatypes::items::{self, Item};
use crate::datatypes::list_node as node;

/// A list. See the module's page.
#[derive(Debug, Clone)]
pub enum List {
    /// One node.
    Small(Vec<u8>),
    /// Several.
    Large(Nodes),
}

/// A list, to read.
#[derive(Debug, Clone, Copy)]
pub enum ListView<'a> {
    /// One node.
    Small(&'a [u8]),
    /// Several.
    Large(&'a Nodes),
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

    /// The nodes, as [`crate::datatypes::list_node`] reads them; an empty list may have one.
    pub fn nodes(self) -> impl Iterator<Item = &'a [u8]> {
        let (first, others) = match self {
            ListView::Small(bytes) => (Some(bytes), None),
            ListView::Large(nodes) => (None, Some(nodes)),
        };
        first.into_iter().chain(others.into_iter().flat_map(|others| others.nodes.iter().map(Vec::as_slice)))
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
                ListView::Large(nodes) if number < nodes.nodes.len() => {
                    bytes = &nodes.nodes[number];
                    at = node::first(bytes);
                }
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
            let first = node::first(bytes);
            while at > first {
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
            *self = List::Large(Nodes::of((len > 0).then_some(bytes), len));
        }
    }

    /// Makes it a small one, if it has room enough for that. `share`: 2 after a change, so that it does not go to and fro; 1 for a new one.
    fn reduce(&mut self, limit: NodeLimit, share: usize) {
        if let List::Large(nodes) = self {
            match nodes.nodes.front() {
                Some(only) if nodes.nodes.len() == 1 && limit.has_room(only, share) => {}
                None => {}
                _ => return,
            }
            nodes.finish_saving();
            let mut only = nodes.nodes.pop_front().unwrap_or_else(node::empty);
            // A small one lies in its entry: that has no room for a gap.
            node::close_gap(&mut only);
            *self = List::Small(only);
        }
    }

    /// A large list without elements, to be filled node by node, or text by text.
    pub fn large() -> List {
        List::Large(Nodes::default())
    }

    /// Adds a node, which is not empty, behind the last one of a large list.
    pub fn push_node(&mut self, node: Vec<u8>) {
        self.enlarge();
        if let List::Large(nodes) = self {
            nodes.len += node::count(&node);
            nodes.nodes.push_back(node);
        }
    }

    /// Makes it a small list if it is one node that may be one.
    pub fn compact(&mut self, limit: NodeLimit) {
        self.reduce(limit, 1);
    }

    /// Adds a text at an end, after [`List::grow_for`].
    pub fn push(&mut self, end: End, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => match end {
                End::Left => node::insert(bytes, node::first(bytes), text),
                End::Right => node::push(bytes, text),
            },
            List::Large(nodes) => nodes.push(end, text, limit),
        }
    }

    /// Puts a text in beside element `pivot`, after [`List::grow_for`].
    pub fn insert(&mut self, pivot: usize, side: End, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => {
                let at = node::offset(bytes, pivot + usize::from(side == End::Right));
                node::insert(bytes, at, text);
            }
            List::Large(nodes) => nodes.insert(pivot, side, text, limit),
        }
    }

    /// Replaces element `index`, after [`List::grow_for`].
    pub fn set(&mut self, index: usize, text: &[u8], limit: NodeLimit) {
        match self {
            List::Small(bytes) => {
                let at = node::offset(bytes, index);
                node::replace(bytes, at, text);
            }
            List::Large(nodes) => nodes.set(index, text, limit),
        }
        self.reduce(limit, 2);
    }

    /// Takes elements out.
    pub fn remove(&mut self, range: Range<usize>, limit: NodeLimit) {
        self.take_out(range);
        self.reduce(limit, 2);
    }

    fn take_out(&mut self, range: Range<usize>) {
        match self {
            List::Small(bytes) => {
                let (from, to) = (node::offset(bytes, range.start), node::offset(bytes, range.end));
                node::remove(bytes, from, to);
            }
            List::Large(nodes) => nodes.remove(range),
        }
    }

    /// Moves the element at one end, which has this text, to another. It may become a small list only afterwards.
    pub fn rotate(&mut self, from: End, to: End, text: &[u8], limit: NodeLimit) {
        let index = if from == End::Left { 0 } else { self.view().len() - 1 };
        self.take_out(index..index + 1);
        self.grow_for(&[text], limit);
        self.push(to, text, limit);
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
        if !found.is_empty() {
            self.remove_each(&found);
            self.reduce(limit, 2);
        }
        found.len()
    }

    /// Takes out the elements with these ascending indexes: one pass over the nodes.
    fn remove_each(&mut self, indexes: &[usize]) {
        let mut left = indexes.iter().copied().peekable();
        let mut thin = |bytes: &mut Vec<u8>, first: usize| {
            let count = node::count(bytes);
            if left.peek().is_none_or(|index| *index >= first + count) {
                return count;
            }
            let mut kept = node::empty();
            let mut at = node::first(bytes);
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
                nodes.give_those_of(indexes);
                let mut first = 0;
                nodes.retain(|bytes| {
                    first += thin(bytes, first);
                    node::count(bytes) > 0
                });
                nodes.len -= indexes.len();
            }
        }
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
        Insert(prop::sample::Index, bool, Vec<u8>),
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
            2 => (any::<prop::sample::Index>(), any::<bool>(), text()).prop_map(|(pivot, left, text)| Step::Insert(pivot, left, text)),
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
        match list {
            List::Small(bytes) => {
                let mut without_gap = bytes.clone();
                node::close_gap(&mut without_gap);
                assert_eq!(without_gap, *bytes, "a small list has no gap");
            }
            List::Large(nodes) => assert!(nodes.nodes.iter().all(|node| node::count(node) > 0)),
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
                    Step::Insert(pivot, left, text) if !model.is_empty() => {
                        let pivot = pivot.index(model.len());
                        list.grow_for(&[&text], limit);
                        list.insert(pivot, if left { End::Left } else { End::Right }, &text, limit);
                        model.insert(pivot + usize::from(!left), text);
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
                    Step::Insert(..) | Step::Set(..) | Step::Remove(..) => {}
                }
                check(&list, &model);
            }
        }
    }
}
