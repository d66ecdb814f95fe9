//! What may happen to a shard: who writes, and who has all that was acknowledged.
//!
//! Each command is a compare-and-set: it says in which epoch its proposer saw the shard, and under which process, and changes nothing if that is
//! over. So of several that were proposed for the same reason the first one counts, and one that was late undoes nothing.

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

use super::{Node, NodeId, Process, Reply, Shard, ShardId, Topology, TopologyError};

/// A change of a shard as its proposer saw it. Persisted in logs: fields are append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardCommand {
    /// The shard.
    pub shard: ShardId,
    /// Its epoch, as it was.
    pub epoch: u64,
    /// The incarnation of its primary's process, as it was.
    pub incarnation: u64,
    /// What is to change.
    #[serde(with = "codec::record")]
    pub change: ShardChange,
}

/// What is to change. Persisted in logs: variants and fields are append-only, and a new one needs a higher level ([`super::Command::level`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardChange {
    /// `to`, of the in-sync set, writes from now on, in a higher epoch. The old primary is in no set: it may have what nobody else has.
    Promote {
        /// The process.
        #[serde(with = "codec::record")]
        to: Process,
    },
    /// No process of the in-sync set is left: `to`, any process of the shard, goes on with what it has, in a higher epoch. The set is empty.
    Recover {
        /// The process.
        #[serde(with = "codec::record")]
        to: Process,
    },
    /// The same process goes on in a higher epoch, which undoes that replicas stopped following this one.
    Resume,
    /// The in-sync set.
    SetInSync {
        /// The version of the set that is replaced ([`Shard::in_sync_version`]).
        version: u64,
        /// Processes of replicas of the shard, sorted.
        #[serde(with = "codec::records")]
        members: Vec<Process>,
    },
    /// A node that came without data under the name of another takes its place. One that was the primary must have no replicas: one of these is
    /// promoted first.
    Replace {
        /// Who leaves for good.
        old: NodeId,
        /// Who enters.
        #[serde(with = "codec::record")]
        node: Box<Node>,
    },
}

impl ShardCommand {
    /// Whether the shard is as the command would leave it.
    pub(super) fn is_done(&self, topology: &Topology) -> bool {
        let Some(shard) = topology.shard(&self.shard) else { return false };
        let is_next = shard.epoch == self.epoch + 1;
        match &self.change {
            ShardChange::Promote { to } | ShardChange::Recover { to } => is_next && shard.writer() == *to,
            ShardChange::Resume => is_next && shard.incarnation == self.incarnation,
            ShardChange::SetInSync { version, members } => {
                shard.epoch == self.epoch && shard.in_sync_version == version + 1 && shard.in_sync == *members
            }
            ShardChange::Replace { old, node } => {
                topology.node(old).is_none() && topology.node(&node.id).is_some_and(|found| found.shard == self.shard)
            }
        }
    }
}

impl Topology {
    pub(super) fn change_shard(&mut self, command: &ShardCommand) -> Result<Reply, TopologyError> {
        let at = self.shard_position(&command.shard).ok_or(TopologyError::UnknownShard(command.shard))?;
        let shard = &self.shards[usize::from(at)];
        if (shard.epoch, shard.incarnation) != (command.epoch, command.incarnation) {
            return Err(TopologyError::ShardChanged(command.shard));
        }
        match &command.change {
            ShardChange::Promote { to } => self.promote(usize::from(at), *to, true),
            ShardChange::Recover { to } => self.promote(usize::from(at), *to, false),
            ShardChange::Resume => {
                self.shards[usize::from(at)].epoch += 1;
                Ok(Reply::Done)
            }
            ShardChange::SetInSync { version, members } => self.set_in_sync(usize::from(at), *version, members),
            ShardChange::Replace { old, node } => self.replace(usize::from(at), old, node),
        }
    }

    /// The shard's node with this id.
    fn node_of(&self, shard: &Shard, id: &NodeId) -> Result<&Node, TopologyError> {
        let node = self.node(id).ok_or(TopologyError::UnknownNode(*id))?;
        if node.shard == shard.id { Ok(node) } else { Err(TopologyError::NotOfShard(*id, shard.id)) }
    }

    fn promote(&mut self, at: usize, to: Process, keeps_in_sync: bool) -> Result<Reply, TopologyError> {
        let shard = &self.shards[at];
        if to.incarnation < self.node_of(shard, &to.node)?.incarnation {
            return Err(TopologyError::LaterProcess(to.node));
        }
        if keeps_in_sync && !shard.in_sync.contains(&to) {
            return Err(TopologyError::NotInSync(to.node));
        }
        self.enter_process(to);
        let shard = &mut self.shards[at];
        if keeps_in_sync {
            shard.in_sync.retain(|process| process.node != to.node);
        } else {
            shard.in_sync.clear();
        }
        // As Valkey's: whoever takes slots over claims them in the highest epoch.
        if shard.primary != to.node {
            self.epoch += 1;
            shard.config_epoch = self.epoch;
        }
        (shard.primary, shard.incarnation) = (to.node, to.incarnation);
        shard.epoch += 1;
        shard.in_sync_version += 1;
        Ok(Reply::Done)
    }

    fn set_in_sync(&mut self, at: usize, version: u64, members: &[Process]) -> Result<Reply, TopologyError> {
        let shard = &self.shards[at];
        if shard.in_sync_version != version {
            return Err(TopologyError::ShardChanged(shard.id));
        }
        for (n, member) in members.iter().enumerate() {
            let node = self.node_of(shard, &member.node)?;
            let is_unsorted = n > 0 && members[n - 1] >= *member;
            if node.id == shard.primary || is_unsorted {
                return Err(TopologyError::NotInSync(member.node));
            }
        }
        let shard = &mut self.shards[at];
        shard.in_sync = members.to_vec();
        shard.in_sync_version += 1;
        Ok(Reply::Done)
    }

    fn replace(&mut self, at: usize, old: &NodeId, node: &Node) -> Result<Reply, TopologyError> {
        let shard = &self.shards[at];
        self.node_of(shard, old)?;
        let is_primary = shard.primary == *old;
        if is_primary && self.replicas(shard).next().is_some() {
            return Err(TopologyError::HasReplicas(*old));
        }
        if self.node(&node.id).is_some() {
            return Err(TopologyError::NodeTaken(node.id));
        }
        let id = shard.id;
        self.check_new(node, Some(old))?;
        self.leave_in_sync(old);
        self.forget_node(old);
        self.insert_node(Node { shard: id, ..node.clone() });
        if is_primary {
            self.epoch += 1;
            let config_epoch = self.epoch;
            let shard = &mut self.shards[at];
            shard.primary = node.id;
            shard.config_epoch = config_epoch;
            shard.epoch += 1;
            // Its process is named when it has started: see `Topology::start`.
            shard.incarnation = 0;
        }
        Ok(Reply::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Command;
    use crate::topology::testing::{cluster, node};

    fn process(n: u8, incarnation: u64) -> Process {
        Process { node: node(n).id, incarnation }
    }

    fn able(n: u8) -> Node {
        Node { level: 2, ..node(n) }
    }

    fn shard(n: u8) -> ShardId {
        node(n).shard
    }

    fn change(epoch: u64, incarnation: u64, change: ShardChange) -> Command {
        Command::Shard(ShardCommand { shard: shard(1), epoch, incarnation, change })
    }

    fn set(version: u64, members: &[(u8, u64)]) -> ShardChange {
        ShardChange::SetInSync { version, members: members.iter().map(|(n, incarnation)| process(*n, *incarnation)).collect() }
    }

    fn promote(n: u8, incarnation: u64) -> ShardChange {
        ShardChange::Promote { to: process(n, incarnation) }
    }

    /// Node 1 is the primary of replicas 11 and 12, all as process 50 and in sync, in epoch 1; node 2 is another primary, 21 its replica.
    fn replicated() -> Topology {
        let mut topology = cluster(2);
        let mut commands = vec![Command::Started { process: process(1, 50), name: String::new() }];
        for (n, of) in [(11, 1), (12, 1), (21, 2)] {
            commands.push(Command::AddReplica { node: able(n), shard: shard(of) });
            commands.push(Command::Started { process: process(n, 50), name: String::new() });
        }
        commands.push(change(1, 50, set(0, &[(11, 50), (12, 50)])));
        for command in commands {
            topology.apply(5, &command).unwrap();
            assert!(topology.holds(&command), "{command:?}");
        }
        topology
    }

    fn state(topology: &Topology) -> (Process, u64, Vec<Process>, u64) {
        let shard = topology.shard(&shard(1)).unwrap();
        (shard.writer(), shard.epoch, shard.in_sync.clone(), shard.in_sync_version)
    }

    #[test]
    fn what_a_shard_becomes() {
        let before = replicated();
        assert_eq!(state(&before), (process(1, 50), 1, vec![process(11, 50), process(12, 50)], 1));
        for (done, expected) in [
            (promote(12, 50), (process(12, 50), 2, vec![process(11, 50)], 2)),
            (ShardChange::Recover { to: process(12, 60) }, (process(12, 60), 2, vec![], 2)),
            (ShardChange::Recover { to: process(1, 60) }, (process(1, 60), 2, vec![], 2)),
            (ShardChange::Resume, (process(1, 50), 2, vec![process(11, 50), process(12, 50)], 1)),
            (set(1, &[(12, 60)]), (process(1, 50), 1, vec![process(12, 60)], 2)),
            (set(1, &[]), (process(1, 50), 1, vec![], 2)),
            (ShardChange::Replace { old: node(11).id, node: Box::new(able(13)) }, (process(1, 50), 1, vec![process(12, 50)], 2)),
        ] {
            let (mut after, command) = (before.clone(), change(1, 50, done));
            assert!(!after.holds(&command), "{command:?}");
            assert_eq!(after.apply(9, &command), Ok(Reply::Done), "{command:?}");
            assert_eq!(state(&after), expected, "{command:?}");
            assert!(after.holds(&command), "{command:?}");
            assert_eq!(after.slot_ranges(&shard(1)), before.slot_ranges(&shard(1)), "slots stay with the shard");
            let is_new = state(&after).0.node != node(1).id;
            assert_eq!(after.config_epoch(&node(12).id) > before.epoch, is_new, "a new primary has the highest config epoch: {command:?}");
            if state(&after).1 > 1 {
                assert_eq!(after.apply(10, &command), Err(TopologyError::ShardChanged(shard(1))), "once: {command:?}");
            }
        }
    }

    #[test]
    fn what_a_shard_refuses() {
        let mut topology = replicated();
        topology.apply(6, &Command::Started { process: process(12, 60), name: String::new() }).unwrap();
        let changed = TopologyError::ShardChanged(shard(1));
        for (command, error) in [
            (change(0, 50, ShardChange::Resume), changed.clone()),
            (change(2, 50, ShardChange::Resume), changed.clone()),
            (change(1, 49, promote(11, 50)), changed.clone()),
            (change(1, 50, promote(11, 60)), TopologyError::NotInSync(node(11).id)),
            (change(1, 50, promote(12, 50)), TopologyError::LaterProcess(node(12).id)),
            (change(1, 50, promote(1, 50)), TopologyError::NotInSync(node(1).id)),
            (change(1, 50, promote(21, 50)), TopologyError::NotOfShard(node(21).id, shard(1))),
            (change(1, 50, promote(9, 50)), TopologyError::UnknownNode(node(9).id)),
            (change(1, 50, ShardChange::Recover { to: process(11, 49) }), TopologyError::LaterProcess(node(11).id)),
            (change(1, 50, ShardChange::Recover { to: process(2, 50) }), TopologyError::NotOfShard(node(2).id, shard(1))),
            (change(1, 50, set(0, &[])), changed),
            (change(1, 50, set(1, &[(1, 50)])), TopologyError::NotInSync(node(1).id)),
            (change(1, 50, set(1, &[(12, 50), (11, 50)])), TopologyError::NotInSync(node(11).id)),
            (change(1, 50, set(1, &[(11, 50), (11, 50)])), TopologyError::NotInSync(node(11).id)),
            (change(1, 50, set(1, &[(21, 50)])), TopologyError::NotOfShard(node(21).id, shard(1))),
            (change(1, 50, ShardChange::Replace { old: node(1).id, node: Box::new(able(13)) }), TopologyError::HasReplicas(node(1).id)),
            (
                change(1, 50, ShardChange::Replace { old: node(21).id, node: Box::new(able(13)) }),
                TopologyError::NotOfShard(node(21).id, shard(1)),
            ),
            (change(1, 50, ShardChange::Replace { old: node(11).id, node: Box::new(able(12)) }), TopologyError::NodeTaken(node(12).id)),
            (change(1, 50, ShardChange::Replace { old: node(11).id, node: Box::new(node(13)) }), TopologyError::Outdated(node(13).id)),
            (
                Command::Shard(ShardCommand { shard: shard(9), epoch: 0, incarnation: 0, change: ShardChange::Resume }),
                TopologyError::UnknownShard(shard(9)),
            ),
        ] {
            let mut after = topology.clone();
            assert_eq!(after.apply(topology.index, &command), Err(error), "{command:?}");
            assert_eq!(after, topology, "{command:?}");
        }
    }

    #[test]
    fn a_node_without_data_takes_the_place_of_one_that_was_alone() {
        let mut topology = cluster(2);
        topology.apply(5, &Command::Started { process: process(1, 50), name: String::new() }).unwrap();
        let command = change(1, 50, ShardChange::Replace { old: node(1).id, node: Box::new(able(13)) });
        topology.apply(6, &command).unwrap();
        assert!(topology.is_primary(&node(13).id) && topology.is_removed(&node(1).id) && topology.holds(&command));
        assert_eq!(topology.slot_count(&shard(1)), 8192);
        assert_eq!(state(&topology).1, 2);
        topology.apply(7, &Command::Started { process: process(13, 70), name: String::new() }).unwrap();
        assert_eq!(state(&topology), (process(13, 70), 3, vec![], 0), "its first process writes");
    }

    #[test]
    fn processes_of_a_node_only_grow() {
        let mut topology = replicated();
        let writer = state(&topology).0;
        topology.apply(6, &Command::Started { process: process(1, 60), name: String::new() }).unwrap();
        assert_eq!(state(&topology).0, writer, "a process that begins anew does not write for that");
        assert_eq!(topology.node(&node(1).id).unwrap().incarnation, 60);
        for (process, came) in [
            (process(1, 60), Ok(Reply::Done)),
            (process(1, 59), Err(TopologyError::LaterProcess(node(1).id))),
            (process(9, 1), Err(TopologyError::UnknownNode(node(9).id))),
        ] {
            assert_eq!(topology.apply(7, &Command::Started { process, name: String::new() }), came);
        }
        topology.apply(8, &Command::UpdateNode { node: Node { host: "10.9.9.9".into(), incarnation: 7, ..able(1) } }).unwrap();
        assert_eq!(topology.node(&node(1).id).unwrap().incarnation, 60, "another command's to say");
    }

    #[test]
    fn nodes_become_replicas() {
        let mut topology = replicated();
        topology.apply(6, &Command::AddNode { node: able(3), claims: vec![], config_epoch: 0 }).unwrap();
        let add = |node: Node, of: u8| Command::AddReplica { node, shard: shard(of) };
        for (command, error) in [
            (add(able(3), 9), TopologyError::UnknownShard(shard(9))),
            (add(able(1), 1), TopologyError::OwnReplica(node(1).id)),
            (add(able(1), 2), TopologyError::OwnsSlots(node(1).id)),
            (add(node(14), 1), TopologyError::Outdated(node(14).id)),
            (add(Node { raft_id: node(11).raft_id, ..able(14) }, 1), TopologyError::RaftIdTaken(node(14).id, node(11).id)),
        ] {
            let mut after = topology.clone();
            assert_eq!(after.apply(topology.index, &command), Err(error), "{command:?}");
            assert_eq!(after, topology, "{command:?}");
        }
        let of = |topology: &Topology, n: u8| topology.node(&node(n).id).unwrap().shard;
        for command in [add(able(14), 1), add(able(11), 2), add(able(3), 1), add(Node { host: "10.9.9.9".into(), ..able(14) }, 1)] {
            topology.apply(7, &command).unwrap();
            assert!(topology.holds(&command), "{command:?}");
        }
        assert_eq!([of(&topology, 14), of(&topology, 11), of(&topology, 3)], [shard(1), shard(2), shard(1)]);
        assert!(topology.shard(&shard(3)).is_none(), "nobody is left in it");
        assert_eq!(state(&topology).2, [process(12, 50)], "who left is not in sync");
        assert_eq!(topology.slot_ranges(&shard(2)), replicated().slot_ranges(&shard(2)));
        topology.apply(8, &Command::RemoveNode { node: node(12).id }).unwrap();
        assert_eq!(state(&topology).2, []);
    }

    #[test]
    fn the_commands_of_a_batch_are_carried_out_one_by_one() {
        let mut topology = replicated();
        let late = change(1, 50, promote(12, 50));
        let batch = Command::Batch(vec![change(1, 50, promote(11, 50)), late, Command::BumpEpoch { node: node(2).id }]);
        let Ok(Reply::Batch(came)) = topology.apply(9, &batch) else { panic!("a batch is never refused as a whole") };
        let epoch = topology.epoch;
        assert_eq!(came, [Ok(Reply::Done), Err(TopologyError::ShardChanged(shard(1))), Ok(Reply::Epoch { epoch, bumped: true })]);
        assert_eq!((topology.index, state(&topology).0), (9, process(11, 50)));
        let nested = topology.apply(10, &Command::Batch(vec![Command::Batch(vec![])]));
        assert_eq!(nested, Ok(Reply::Batch(vec![Err(TopologyError::BatchInBatch)])));
    }

    #[test]
    fn nodes_that_cannot_read_the_log_stay_out() {
        let mut topology = cluster(1);
        let join = |node| Command::AddNode { node, claims: vec![], config_epoch: 0 };
        topology.apply(5, &join(node(2))).unwrap();
        assert_eq!(topology.level(), 0);
        let _ = topology.apply(6, &change(7, 7, ShardChange::Resume));
        assert_eq!(topology.level(), 2, "it is in the log, whatever came of it");
        assert_eq!(topology.apply(7, &join(node(3))), Err(TopologyError::Outdated(node(3).id)));
        topology.apply(8, &join(able(3))).unwrap();
    }
}
