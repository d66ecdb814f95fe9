//! What a machine does with its Raft log: inputs one after another, flushes, and entries that are applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::checker::Violation;
use super::machine;
use super::network::At;
use super::raft::{Content, Input, Output};
use super::world::{Happening, Packet, What, World};
use crate::cluster::core::testing::process;
use crate::cluster::core::{Event, Map, Process, RAFT_REPORT_MS};

impl World {
    pub(super) fn input(&mut self, at: At, input: Input) -> Result<(), Violation> {
        // Heartbeats do not pile up.
        if !(matches!(input, Input::Heartbeat) && self.running(at).held.is_some()) {
            self.running(at).inputs.push_back(input);
        }
        self.take_inputs(at)
    }

    pub(super) fn take_inputs(&mut self, at: At) -> Result<(), Violation> {
        while self.running(at).held.is_none() {
            let Some(input) = self.running(at).inputs.pop_front() else { break };
            let mut out = Output::default();
            self.running(at).raft.take(input, &mut out);
            self.settle(at, out)?;
            if self.nodes[at].running.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Tells the core what Raft did, applies what is committed, and sends what may leave.
    pub(super) fn settle(&mut self, at: At, out: Output) -> Result<(), Violation> {
        let incarnation = self.nodes[at].incarnation;
        if out.writes {
            let (least, most) = self.setting.flush_us;
            let slow = if self.now_us < self.slow_disk_until_us { 40 } else { 1 };
            let delay_us = (least + self.rng.below(most - least + 1)) * slow;
            self.running(at).held = Some(out.calls);
            self.push(delay_us, What::At(at, incarnation, Happening::Flushed));
        } else {
            for (to, call) in out.calls {
                self.send(at, to, Packet::Raft(call));
            }
        }
        for event in out.events {
            self.step(at, event)?;
        }
        let membership = self.running(at).raft.membership();
        if membership != self.running(at).told_membership && !membership.voters.is_empty() {
            self.running(at).told_membership = membership.clone();
            self.checker.votes(&membership)?;
            self.step(at, Event::Membership(membership))?;
        }
        self.apply(at)?;
        let applied = self.running(at).map.index;
        let report = self.running(at).raft.report(applied);
        let known = &self.running(at).reported;
        let is_news = (known.term, known.leader, known.leads, known.last) != (report.term, report.leader, report.leads, report.last);
        if is_news || self.now_us >= self.running(at).reported_us + RAFT_REPORT_MS * 1000 {
            let now_us = self.now_us;
            let running = self.running(at);
            (running.reported, running.reported_us) = (report.clone(), now_us);
            self.step(at, Event::Raft(report))?;
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, at: At) -> Result<(), Violation> {
        loop {
            let config = self.setting.config;
            let running = self.running(at);
            let index = running.map.index + 1;
            if index > running.raft.committed {
                return Ok(());
            }
            let Some(entry) = running.raft.entry(index).cloned() else { return Ok(()) };
            let mut map = Map::clone(&running.map);
            match &entry.content {
                Content::Changes(changes) => machine::apply(&mut map, index, changes, &config),
                Content::Blank | Content::Voters { .. } => map.index = index,
            }
            let map = Arc::new(map);
            running.map = Arc::clone(&map);
            let alive: BTreeSet<Process> = self.alive().collect();
            self.checker.applied(&map, |process| alive.contains(process))?;
            self.step(at, Event::Applied(map))?;
            self.begin_epoch(at)?;
        }
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = Process> {
        let running = self.nodes.iter().enumerate().filter(|(_, node)| node.running.is_some());
        running.map(|(at, node)| process(at as u64 + 1, node.incarnation))
    }
}
