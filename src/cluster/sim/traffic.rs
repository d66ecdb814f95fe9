//! What goes between machines: a shard's data and its acknowledgements, packets, and connections that open and end.

use std::rc::Rc;

use super::checker::Violation;
use super::data::Taken;
use super::network::{At, Fate};
use super::world::{Happening, Packet, What, World, place, place_id};
use crate::cluster::core::testing::{node, process, shard};
use crate::cluster::core::{Event, Process};
use crate::topology::NodeId;

/// How long a dial waits for an answer, in microseconds.
const DIAL_US: u64 = 200_000;

impl World {
    /// A process that has become its shard's primary goes on with what it has.
    pub(super) fn begin_epoch(&mut self, at: At) -> Result<(), Violation> {
        let Some((_, epoch)) = self.running(at).core.reign() else { return Ok(()) };
        if self.nodes[at].data.epoch != epoch {
            self.nodes[at].data.epoch = epoch;
        }
        let offset = self.nodes[at].data.position().offset;
        self.step(at, Event::Written { epoch, offset })
    }

    pub(super) fn write(&mut self, number: u64) -> Result<(), Violation> {
        for at in 0..self.nodes.len() {
            if self.nodes[at].running.is_none() || self.nodes[at].frozen_until_us > self.now_us {
                continue;
            }
            let is_here = self.running(at).map.members[&place_id(at)].shard == shard(number);
            if !is_here {
                continue;
            }
            if self.serves(at) {
                self.written += 1;
                let written = self.written;
                self.nodes[at].data.write(written);
            }
            let Some((_, epoch)) = self.running(at).core.reign() else { continue };
            let (offset, log) = (self.nodes[at].data.position().offset, self.nodes[at].data.log());
            self.step(at, Event::Written { epoch, offset })?;
            let members: Vec<NodeId> =
                self.running(at).map.members.iter().filter(|(_, member)| member.shard == shard(number)).map(|(node, _)| *node).collect();
            for to in members.into_iter().filter(|to| place(*to) != at) {
                self.send(at, to, Packet::Data(epoch, Rc::clone(&log)));
            }
        }
        Ok(())
    }

    pub(super) fn take_data(&mut self, at: At, from: Process, epoch: u64, log: &Rc<Vec<u64>>) -> Result<(), Violation> {
        if self.running(at).core.follows() != Some((from, epoch)) {
            return Ok(());
        }
        match self.nodes[at].data.take(from, epoch, log) {
            Taken::Acknowledge(position) => self.send(at, from.node, Packet::Acknowledged(position)),
            Taken::Copy => {
                let (delay_us, incarnation) = (20_000 + self.rng.below(200_000), self.nodes[at].incarnation);
                self.push(delay_us, What::At(at, incarnation, Happening::Copied { from, epoch, log: Rc::clone(log) }));
            }
            Taken::Nothing => {}
        }
        Ok(())
    }

    pub(super) fn send(&mut self, from: At, to: NodeId, packet: Packet) {
        let to = place(to);
        let sender = process(from as u64 + 1, self.nodes[from].incarnation);
        // A packet to a process that is gone is answered by a reset.
        let is_gone =
            self.network.linked(from, to).is_some_and(|known| self.nodes[to].running.is_none() || self.nodes[to].incarnation != known);
        if is_gone && !self.network.are_cut(from, to, self.now_us) {
            self.break_link(from, to);
            return;
        }
        if let Fate::Arrives { at_us, incarnation } = self.network.send(from, to, self.now_us, &mut self.rng) {
            let delay_us = at_us - self.now_us;
            self.push(delay_us, What::At(to, incarnation, Happening::Packet { from: sender, packet }));
        }
    }

    /// The first one's connection to the second ends, and it learns of that.
    pub(super) fn break_link(&mut self, from: At, to: At) {
        if let Some(known) = self.network.unlink(from, to) {
            let (delay_us, incarnation) = (self.network.delay_us(&mut self.rng), self.nodes[from].incarnation);
            let event = Event::LinkBroken { process: process(to as u64 + 1, known) };
            self.push(delay_us, What::At(from, incarnation, Happening::Core(event)));
        }
    }

    pub(super) fn dial(&mut self, from: At, to: At) {
        let incarnation = self.nodes[from].incarnation;
        let there = &self.nodes[to];
        let answers = !self.network.are_cut(from, to, self.now_us) && there.frozen_until_us <= self.now_us;
        let (delay_us, event) = if !answers {
            (DIAL_US, Event::DialFailed { node: node(to as u64 + 1) })
        } else if there.running.is_some() {
            let known = there.incarnation;
            self.network.link(from, to, known);
            (2 * self.network.delay_us(&mut self.rng), Event::Linked { process: process(to as u64 + 1, known) })
        } else {
            (2 * self.network.delay_us(&mut self.rng), Event::DialFailed { node: node(to as u64 + 1) })
        };
        self.push(delay_us, What::At(from, incarnation, Happening::Core(event)));
    }
}
