//! A stream of which a snapshot is being taken, part by part, while it is changed.
//!
//! First come the heads: what the stream knows of its entries, and its groups with their consumers. Then, by ascending IDs, what is pending in
//! each group, and the nodes. Nodes and what is pending have IDs that no other one gets while they are there, so what the snapshot does not have yet
//! is told by an ID up to which its walk has come, and by the IDs that were changed beyond.
//!
//! Invariants:
//! * Whatever changes a stream gives the heads first, and then what it changes: a node ([`Stream::give_node`]), or what is pending under an ID
//!   ([`GroupSaving::claim`](super::left::GroupSaving::claim)).
//! * A group that is removed stays with [`StreamSaving`] until the walk has all of it.

use std::sync::Arc;

use super::group::Group;
use super::head::Heads;
use super::left::{GroupSaving, Left, PENDING_PART};
use super::saving::StreamSaving;
use super::{Figures, Stream};
use crate::datatypes::id_map::Place;
use crate::keyspace::value::chunk::{Chunk, Chunked, Saving, Tag, Taker, Turn};
use crate::keyspace::value::not_copied::NotCopied;

/// The part that is the heads, and the one that is given when all others were.
const HEADS: usize = 0;
const END: usize = 1;

/// What the walk still needs of a group's pending entries.
fn save_some(group: &mut Group) -> Option<Chunk> {
    let (saving, pending) = group.saving_mut();
    let chunk = saving.0.as_mut()?.save_some(pending);
    if chunk.is_none() {
        saving.0 = None;
    }
    chunk
}

impl Stream {
    /// Gives the heads to the snapshot that is being taken, before anything is changed.
    #[inline]
    pub(super) fn give_heads(&mut self) {
        if self.saving.0.is_some() {
            self.give_heads_now();
        }
    }

    #[cold]
    #[inline(never)]
    fn give_heads_now(&mut self) {
        let Some(saving) = &mut self.saving.0 else { return };
        if saving.saving.claim(HEADS) {
            saving.saving.give(heads(&self.groups, self.figures));
        }
    }

    /// Gives a node to the snapshot that is being taken, before it is changed.
    #[inline]
    pub(super) fn give_node(&mut self, place: Place) {
        if self.saving.0.is_some() {
            self.give_node_now(place);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_node_now(&mut self, place: Place) {
        self.give_heads_now();
        let Some(saving) = &mut self.saving.0 else { return };
        let (id, node) = self.entries.nodes.at(place);
        // Nobody is told the place of one that is not given.
        if saving.nodes.claim(id) && saving.saving.is_wanted() {
            saving.saving.give(Chunk::Entries(Turn::Early, id, node.clone()));
        }
    }

    /// Takes the group at this place out. If the snapshot that is being taken needs it, that keeps it, and another one without content is returned.
    pub(super) fn take_group(&mut self, at: usize) -> Box<Group> {
        let group = self.groups.remove(at);
        let Some(saving) = &mut self.saving.0 else { return group };
        saving.group -= usize::from(at < saving.group);
        if !group.is_being_saved() {
            return group;
        }
        let shell = Group::new(&group.name, group.last_id, group.entries_read);
        saving.removed.push(group);
        Box::new(shell)
    }
}

fn heads(groups: &[Box<Group>], figures: Figures) -> Chunk {
    Chunk::Heads(Box::new(Heads { figures, groups: groups.iter().map(|group| group.head()).collect() }))
}

impl Chunked for Stream {
    fn parts(&self) -> usize {
        let groups = self.groups.iter().map(|group| 1 + (group.pending().len() + group.consumers().len()) / PENDING_PART);
        self.entries.nodes.len() + groups.sum::<usize>()
    }

    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag) {
        for (number, group) in (0..).zip(&mut self.groups) {
            let left = Left::of(group.pending());
            group.saving_mut().0.0 = Some(Box::new(GroupSaving { taker: Arc::clone(&taker), tag, number, left }));
        }
        let saving = Saving::new(taker, tag, END + 1);
        let nodes = Left::of(&self.entries.nodes);
        self.saving = NotCopied(Some(Box::new(StreamSaving { saving, nodes, group: 0, removed: Vec::new() })));
    }

    fn saving(&self) -> Option<&Saving> {
        self.saving.0.as_ref().map(|saving| &saving.saving)
    }

    fn save_next(&mut self, out: &mut dyn FnMut(Chunk)) -> bool {
        let Some(saving) = &mut self.saving.0 else { return false };
        if saving.saving.claim_part(HEADS) {
            out(heads(&self.groups, self.figures));
            return true;
        }
        if let Some(group) = self.groups.get_mut(saving.group) {
            match save_some(group) {
                Some(chunk) => out(chunk),
                None => saving.group += 1,
            }
            return true;
        }
        if let Some(group) = saving.removed.last_mut() {
            match save_some(group) {
                Some(chunk) => out(chunk),
                None => _ = saving.removed.pop(),
            }
            return true;
        }
        if let Some((id, node)) = saving.nodes.next(&self.entries.nodes) {
            out(Chunk::Entries(Turn::Own, id, node.clone()));
            return true;
        }
        saving.saving.claim_part(END);
        self.saving = NotCopied(None);
        false
    }

    fn stop_saving(&mut self) {
        self.groups.iter_mut().for_each(|group| group.saving_mut().0.0 = None);
        self.saving = NotCopied(None);
    }
}
