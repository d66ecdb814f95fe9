//! Who votes, as the leader decides. Pure.
//!
//! * Up to five, an odd number, from as many zones as there are. The number never shrinks.
//! * A voter that has been dead for [`VOTER_DEAD_MS`] is replaced by a node that lives; without one it stays.
//! * A node becomes a voter only when it has nearly all of the log: the commits of a group that waits for one which has not would stop with it.
//! * Most of the voters stay at each change, so that the group can go on whichever of the two sets a new leader knows.

use std::collections::{BTreeMap, BTreeSet};

use super::founding::voter_count;
use super::raft::{Members, RaftId};
use crate::topology::{Node, Topology};

/// How long a voter is dead before another node votes instead of it, in milliseconds: who restarts keeps its vote.
const VOTER_DEAD_MS: u64 = 5000;

/// How many entries a node may be behind to become a voter.
const LAG_MAX: u64 = 1000;

/// What a leader remembers of voters. Bounded by their number.
#[derive(Debug, Default)]
pub(super) struct Voters {
    term: u64,
    dead_since_ms: BTreeMap<RaftId, u64>,
}

impl Voters {
    /// Who should vote, as the leader of this term sees it. `lags`: how many entries each other node is behind, of which that is known.
    pub(super) fn choose(
        &mut self,
        term: u64,
        members: &Members,
        topology: &Topology,
        lags: &BTreeMap<RaftId, u64>,
        now_ms: u64,
    ) -> BTreeSet<RaftId> {
        if self.term != term {
            *self = Voters { term, ..Voters::default() };
        }
        let dead: BTreeSet<RaftId> = topology.nodes().iter().filter(|node| topology.is_failed(&node.id)).map(|node| node.raft_id).collect();
        self.dead_since_ms.retain(|voter, _| members.voters.contains(voter) && dead.contains(voter));
        for voter in members.voters.intersection(&dead) {
            self.dead_since_ms.entry(*voter).or_insert(now_ms);
        }
        let is_long_dead = |voter: &RaftId| self.dead_since_ms.get(voter).is_some_and(|since_ms| now_ms >= since_ms + VOTER_DEAD_MS);
        // One that is not in the map may be a founder that is about to enter.
        let (leaving, mut voters): (BTreeSet<RaftId>, BTreeSet<RaftId>) = members.voters.iter().partition(|voter| is_long_dead(voter));
        let wanted = voter_count(topology.nodes().len()).max(members.voters.len());
        while voters.len() < wanted {
            let Some(next) = next_voter(&voters, members, topology, &dead, lags) else { break };
            voters.insert(next);
        }
        // Nobody lives who could vote instead: they may come back.
        voters.extend(leaving.into_iter().take(members.voters.len().saturating_sub(voters.len())));
        let changed = members.voters.difference(&voters).count();
        if changed * 2 >= members.voters.len() { members.voters.clone() } else { voters }
    }
}

/// The best of those that live and have the log: of the zone that has the fewest voters.
fn next_voter(
    voters: &BTreeSet<RaftId>,
    members: &Members,
    topology: &Topology,
    dead: &BTreeSet<RaftId>,
    lags: &BTreeMap<RaftId, u64>,
) -> Option<RaftId> {
    let in_zone = |zone: &str| {
        let of_zone = |voter: &&RaftId| topology.node_by_raft_id(**voter).is_some_and(|node| node.zone == zone);
        voters.iter().filter(|voter| !dead.contains(voter)).filter(of_zone).count()
    };
    let has_log = |node: &&Node| lags.get(&node.raft_id).is_some_and(|lag| *lag <= LAG_MAX);
    let is_free =
        |node: &&Node| members.learners.contains(&node.raft_id) && !voters.contains(&node.raft_id) && !dead.contains(&node.raft_id);
    let candidates = topology.nodes().iter().filter(is_free).filter(has_log);
    candidates.min_by_key(|node| (in_zone(&node.zone), node.id)).map(|node| node.raft_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::View;
    use crate::topology::testing::{cluster, node};

    fn ids(numbers: &[u8]) -> BTreeSet<RaftId> {
        numbers.iter().map(|n| node(*n).raft_id).collect()
    }

    fn members(voters: &[u8], learners: &[u8]) -> Members {
        Members { voters: ids(voters), learners: ids(learners), is_committed: true, incoming: None }
    }

    fn seen(nodes: u8, dead: &[u8]) -> Topology {
        let failed = dead.iter().map(|n| node(*n).id).collect();
        cluster(nodes).seen_from(View { has_quorum: true, failed, ..View::default() })
    }

    fn lags(nodes: u8) -> BTreeMap<RaftId, u64> {
        (1..=nodes).map(|n| (node(n).raft_id, 0)).collect()
    }

    #[test]
    fn voters_are_filled_up() {
        for (nodes, dead, voters, learners, expected) in [
            (1, vec![], vec![1], vec![], vec![1]),
            (2, vec![], vec![1], vec![2], vec![1]),
            (3, vec![], vec![1], vec![2, 3], vec![1, 2, 3]),
            (3, vec![], vec![1, 2, 3], vec![], vec![1, 2, 3]),
            (4, vec![], vec![1, 2, 3], vec![4], vec![1, 2, 3]),
            (5, vec![], vec![1, 2, 3], vec![4, 5], vec![1, 2, 3, 4, 5]),
            (7, vec![], vec![1, 2, 3, 4, 5], vec![6, 7], vec![1, 2, 3, 4, 5]),
            (6, vec![4], vec![1, 2, 3], vec![4, 5, 6], vec![1, 2, 3, 5, 6]),
        ] {
            let chosen = Voters::default().choose(1, &members(&voters, &learners), &seen(nodes, &dead), &lags(nodes), 1000);
            assert_eq!(chosen, ids(&expected), "{nodes} nodes, {voters:?} vote");
        }
    }

    #[test]
    fn dead_voters_are_replaced() {
        for (case, dead, lagging, term, at_ms, expected) in [
            ("it may come back", vec![2], vec![], 1, 5999, vec![1, 2, 3]),
            ("for long", vec![2], vec![], 1, 6000, vec![1, 3, 4]),
            ("another has the log", vec![2], vec![4], 1, 6000, vec![1, 3, 5]),
            ("nobody has the log", vec![2], vec![4, 5], 1, 6000, vec![1, 2, 3]),
            ("nobody else lives", vec![2, 4, 5], vec![], 1, 6000, vec![1, 2, 3]),
            ("another leader saw it die", vec![2], vec![], 2, 6000, vec![1, 2, 3]),
        ] {
            let (members, mut voters) = (members(&[1, 2, 3], &[4, 5]), Voters::default());
            let mut lags = lags(5);
            lagging.iter().for_each(|n: &u8| *lags.get_mut(&node(*n).raft_id).unwrap() = LAG_MAX + 1);
            // Of four nodes three vote. Where that one cannot, there is a fifth.
            let nodes = if dead.contains(&5) || lagging.contains(&4) { 5 } else { 4 };
            voters.choose(1, &members, &seen(nodes, &dead), &BTreeMap::new(), 1000);
            assert_eq!(voters.choose(term, &members, &seen(nodes, &dead), &lags, at_ms), ids(&expected), "{case}");
        }
    }

    #[test]
    fn who_was_back_in_between_is_not_dead_for_long() {
        let (members, mut voters) = (members(&[1, 2, 3], &[4]), Voters::default());
        for (at_ms, dead, expected) in [
            (1000, vec![2], [1, 2, 3]),
            (5000, vec![], [1, 2, 3]),
            (5100, vec![2], [1, 2, 3]),
            (10_000, vec![2], [1, 2, 3]),
            (10_100, vec![2], [1, 3, 4]),
        ] {
            assert_eq!(voters.choose(1, &members, &seen(4, &dead), &lags(4), at_ms), ids(&expected), "{at_ms}");
        }
    }

    #[test]
    fn a_node_of_which_nothing_is_known_does_not_vote_yet() {
        let members = members(&[1], &[2, 3]);
        let known = BTreeMap::from([(node(3).raft_id, LAG_MAX)]);
        assert_eq!(Voters::default().choose(1, &members, &seen(3, &[]), &known, 0), ids(&[1, 3]));
    }
}
