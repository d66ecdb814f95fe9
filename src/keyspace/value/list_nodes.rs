//! The nodes of a large list, and how large they may become.
//!
//! Invariant: while a snapshot is taken, [`NodesSaving`] says of each node whether it was there at the beginning, and as which; a node is
//! given to the snapshot before it is changed.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, Chunked, Saving, Tag, Taker};
use crate::base::alloc;
use crate::datatypes::{list_node as node, listpack};

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
    pub(super) fn is_exceeded(self, len: usize, count: usize) -> bool {
        match self.size() {
            Some(most) => len > most,
            None => len > SAFE_LEN_MAX || count > self.count(),
        }
    }

    /// The bound in bytes, if it is one.
    pub(super) fn size(self) -> Option<usize> {
        (self.0 < 0).then(|| SIZE_LIMITS[((-self.0) as usize).min(SIZE_LIMITS.len()) - 1])
    }

    pub(super) fn count(self) -> usize {
        (self.0 as usize).max(1)
    }

    /// True if a text of this length gets a node of its own.
    pub fn is_large(self, text_len: usize) -> bool {
        text_len > self.size().unwrap_or(SAFE_LEN_MAX)
    }

    /// True if a node takes a text of this length.
    pub(super) fn admits(self, node: &[u8], text_len: usize) -> bool {
        !self.is_large(text_len) && !self.is_exceeded(node::listpack_len(node) + text_len + ELEMENT_OVERHEAD, node::count(node) + 1)
    }

    /// True if a large list of one node has shrunk enough to be a small one.
    pub(super) fn has_room(self, node: &[u8], share: usize) -> bool {
        let has_room = match self.size() {
            Some(most) => node::listpack_len(node) <= most / share,
            None => node::count(node) <= self.count() / share,
        };
        has_room && !self.is_of_its_own(node)
    }

    /// True if the node is that of one large text.
    pub(super) fn is_of_its_own(self, node: &[u8]) -> bool {
        node::count(node) == 1 && self.is_large(node::get(node, node::first(node)).text_len())
    }
}

/// The nodes of a large list.
#[derive(Debug, Default)]
pub struct Nodes {
    pub(super) nodes: VecDeque<Vec<u8>>,
    pub(super) len: usize,
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

impl Nodes {
    /// One node, or none, with so many elements.
    pub(super) fn of(node: Option<Vec<u8>>, len: usize) -> Self {
        Nodes { nodes: node.into_iter().collect(), len, saving: None }
    }

    /// The node of element `index`, and its index there; for the length, that behind the last.
    pub(super) fn locate(&self, index: usize) -> (usize, usize) {
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
    pub(super) fn trim_node(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(number) {
            node::close_gap(node);
            if alloc::block_len(node.len()) < node.capacity() {
                // The allocator leaves a block where it is that becomes a little shorter.
                *node = node.as_slice().to_vec();
            }
        }
    }

    /// Gives a node to the snapshot that is being taken, before it is changed.
    #[inline]
    pub(super) fn give(&mut self, place: usize) {
        if let Some(saving) = &mut self.saving {
            saving.give(place, &self.nodes[place]);
        }
    }

    pub(super) fn insert_node(&mut self, place: usize, node: Vec<u8>) {
        self.nodes.insert(place, node);
        if let Some(saving) = &mut self.saving {
            saving.insert(place);
        }
    }

    pub(super) fn remove_node(&mut self, place: usize) -> Option<Vec<u8>> {
        if let Some(saving) = &mut self.saving {
            saving.give(place, &self.nodes[place]);
            saving.remove(place);
        }
        self.nodes.remove(place)
    }

    pub(super) fn push(&mut self, end: End, text: &[u8], limit: NodeLimit) {
        let place = match end {
            End::Left => 0,
            End::Right => self.nodes.len().saturating_sub(1),
        };
        if self.saving.is_some() && self.nodes.get(place).is_some_and(|last| limit.admits(last, text.len())) {
            self.give(place);
        }
        match self.nodes.get_mut(place) {
            Some(last) if limit.admits(last, text.len()) => match end {
                End::Left => node::push_front(last, text),
                End::Right => node::push(last, text),
            },
            _ => {
                let new = node::of(text);
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

    /// Puts a text in beside element `pivot`. Nodes are filled, split and joined as quicklist.c does (`_quicklistInsert`), so that encodings
    /// and payloads are the same.
    pub(super) fn insert(&mut self, pivot: usize, side: End, text: &[u8], limit: NodeLimit) {
        let (number, within) = self.locate(pivot);
        let behind = usize::from(side == End::Right);
        let place = within + behind;
        let target = &self.nodes[number];
        let is_at_edge = place == behind * node::count(target);
        self.len += 1;
        if limit.admits(target, text.len()) {
            self.give(number);
            let at = node::offset(&self.nodes[number], place);
            node::insert(&mut self.nodes[number], at, text);
        } else if is_at_edge {
            let neighbour = if side == End::Right { Some(number + 1) } else { number.checked_sub(1) };
            match neighbour.filter(|neighbour| self.nodes.get(*neighbour).is_some_and(|node| limit.admits(node, text.len()))) {
                Some(neighbour) => {
                    self.give(neighbour);
                    match side {
                        End::Right => node::push_front(&mut self.nodes[neighbour], text),
                        End::Left => node::push(&mut self.nodes[neighbour], text),
                    }
                }
                None => self.insert_node(number + behind, node::of(text)),
            }
        } else {
            self.split(number, place);
            if limit.is_large(text.len()) {
                self.insert_node(number + 1, node::of(text));
                return;
            }
            match side {
                End::Right => node::push_front(&mut self.nodes[number + 1], text),
                End::Left => node::push(&mut self.nodes[number], text),
            }
            self.join_around(number + 1 - behind, limit);
        }
    }

    /// Replaces element `index`, as `quicklistReplaceEntry` does.
    pub(super) fn set(&mut self, index: usize, text: &[u8], limit: NodeLimit) {
        let (number, within) = self.locate(index);
        let target = &self.nodes[number];
        let count = node::count(target);
        match (limit.is_of_its_own(target), limit.is_large(text.len())) {
            (true, true) | (false, false) => {
                self.give(number);
                let at = node::offset(&self.nodes[number], within);
                node::replace(&mut self.nodes[number], at, text);
            }
            (true, false) => {
                self.insert(index, End::Right, text, limit);
                self.remove_node(number);
                self.len -= 1;
            }
            (false, true) => {
                if within + 1 < count {
                    self.split(number, within + 1);
                }
                self.insert_node(number + 1, node::of(text));
                if within == 0 {
                    self.remove_node(number);
                } else {
                    self.give(number);
                    let target = &mut self.nodes[number];
                    let (from, to) = (node::offset(target, within), target.len());
                    node::remove(target, from, to);
                    self.join_around(number + 1, limit);
                }
            }
        }
    }

    /// Makes two nodes of one, the second of which begins with its element `place`.
    fn split(&mut self, number: usize, place: usize) {
        self.give(number);
        let at = node::offset(&self.nodes[number], place);
        let rest = node::split_off(&mut self.nodes[number], at);
        self.insert_node(number + 1, rest);
    }

    /// Joins the nodes around one with each other where two fit into one, in the order in which `_quicklistMergeNodes` tries.
    fn join_around(&mut self, mut center: usize, limit: NodeLimit) {
        if center >= 2 && self.join(center - 2, limit) {
            center -= 1;
        }
        self.join(center + 1, limit);
        if center >= 1 && self.join(center - 1, limit) {
            center -= 1;
        }
        self.join(center, limit);
    }

    /// Joins a node with the next one, if both fit into one.
    fn join(&mut self, number: usize, limit: NodeLimit) -> bool {
        let (Some(this), Some(next)) = (self.nodes.get(number), self.nodes.get(number + 1)) else { return false };
        let (len, count) = (node::listpack_len(this) + node::listpack_len(next), node::count(this) + node::count(next));
        if limit.is_of_its_own(this) || limit.is_of_its_own(next) || limit.is_exceeded(len - listpack::FRAME_LEN, count) {
            return false;
        }
        self.give(number);
        let next = self.remove_node(number + 1).unwrap_or_default();
        node::append(&mut self.nodes[number], &next);
        true
    }

    /// Gives the nodes of these ascending elements to the snapshot that is being taken.
    pub(super) fn give_those_of(&mut self, indexes: &[usize]) {
        if self.saving.is_none() {
            return;
        }
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

    /// Changes the nodes, and keeps those of which `keeps` then says so.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&mut Vec<u8>) -> bool) {
        let mut stay = Vec::new();
        self.nodes.retain_mut(|node| {
            let stays = keeps(node);
            stay.push(stays);
            stays
        });
        if let Some(saving) = &mut self.saving {
            saving.retain(&stay);
        }
    }

    /// Gives the only node to the snapshot that is being taken, which then has all that it did not see go.
    pub(super) fn finish_saving(&mut self) {
        if self.saving.is_some() && !self.nodes.is_empty() {
            self.give(0);
        }
        if let Some(saving) = self.saving.take() {
            saving.saving.finish();
        }
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
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
                let to = node::offset(target, within + here);
                if within == 0 {
                    node::remove_front(target, to);
                } else {
                    let from = node::offset(target, within);
                    node::remove(target, from, to);
                }
            }
            self.len -= here;
            left -= here;
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
