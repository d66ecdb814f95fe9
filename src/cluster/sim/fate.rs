//! What can be done to the machines, what can be asked about them, and whether all is well in the end.

use std::collections::BTreeSet;

use super::checker::Violation;
use super::data::Data;
use super::network::{At, Quality};
use super::raft::Input;
use super::world::{What, World, place, place_id};
use crate::cluster::core::Process;
use crate::topology::{NodeId, ShardId};

impl World {
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_running(&self, at: At) -> bool {
        self.nodes[at].running.is_some()
    }

    pub(super) fn leader(&self) -> Option<At> {
        let leads = |at: &At| self.nodes[*at].running.as_ref().is_some_and(|running| running.reported.leads);
        (0..self.nodes.len()).filter(leads).max_by_key(|at| self.nodes[*at].running.as_ref().map(|running| running.reported.term))
    }

    /// Where the primaries are, as the newest map has it.
    pub(super) fn primaries(&self) -> Vec<At> {
        self.checker.map().shards.values().map(|state| place(state.primary.node)).collect()
    }

    /// The node's shard.
    pub(super) fn shard_of(&self, at: At) -> ShardId {
        self.checker.map().members[&place_id(at)].shard
    }

    /// The nodes of the same shard.
    pub(super) fn fellows(&self, at: At) -> Vec<At> {
        let (members, mine) = (&self.checker.map().members, self.shard_of(at));
        members.iter().filter(|(_, member)| member.shard == mine).map(|(node, _)| place(*node)).filter(|other| *other != at).collect()
    }

    pub(super) fn kill(&mut self, at: At, keeps: bool) {
        if self.nodes[at].running.take().is_none() {
            return;
        }
        self.tell(|| format!("{at} is killed"));
        let lost = self.rng.below(10) as usize;
        let node = &mut self.nodes[at];
        node.waiting.clear();
        node.frozen_until_us = 0;
        node.data = if keeps { node.data.after_crash(lost) } else { Data::default() };
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            self.network.unlink(at, other);
            if !self.network.is_cut(at, other, self.now_us) {
                self.break_link(other, at);
            }
        }
        let alive: BTreeSet<Process> = self.alive().collect();
        self.checker.look_for_losses(|process| alive.contains(process));
    }

    pub(super) fn start_after(&mut self, at: At, delay_us: u64) {
        self.push(delay_us, What::Start(at));
    }

    pub(super) fn freeze(&mut self, at: At, for_us: u64) {
        let node = &mut self.nodes[at];
        if node.running.is_some() {
            node.frozen_until_us = node.frozen_until_us.max(self.now_us + for_us);
            self.push(for_us, What::Thaw(at));
        }
    }

    pub(super) fn jump(&mut self, at: At, by_ms: u64) {
        self.nodes[at].clock.offset_us += by_ms * 1000;
    }

    /// Who votes, as the leader has it.
    pub(super) fn voters(&self) -> Vec<At> {
        let running = self.leader().and_then(|at| self.nodes[at].running.as_ref());
        running.map_or(Vec::new(), |running| running.told_membership.voters.iter().map(|voter| place(*voter)).collect())
    }

    pub(super) fn set_voters(&mut self, voters: BTreeSet<NodeId>) -> Result<(), Violation> {
        match self.leader() {
            Some(at) if self.nodes[at].frozen_until_us <= self.now_us => self.input(at, Input::SetVoters(voters)),
            _ => Ok(()),
        }
    }

    /// From now on nothing goes wrong: everybody reaches everybody, runs, and has a good disk.
    pub(super) fn heal(&mut self) {
        self.network.heal();
        self.network.quality = Quality { delay_us: (50, 1000), loss: 0 };
        self.slow_disk_until_us = 0;
        (self.kills_asking_leader, self.cuts_growing_primary) = (false, false);
        self.setting.flush_us = (200, 1000);
        for at in 0..self.nodes.len() {
            self.nodes[at].frozen_until_us = self.nodes[at].frozen_until_us.min(self.now_us);
            self.push(0, What::Thaw(at));
            self.push(0, What::Start(at));
        }
    }

    /// All that is wrong now, in a world in which nothing goes wrong any more.
    pub(super) fn unsettled(&self, since_us: u64) -> Option<String> {
        let map = self.checker.map();
        let leader = self.leader();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(running) = &node.running else { return Some(format!("node {} does not run", at + 1)) };
            if running.map.index != map.index {
                return Some(format!("node {} has applied {} of {} entries", at + 1, running.map.index, map.index));
            }
            let membership = &running.told_membership;
            if membership.outgoing.is_some() || !membership.committed {
                return Some(format!("node {} has a membership that is not settled: {membership:?}", at + 1));
            }
            if leader.is_none() || running.reported.leader != leader.map(place_id) {
                return Some(format!("node {} follows {:?}, and {leader:?} leads", at + 1, running.reported.leader));
            }
        }
        for (shard, state) in &map.shards {
            let replicas = map.members.values().filter(|member| member.shard == *shard).count() - 1;
            if self.checker.acknowledged_us(*shard) <= since_us {
                return Some(format!("shard {shard} acknowledges nothing: {state:?}"));
            }
            if state.in_sync.len() != replicas {
                return Some(format!("shard {shard} has only these in sync: {state:?}"));
            }
        }
        None
    }
}
