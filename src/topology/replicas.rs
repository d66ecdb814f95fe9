//! Nodes that enter the map as replicas, and processes of nodes.

use super::{ClientEndpoint, Node, NodeId, Process, Reply, ShardId, Topology, TopologyError};

impl Topology {
    /// A process of the node has begun. It writes in no shard for that: what it has is for others to judge ([`super::ShardCommand`]). Only the
    /// primary of a shard in which nobody wrote yet does.
    pub(super) fn start(&mut self, process: Process, name: &str) -> Result<Reply, TopologyError> {
        let node = self.node(&process.node).ok_or(TopologyError::UnknownNode(process.node))?;
        if process.incarnation < node.incarnation {
            return Err(TopologyError::LaterProcess(process.node));
        }
        self.enter_process(process);
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == process.node) {
            name.clone_into(&mut node.name);
        }
        if let Some(shard) = self.shards.iter_mut().find(|shard| shard.primary == process.node && shard.incarnation == 0) {
            shard.incarnation = process.incarnation;
            shard.epoch += 1;
        }
        Ok(Reply::Done)
    }

    /// The node's latest process is this one, or a later one.
    pub(super) fn enter_process(&mut self, process: Process) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == process.node) {
            node.incarnation = node.incarnation.max(process.incarnation);
        }
    }

    pub(super) fn add_replica(&mut self, node: &Node, shard: &ShardId) -> Result<Reply, TopologyError> {
        let primary = self.shard(shard).ok_or(TopologyError::UnknownShard(*shard))?.primary;
        if primary == node.id {
            return Err(TopologyError::OwnReplica(node.id));
        }
        let Some(known) = self.node(&node.id) else {
            self.check_new(node, None)?;
            self.removed.retain(|removed| *removed != node.id);
            self.insert_node(Node { shard: *shard, ..node.clone() });
            return Ok(Reply::Done);
        };
        if known.shard != *shard {
            let left = known.shard;
            let is_primary = self.is_primary(&node.id);
            if is_primary && self.slot_count(&left) > 0 {
                return Err(TopologyError::OwnsSlots(node.id));
            }
            if is_primary && self.shard(&left).is_some_and(|left| self.replicas(left).next().is_some()) {
                return Err(TopologyError::HasReplicas(node.id));
            }
            self.leave_in_sync(&node.id);
            if is_primary {
                self.remove_shard(&left);
            }
            if let Some(moved) = self.nodes.iter_mut().find(|moved| moved.id == node.id) {
                moved.shard = *shard;
            }
        }
        self.update_node(node)
    }

    /// Whether the node may enter, in the place of `leaving` perhaps.
    pub(super) fn check_new(&self, node: &Node, leaving: Option<&NodeId>) -> Result<(), TopologyError> {
        match self.node_by_raft_id(node.raft_id).filter(|other| Some(&other.id) != leaving) {
            Some(other) => Err(TopologyError::RaftIdTaken(node.id, other.id)),
            None => Ok(()),
        }
    }

    /// As whoever reads the command from the log has it: what other commands tell of nodes is not part of it.
    pub(super) fn insert_node(&mut self, node: Node) {
        let at = self.nodes.partition_point(|other| other.id < node.id);
        self.nodes.insert(at, Node { clients: ClientEndpoint::default(), incarnation: 0, name: String::new(), ..node });
    }

    /// No process of the node counts as having all that was acknowledged any more.
    pub(super) fn leave_in_sync(&mut self, id: &NodeId) {
        for shard in &mut self.shards {
            let before = shard.in_sync.len();
            shard.in_sync.retain(|process| process.node != *id);
            if shard.in_sync.len() != before {
                shard.in_sync_version += 1;
            }
        }
    }
}
