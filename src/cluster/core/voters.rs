//! Who votes: decided by the leader.
//!
//! * Up to five, an odd number, spread over zones and shards, so that what takes down one of these takes down few voters.
//! * A voter that is dead for long is replaced by a node that lives and has nearly all of the log; without one it stays. The number never shrinks unless
//!   the cluster does.
//! * Most of the voters stay. So whoever has the entry that a change ends with, and could keep others from winning an election, may win one itself.
//! * One change at a time. A joint configuration that another leader left behind is brought to its end first.

use std::collections::{BTreeMap, BTreeSet};

use super::timing::{PROPOSE_AGAIN_MS, VOTER_DEAD_MS, VOTER_LAG_MAX};
use super::types::Action;
use super::view::View;
use crate::cluster::founding::voter_count;
use crate::topology::NodeId;

/// What the leader remembers of voters. Bounded by their number.
#[derive(Debug, Default)]
pub(super) struct Voters {
    dead_since_ms: BTreeMap<NodeId, u64>,
    asked_ms: Option<u64>,
}

impl Voters {
    /// Takes whatever step is due.
    pub(super) fn look(&mut self, view: &View, actions: &mut Vec<Action>) {
        if !view.leads() {
            *self = Voters::default();
            return;
        }
        let now_ms = view.now_ms;
        self.dead_since_ms.retain(|node, _| view.membership.contains(node) && view.is_node_dead(*node));
        for node in view.membership.voters.iter().filter(|node| view.is_node_dead(**node)) {
            self.dead_since_ms.entry(*node).or_insert(now_ms);
        }
        if !view.membership.committed || self.asked_ms.is_some_and(|at_ms| now_ms < at_ms + PROPOSE_AGAIN_MS) {
            return;
        }
        let wanted = if view.membership.outgoing.is_some() { view.membership.voters.clone() } else { self.choose(view) };
        if view.membership.outgoing.is_some() || wanted != view.membership.voters {
            self.asked_ms = Some(now_ms);
            actions.push(Action::SetVoters(wanted));
        }
    }

    fn choose(&self, view: &View) -> BTreeSet<NodeId> {
        let is_member = |node: &&NodeId| view.map.members.contains_key(*node);
        let is_long_dead = |node: &NodeId| self.dead_since_ms.get(node).is_some_and(|since_ms| view.now_ms >= since_ms + VOTER_DEAD_MS);
        let (dead, mut voters): (BTreeSet<NodeId>, BTreeSet<NodeId>) =
            view.membership.voters.iter().filter(is_member).partition(|node| is_long_dead(node));
        let count = voter_count(view.map.members.len());
        while voters.len() < count {
            let Some(next) = next_voter(view, &voters, &dead) else { break };
            voters.insert(next);
        }
        // Nobody lives who could vote instead: they may come back.
        let missing = view.membership.voters.len().min(count).saturating_sub(voters.len());
        voters.extend(dead.into_iter().take(missing));
        while voters.len() > count.max(1) {
            let Some(last) = voters.iter().copied().filter(|node| *node != view.me.node).max() else { break };
            voters.remove(&last);
        }
        // The dead are a minority wherever somebody leads; those that left the map together need not be.
        if view.membership.voters.difference(&voters).count() * 2 >= view.membership.voters.len() {
            return view.membership.voters.clone();
        }
        // An even number would stand no more deaths than one less.
        if voters.len().is_multiple_of(2) && voters.len() < view.membership.voters.len() || voters.is_empty() {
            return view.membership.voters.clone();
        }
        voters
    }
}

/// The best of those that could vote as well: of the zone, then of the shard with the fewest voters.
fn next_voter(view: &View, voters: &BTreeSet<NodeId>, dead: &BTreeSet<NodeId>) -> Option<NodeId> {
    let members = &view.map.members;
    let has_log = |node: &NodeId| {
        let matched = view.raft.matched.get(node);
        *node == view.me.node || matched.is_some_and(|matched| matched + VOTER_LAG_MAX >= view.raft.last.index)
    };
    let candidates = members.iter().filter(|(node, _)| !voters.contains(node) && !dead.contains(node));
    let candidates = candidates.filter(|(node, _)| !view.is_node_dead(**node) && has_log(node));
    let like = |same: &dyn Fn(&NodeId) -> bool| voters.iter().filter(|voter| same(voter)).count();
    let best = candidates.min_by_key(|(node, member)| {
        let in_zone = like(&|voter| members.get(voter).is_some_and(|other| other.zone == member.zone));
        let in_shard = like(&|voter| members.get(voter).is_some_and(|other| other.shard == member.shard));
        (in_zone, in_shard, **node)
    });
    best.map(|(node, _)| *node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, node, nodes, process};
    use crate::cluster::core::types::{Config, Map, Membership, Process, RaftReport};

    /// Node 1 leads `count` nodes: three shards, zones by turns.
    struct Lead {
        voters: Voters,
        map: Map,
        membership: Membership,
        lag: BTreeMap<u64, u64>,
    }

    impl Lead {
        fn new(copies: u64, voters: &[u64]) -> Lead {
            Lead { voters: Voters::default(), map: map(3, copies), membership: membership(1, voters), lag: BTreeMap::new() }
        }

        /// What it asks for at this time, while these are dead.
        fn at(&mut self, now_ms: u64, dead: &[u64]) -> Option<BTreeSet<NodeId>> {
            let count = self.map.members.len() as u64;
            let mut live = Liveness::new(0);
            live.keep((2..=count).map(node), 0);
            let living = (2..=count).filter(|number| !dead.contains(number)).map(|number| process(number, 1));
            living.for_each(|process: Process| live.linked(process, now_ms));
            let matched = (2..=count).map(|number| (node(number), 5000 - self.lag.get(&number).copied().unwrap_or(0)));
            let raft = RaftReport {
                term: 4,
                leader: Some(node(1)),
                leads: true,
                last: super::super::types::LogId { term: 4, index: 5000 },
                matched: matched.collect(),
            };
            let view = View {
                now_ms,
                me: process(1, 1),
                config: &Config::default(),
                map: &self.map,
                membership: &self.membership,
                membership_since_ms: 0,
                raft: &raft,
                live: &live,
                stopped: 0,
            };
            let mut actions = Vec::new();
            self.voters.look(&view, &mut actions);
            actions.into_iter().find_map(|action| match action {
                Action::SetVoters(voters) => Some(voters),
                _ => None,
            })
        }
    }

    #[test]
    fn dead_voters_are_replaced() {
        let mut lead = Lead::new(3, &[1, 2, 3, 4, 5]);
        assert_eq!(lead.at(1000, &[5]), None);
        assert_eq!(lead.at(5999, &[5]), None);
        assert_eq!(lead.at(6000, &[5]), Some(nodes(&[1, 2, 3, 4, 6])), "of a zone and a shard that have few");
        assert_eq!(lead.at(6010, &[5]), None, "once");
        let mut back = Lead::new(3, &[1, 2, 3, 4, 5]);
        back.at(1000, &[5]);
        back.at(4000, &[]);
        back.at(4100, &[5]);
        assert_eq!(back.at(7000, &[5]), None, "it was back in between");
    }

    #[test]
    fn most_stay() {
        for (left, expected) in [(vec![6], Some(vec![1, 2, 5])), (vec![5, 6], None)] {
            let mut lead = Lead::new(2, &[1, 5, 6]);
            lead.map.members.retain(|member, _| !left.iter().any(|gone| node(*gone) == *member));
            let expected = expected.map(|expected| nodes(&expected));
            let chosen = lead.at(1000, &[]).map(|chosen| chosen.intersection(&nodes(&[1, 2, 5])).copied().collect());
            assert_eq!(chosen, expected, "{left:?} left");
        }
    }

    #[test]
    fn who_is_far_behind_does_not_vote() {
        let mut lead = Lead::new(2, &[1, 2, 3, 4, 5]);
        lead.lag.insert(6, VOTER_LAG_MAX + 1);
        lead.at(1000, &[5]);
        assert_eq!(lead.at(6000, &[5]), None, "nobody can vote instead");
        lead.lag.insert(6, VOTER_LAG_MAX);
        assert_eq!(lead.at(7000, &[5]), Some(nodes(&[1, 2, 3, 4, 6])));
    }

    #[test]
    fn up_to_five() {
        for (copies, voters, expected) in [
            (1, vec![1], Some(vec![1, 2, 3])),
            (1, vec![1, 2, 3], None),
            (2, vec![1, 2, 3], Some(vec![1, 2, 3, 4, 5])),
            (3, vec![1, 4, 7], Some(vec![1, 2, 3, 4, 7])),
            (3, vec![1, 2, 3, 4, 5], None),
        ] {
            assert_eq!(Lead::new(copies, &voters).at(1000, &[]), expected.map(|expected| nodes(&expected)), "{copies} {voters:?}");
        }
    }

    #[test]
    fn a_joint_configuration_ends() {
        let mut lead = Lead::new(2, &[1, 2, 3, 4, 6]);
        lead.membership.outgoing = Some(nodes(&[1, 2, 3, 4, 5]));
        lead.membership.committed = false;
        assert_eq!(lead.at(1000, &[]), None, "not before it is committed");
        lead.membership.committed = true;
        assert_eq!(lead.at(1001, &[]), Some(nodes(&[1, 2, 3, 4, 6])));
        assert_eq!(lead.at(1002, &[]), None);
        assert_eq!(lead.at(1001 + PROPOSE_AGAIN_MS, &[]), Some(nodes(&[1, 2, 3, 4, 6])));
    }
}
