//! How a command changes the map.

use super::{ClientEndpoint, Command, Node, NodeId, Reply, Shard, ShardChange, ShardCommand, ShardId, SlotRange, Topology, TopologyError};
use crate::base::slot::SLOTS;

/// Removed nodes that are remembered. A node needs to be for as long as it takes to tell it, which is one heartbeat.
const REMOVED_MAX: usize = 64;

impl Topology {
    /// Applies a committed command. Deterministic; on an error nothing but the index and the level has changed.
    pub fn apply(&mut self, index: u64, command: &Command) -> Result<Reply, TopologyError> {
        self.index = index;
        let reply = match command {
            Command::Batch(commands) => {
                self.level = self.level.max(command.level());
                return Ok(Reply::Batch(commands.iter().map(|command| self.apply_one(command)).collect()));
            }
            single => self.apply_one(single),
        };
        if cfg!(debug_assertions) {
            self.check();
        }
        reply
    }

    fn apply_one(&mut self, command: &Command) -> Result<Reply, TopologyError> {
        self.level = self.level.max(command.level());
        self.require_level(command)?;
        match command {
            Command::AddNode { node, claims, config_epoch } => self.add_node(node, claims, *config_epoch),
            Command::UpdateNode { node } => self.update_node(node),
            Command::RemoveNode { node } => self.remove_node(node),
            Command::AssignSlots { node, ranges } => self.assign_slots(node, ranges),
            Command::UnassignSlots { node, ranges } => self.unassign_slots(node, ranges),
            Command::FlushSlots { node } => self.flush_slots(node),
            Command::SplitSlots { nodes } => self.split_slots(nodes),
            Command::SetConfigEpoch { node, epoch } => self.set_config_epoch(node, *epoch),
            Command::BumpEpoch { node } => self.bump_epoch(node),
            Command::AnnounceToClients { node, clients } => self.announce_to_clients(node, clients),
            Command::Started { process, name } => self.start(*process, name),
            Command::AddReplica { node, shard } => self.add_replica(node, shard),
            Command::Shard(command) => self.change_shard(command),
            Command::Batch(_) => Err(TopologyError::BatchInBatch),
        }
    }

    /// A node that could not read the log does not enter the map, nor stay in it as such.
    fn require_level(&self, command: &Command) -> Result<(), TopologyError> {
        let entering = match command {
            Command::AddNode { node, .. } | Command::UpdateNode { node } | Command::AddReplica { node, .. } => Some(node),
            Command::Shard(ShardCommand { change: ShardChange::Replace { node, .. }, .. }) => Some(&**node),
            _ => None,
        };
        match entering.filter(|node| node.level < self.level) {
            Some(node) => Err(TopologyError::Outdated(node.id)),
            None => Ok(()),
        }
    }

    /// Whether the map is as the command would leave it: how one who does not know whether his command arrived finds out, when repeating
    /// it is refused.
    pub fn holds(&self, command: &Command) -> bool {
        let owner = |slot: u16| self.slot_owner(slot).map(|shard| shard.primary);
        let all = |ranges: &[SlotRange], holds: &dyn Fn(u16) -> bool| ranges.iter().flat_map(SlotRange::slots).all(holds);
        match command {
            Command::AddNode { node, .. } | Command::UpdateNode { node } => {
                self.node(&node.id).is_some_and(|known| known.host == node.host)
            }
            Command::RemoveNode { node } => self.is_removed(node),
            Command::AssignSlots { node, ranges } => all(ranges, &|slot| owner(slot) == Some(*node)),
            Command::UnassignSlots { node, ranges } => all(ranges, &|slot| owner(slot) != Some(*node)),
            Command::FlushSlots { node } => self.shard_of(node).is_some_and(|shard| self.slot_count(&shard.id) == 0),
            Command::SplitSlots { .. } => self.slots.assigned() > 0,
            Command::SetConfigEpoch { node, epoch } => self.config_epoch(node) == *epoch,
            Command::AnnounceToClients { node, clients } => self.node(node).is_some_and(|known| known.clients == *clients),
            Command::Started { process, .. } => self.node(&process.node).is_some_and(|known| known.incarnation >= process.incarnation),
            Command::AddReplica { node, shard } => {
                self.node(&node.id).is_some_and(|known| known.shard == *shard && known.host == node.host)
            }
            Command::Shard(command) => command.is_done(self),
            Command::Batch(commands) => commands.iter().all(|command| self.holds(command)),
            // Once more than asked does no harm.
            Command::BumpEpoch { .. } => false,
        }
    }

    fn add_node(&mut self, node: &Node, claims: &[SlotRange], config_epoch: u64) -> Result<Reply, TopologyError> {
        if self.node(&node.id).is_some() {
            return self.update_node(node);
        }
        self.check_new(node, None)?;
        if self.shard(&node.shard).is_some() {
            return Err(TopologyError::ShardTaken(node.shard));
        }
        let claims = distinct_slots(claims)?;
        let alone = self.nodes.is_empty();
        let taken = config_epoch == 0 || self.shards.iter().any(|shard| shard.config_epoch == config_epoch);
        // A node alone keeps 0, as in Valkey, so that SET-CONFIG-EPOCH may follow.
        let config_epoch = if taken && !alone { self.epoch + 1 } else { config_epoch };
        self.epoch = self.epoch.max(config_epoch);
        self.removed.retain(|removed| *removed != node.id);
        self.insert_node(node.clone());
        self.shards.push(Shard {
            id: node.shard,
            primary: node.id,
            config_epoch,
            epoch: 0,
            incarnation: 0,
            in_sync: Vec::new(),
            in_sync_version: 0,
        });
        let shard = (self.shards.len() - 1) as u16;
        for slot in claims {
            if self.slots.owner(slot).is_none() {
                self.slots.set(slot, Some(shard));
            }
        }
        Ok(Reply::Done)
    }

    pub(super) fn update_node(&mut self, node: &Node) -> Result<Reply, TopologyError> {
        let at = self.nodes.binary_search_by(|other| other.id.cmp(&node.id)).map_err(|_| TopologyError::UnknownNode(node.id))?;
        let known = &mut self.nodes[at];
        let (clients, name) = (std::mem::take(&mut known.clients), std::mem::take(&mut known.name));
        *known = Node { shard: known.shard, raft_id: known.raft_id, clients, incarnation: known.incarnation, name, ..node.clone() };
        Ok(Reply::Done)
    }

    fn announce_to_clients(&mut self, id: &NodeId, clients: &ClientEndpoint) -> Result<Reply, TopologyError> {
        let at = self.nodes.binary_search_by(|other| other.id.cmp(id)).map_err(|_| TopologyError::UnknownNode(*id))?;
        self.nodes[at].clients = clients.clone();
        Ok(Reply::Done)
    }

    fn remove_node(&mut self, id: &NodeId) -> Result<Reply, TopologyError> {
        let node = self.node(id).ok_or(TopologyError::UnknownNode(*id))?;
        let shard = self.shard(&node.shard).expect("every node belongs to a shard");
        if shard.primary == *id {
            if self.replicas(shard).next().is_some() {
                return Err(TopologyError::HasReplicas(*id));
            }
            let shard = shard.id;
            self.remove_shard(&shard);
        }
        self.leave_in_sync(id);
        self.forget_node(id);
        Ok(Reply::Done)
    }

    /// Its slots have no owner any more.
    pub(super) fn remove_shard(&mut self, shard: &ShardId) {
        let Some(gone) = self.shard_position(shard) else { return };
        self.shards.remove(usize::from(gone));
        self.slots.map_owners(|owner| match owner.cmp(&gone) {
            std::cmp::Ordering::Less => Some(owner),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(owner - 1),
        });
    }

    /// The node leaves for good.
    pub(super) fn forget_node(&mut self, id: &NodeId) {
        self.nodes.retain(|node| node.id != *id);
        if self.removed.len() == REMOVED_MAX {
            self.removed.remove(0);
        }
        self.removed.push(*id);
    }

    /// The position of the shard whose primary this node is.
    fn primary_position(&self, id: &NodeId) -> Result<u16, TopologyError> {
        if self.node(id).is_none() {
            return Err(TopologyError::UnknownNode(*id));
        }
        let at = self.shards.iter().position(|shard| shard.primary == *id).ok_or(TopologyError::NotPrimary(*id))?;
        Ok(at as u16)
    }

    fn assign_slots(&mut self, id: &NodeId, ranges: &[SlotRange]) -> Result<Reply, TopologyError> {
        let shard = self.primary_position(id)?;
        let slots = self.checked_slots(ranges, |owner| owner.is_none(), TopologyError::SlotBusy)?;
        for slot in slots {
            self.slots.set(slot, Some(shard));
        }
        Ok(Reply::Done)
    }

    fn unassign_slots(&mut self, id: &NodeId, ranges: &[SlotRange]) -> Result<Reply, TopologyError> {
        let shard = self.primary_position(id)?;
        let slots = self.checked_slots(ranges, |owner| owner.is_some(), TopologyError::SlotUnassigned)?;
        for slot in slots {
            if self.slots.owner(slot) == Some(shard) {
                self.slots.set(slot, None);
            }
        }
        Ok(Reply::Done)
    }

    /// The slots of `ranges`, if each stands there once and its owner is as wanted. Complaints come in Valkey's order.
    fn checked_slots(
        &self,
        ranges: &[SlotRange],
        wanted: impl Fn(Option<u16>) -> bool,
        complaint: fn(u16) -> TopologyError,
    ) -> Result<Vec<u16>, TopologyError> {
        for slot in ranges.iter().filter(|range| range.is_valid()).flat_map(SlotRange::slots) {
            if !wanted(self.slots.owner(slot)) {
                return Err(complaint(slot));
            }
        }
        distinct_slots(ranges)
    }

    fn flush_slots(&mut self, id: &NodeId) -> Result<Reply, TopologyError> {
        let shard = self.primary_position(id)?;
        self.slots.map_owners(|owner| (owner != shard).then_some(owner));
        Ok(Reply::Done)
    }

    fn split_slots(&mut self, nodes: &[NodeId]) -> Result<Reply, TopologyError> {
        if self.slots.assigned() > 0 {
            return Err(TopologyError::AlreadySplit);
        }
        let shards = nodes.iter().map(|id| self.primary_position(id)).collect::<Result<Vec<_>, _>>()?;
        if shards.is_empty() {
            return Err(TopologyError::NobodyToServe);
        }
        let count = shards.len();
        for slot in 0..SLOTS {
            // Boundaries are rounded to the nearest slot, as redis-cli --cluster create does it.
            let part = (0..count).find(|part| usize::from(slot) < slot_boundary(part + 1, count)).expect("the last part ends at SLOTS");
            self.slots.set(slot, Some(shards[part]));
        }
        for shard in shards {
            if self.shards[usize::from(shard)].config_epoch == 0 {
                self.epoch += 1;
                self.shards[usize::from(shard)].config_epoch = self.epoch;
            }
        }
        Ok(Reply::Done)
    }

    fn set_config_epoch(&mut self, id: &NodeId, epoch: u64) -> Result<Reply, TopologyError> {
        let shard = usize::from(self.primary_position(id)?);
        if self.nodes.len() > 1 {
            return Err(TopologyError::EpochInCompany);
        }
        if self.shards[shard].config_epoch != 0 {
            return Err(TopologyError::EpochAlreadySet);
        }
        self.shards[shard].config_epoch = epoch;
        self.epoch = self.epoch.max(epoch);
        Ok(Reply::Done)
    }

    fn bump_epoch(&mut self, id: &NodeId) -> Result<Reply, TopologyError> {
        let shard = usize::from(self.primary_position(id)?);
        let highest = self.shards.iter().map(|shard| shard.config_epoch).max().unwrap_or(0).max(self.epoch);
        let current = self.shards[shard].config_epoch;
        if current != 0 && current == highest {
            return Ok(Reply::Epoch { epoch: current, bumped: false });
        }
        self.epoch = highest + 1;
        self.shards[shard].config_epoch = self.epoch;
        Ok(Reply::Epoch { epoch: self.epoch, bumped: true })
    }
}

/// The first slot of part number `part` when all slots are divided into `count` parts.
fn slot_boundary(part: usize, count: usize) -> usize {
    (part * usize::from(SLOTS) * 2 + count) / (2 * count)
}

fn distinct_slots(ranges: &[SlotRange]) -> Result<Vec<u16>, TopologyError> {
    if ranges.iter().any(|range| !range.is_valid()) {
        return Err(TopologyError::SlotRange);
    }
    let mut seen = vec![false; usize::from(SLOTS)];
    let mut slots = Vec::new();
    for slot in ranges.iter().flat_map(SlotRange::slots) {
        if std::mem::replace(&mut seen[usize::from(slot)], true) {
            return Err(TopologyError::SlotTwice(slot));
        }
        slots.push(slot);
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::{cluster, node};

    fn range(start: u16, end: u16) -> Vec<SlotRange> {
        vec![SlotRange { start, end }]
    }

    #[test]
    fn three_nodes_share_the_slots_as_redis_cli_would() {
        let topology = cluster(3);
        let ranges: Vec<_> = topology.shards().iter().map(|shard| topology.slot_ranges(&shard.id)).collect();
        assert_eq!(ranges, [range(0, 5460), range(5461, 10922), range(10923, 16383)]);
        let epochs: Vec<_> = topology.shards().iter().map(|shard| shard.config_epoch).collect();
        assert_eq!(epochs.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "config epochs differ: {epochs:?}");
    }

    #[test]
    fn refused_commands_change_nothing() {
        let topology = cluster(3);
        let (one, two, stranger) = (node(1).id, node(2).id, node(9).id);
        let twin = Node { id: stranger, ..node(1) };
        for (command, error) in [
            (Command::AssignSlots { node: one, ranges: range(5, 5) }, TopologyError::SlotBusy(5)),
            (Command::AssignSlots { node: stranger, ranges: range(5, 5) }, TopologyError::UnknownNode(stranger)),
            (Command::UnassignSlots { node: one, ranges: vec![SlotRange::one(3); 2] }, TopologyError::SlotTwice(3)),
            (Command::UnassignSlots { node: one, ranges: range(16000, 16384) }, TopologyError::SlotRange),
            (Command::SplitSlots { nodes: vec![one, two] }, TopologyError::AlreadySplit),
            (Command::SetConfigEpoch { node: one, epoch: 9 }, TopologyError::EpochInCompany),
            (Command::UpdateNode { node: node(9) }, TopologyError::UnknownNode(stranger)),
            (Command::AddNode { node: twin, claims: vec![], config_epoch: 0 }, TopologyError::RaftIdTaken(stranger, one)),
            (Command::RemoveNode { node: stranger }, TopologyError::UnknownNode(stranger)),
        ] {
            let mut after = topology.clone();
            assert_eq!(after.apply(topology.index, &command), Err(error), "{command:?}");
            assert_eq!(after, topology, "{command:?}");
        }
    }

    #[test]
    fn what_was_done_holds() {
        let mut topology = cluster(2);
        let id = node(1).id;
        for command in [
            Command::AddNode { node: node(3), claims: vec![], config_epoch: 0 },
            Command::UpdateNode { node: Node { host: "10.9.9.9".into(), ..node(3) } },
            Command::UnassignSlots { node: id, ranges: range(0, 100) },
            Command::AssignSlots { node: node(3).id, ranges: range(0, 50) },
            Command::FlushSlots { node: node(3).id },
            Command::RemoveNode { node: node(3).id },
        ] {
            assert!(!topology.holds(&command), "{command:?}");
            topology.apply(10, &command).unwrap();
            assert!(topology.holds(&command), "{command:?}");
        }
    }

    #[test]
    fn a_newcomer_keeps_the_slots_that_nobody_has() {
        let mut topology = cluster(2);
        let freed = Command::UnassignSlots { node: node(1).id, ranges: range(10, 20) };
        topology.apply(10, &freed).unwrap();
        topology.apply(11, &Command::AddNode { node: node(3), claims: range(15, 30), config_epoch: 1 }).unwrap();
        assert_eq!(topology.slot_ranges(&node(3).shard), range(15, 20));
        assert_eq!(topology.config_epoch(&node(3).id), topology.epoch, "its epoch 1 was taken");
    }

    #[test]
    fn a_removed_node_frees_its_slots_and_others_keep_theirs() {
        let mut topology = cluster(3);
        topology.apply(10, &Command::RemoveNode { node: node(2).id }).unwrap();
        assert_eq!(topology.slot_ranges(&node(1).shard), range(0, 5460));
        assert_eq!(topology.slot_ranges(&node(3).shard), range(10923, 16383));
        assert!(topology.slot_owner(6000).is_none());
        assert!(topology.node(&node(2).id).is_none() && topology.is_removed(&node(2).id));
        topology.apply(11, &Command::AddNode { node: node(2), claims: vec![], config_epoch: 0 }).unwrap();
        assert!(!topology.is_removed(&node(2).id), "it was let in again");
    }

    #[test]
    fn a_changed_address_keeps_identity_and_slots() {
        let mut topology = cluster(3);
        let moved = Node { host: "10.9.9.9".into(), port: 7001, shard: node(3).shard, ..node(1) };
        topology.apply(10, &Command::AddNode { node: moved, claims: range(1, 1), config_epoch: 70 }).unwrap();
        let found = topology.node(&node(1).id).unwrap();
        assert_eq!((found.host.as_str(), found.port, found.shard), ("10.9.9.9", 7001, node(1).shard));
        assert_eq!(topology.slot_ranges(&node(1).shard), range(0, 5460));
    }

    #[test]
    fn an_address_for_clients_stays_when_the_node_moves() {
        let mut topology = cluster(2);
        let clients = ClientEndpoint { ipv4: "192.0.2.7".into(), ..ClientEndpoint::default() };
        let announce = |n| Command::AnnounceToClients { node: node(n).id, clients: clients.clone() };
        assert_eq!(topology.apply(10, &announce(9)), Err(TopologyError::UnknownNode(node(9).id)));
        topology.apply(10, &announce(1)).unwrap();
        assert!(topology.holds(&announce(1)) && !topology.holds(&announce(2)));
        let elsewhere = ClientEndpoint { port: 80, ..ClientEndpoint::default() };
        let moved = Node { host: "10.9.9.9".into(), clients: elsewhere.clone(), ..node(1) };
        topology.apply(11, &Command::UpdateNode { node: moved }).unwrap();
        let found = topology.node(&node(1).id).unwrap();
        assert_eq!((found.host.as_str(), found.clients.ipv4.as_str()), ("10.9.9.9", "192.0.2.7"));
        topology.apply(12, &Command::AddNode { node: Node { clients: elsewhere, ..node(3) }, claims: vec![], config_epoch: 0 }).unwrap();
        assert_eq!(topology.node(&node(3).id).unwrap().clients, ClientEndpoint::default(), "the log does not hold it");
    }

    #[test]
    fn epochs_of_a_node_alone() {
        let mut topology = Topology::default();
        let id = node(1).id;
        topology.apply(1, &Command::AddNode { node: node(1), claims: vec![], config_epoch: 0 }).unwrap();
        assert_eq!(topology.config_epoch(&id), 0);
        topology.apply(2, &Command::SetConfigEpoch { node: id, epoch: 3 }).unwrap();
        assert_eq!(topology.apply(3, &Command::SetConfigEpoch { node: id, epoch: 4 }), Err(TopologyError::EpochAlreadySet));
        assert_eq!(topology.apply(4, &Command::BumpEpoch { node: id }), Ok(Reply::Epoch { epoch: 3, bumped: false }));
        topology.apply(5, &Command::AddNode { node: node(2), claims: vec![], config_epoch: 5 }).unwrap();
        assert_eq!(topology.apply(6, &Command::BumpEpoch { node: id }), Ok(Reply::Epoch { epoch: 6, bumped: true }));
    }
}
