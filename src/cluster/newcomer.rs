//! What a node is that asks to be let in: new, or one that the cluster knows, come back without its files. Pure.
//!
//! A node that has lost its files has a new id. Let in as a new node it would be a primary without slots, and the old id would stay for ever as a
//! dead voter that owns slots. So a node without anything of its own that bears the name of a dead one takes its place. Whether that one is
//! dead takes as long to know as for any node; until then the newcomer waits. It is another node after all if the old one is heard of
//! after the newcomer came: a name that living nodes share says nothing.

use std::collections::BTreeMap;

use larder_proto::bus::Join;

use super::peers::node_of;
use super::pulse::Pulse;
use crate::topology::{NodeId, ShardChange, ShardCommand, Topology};

/// What was sent before a process died may still come for so long, in milliseconds.
const LATE_MS: u64 = 300;

/// Newcomers that may wait at once.
const WAITING_MAX: usize = 64;

/// See the module's page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// A node that nobody knows, or one that asks again.
    New,
    /// It takes the place of a dead one.
    Replaces(Box<ShardCommand>),
    /// That is to be seen.
    Unclear,
}

/// Since when newcomers wait.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    since_ms: BTreeMap<NodeId, u64>,
}

impl Newcomers {
    /// As the leader: `topology` is the map as it was applied, and seen from here.
    pub(super) fn judge(&mut self, topology: &Topology, join: &Join, pulse: &Pulse, now_ms: u64) -> Newcomer {
        let newcomer = NodeId(join.node.node);
        let brings_something = !join.claims.is_empty() || join.config_epoch != 0;
        if join.node.name.is_empty() || topology.node(&newcomer).is_some() || brings_something {
            return Newcomer::New;
        }
        let mut namesakes = topology.nodes().iter().filter(|node| node.name == join.node.name);
        let (Some(old), None) = (namesakes.next(), namesakes.next()) else { return Newcomer::New };
        if self.since_ms.len() >= WAITING_MAX && !self.since_ms.contains_key(&newcomer) {
            let longest = self.since_ms.iter().min_by_key(|(_, since_ms)| **since_ms).map(|(node, _)| *node);
            longest.map(|node| self.since_ms.remove(&node));
        }
        let since_ms = *self.since_ms.entry(newcomer).or_insert(now_ms);
        let is_alive = pulse.last_heard_ms(&old.id).is_some_and(|heard_ms| heard_ms > since_ms + LATE_MS);
        let shard = topology.shard(&old.shard).filter(|shard| shard.primary != old.id || topology.replicas(shard).next().is_none());
        let judged = match shard {
            _ if is_alive => Newcomer::New,
            Some(shard) if pulse.missed.failed.contains(&old.id) => Newcomer::Replaces(Box::new(ShardCommand {
                shard: shard.id,
                epoch: shard.epoch,
                incarnation: shard.incarnation,
                change: ShardChange::Replace { old: old.id, node: Box::new(node_of(&join.node)) },
            })),
            // One of the replicas is promoted first.
            _ => Newcomer::Unclear,
        };
        if judged != Newcomer::Unclear {
            self.since_ms.remove(&newcomer);
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::peers::announcement_of;
    use crate::cluster::pulse::Missed;
    use crate::topology::testing::{cluster, node};
    use crate::topology::{Command, Node, Process};

    fn named(n: u8, name: &str) -> Join {
        let node = Node { name: name.to_owned(), level: 2, ..node(n) };
        Join { cluster: node.id.0, node: announcement_of(&node), claims: vec![], config_epoch: 0, only_ask: false }
    }

    fn topology() -> Topology {
        let mut topology = cluster(3);
        for (n, name) in [(1, "one"), (2, "two"), (3, "two")] {
            let process = Process { node: node(n).id, incarnation: 5 };
            topology.apply(9, &Command::Started { process, name: name.to_owned() }).unwrap();
        }
        topology
    }

    #[test]
    fn who_takes_whose_place() {
        let topology = topology();
        let replaces = Newcomer::Replaces(Box::new(ShardCommand {
            shard: node(1).shard,
            epoch: 1,
            incarnation: 5,
            change: ShardChange::Replace { old: node(1).id, node: Box::new(Node { level: 2, ..node(9) }) },
        }));
        for (case, join, heard_ms, failed, judged) in [
            ("no name", named(9, ""), None, vec![1], Newcomer::New),
            ("a name of its own", named(9, "nine"), None, vec![1], Newcomer::New),
            ("the name of two", named(9, "two"), None, vec![2, 3], Newcomer::New),
            ("it asks again", named(1, "one"), None, vec![1], Newcomer::New),
            ("it has slots", Join { claims: vec![(1, 2)], ..named(9, "one") }, None, vec![1], Newcomer::New),
            ("the old one is dead", named(9, "one"), Some(900), vec![1], replaces),
            ("the old one may be dead", named(9, "one"), Some(900), vec![], Newcomer::Unclear),
            ("its last words come late", named(9, "one"), Some(1000 + LATE_MS), vec![], Newcomer::Unclear),
            ("the old one lives", named(9, "one"), Some(1001 + LATE_MS), vec![], Newcomer::New),
        ] {
            let (mut newcomers, mut pulse) = (Newcomers::default(), Pulse::default());
            let _ = newcomers.judge(&topology, &join, &pulse, 1000);
            heard_ms.into_iter().for_each(|heard_ms| pulse.heard(node(1).id, heard_ms));
            pulse.missed = Missed { suspected: vec![], failed: failed.into_iter().map(|n| node(n).id).collect() };
            assert_eq!(newcomers.judge(&topology, &join, &pulse, 2000), judged, "{case}");
            assert_eq!(newcomers.since_ms.is_empty(), judged != Newcomer::Unclear, "{case}");
        }
    }

    #[test]
    fn a_primary_that_has_replicas_is_not_replaced_before_one_is_promoted() {
        let mut topology = topology();
        topology.apply(10, &Command::AddReplica { node: Node { level: 2, ..node(8) }, shard: node(1).shard }).unwrap();
        let mut pulse = Pulse::default();
        pulse.missed.failed.push(node(1).id);
        assert_eq!(Newcomers::default().judge(&topology, &named(9, "one"), &pulse, 1000), Newcomer::Unclear);
    }

    #[test]
    fn few_wait() {
        let mut newcomers = Newcomers::default();
        for n in 100..200 {
            let judged = newcomers.judge(&topology(), &named(n, "one"), &Pulse::default(), u64::from(n));
            assert_eq!(judged, Newcomer::Unclear);
        }
        assert_eq!(newcomers.since_ms.len(), WAITING_MAX);
    }
}
