//! What CLUSTER SLOTS, SHARDS and LINKS tell, before it is encoded.

use super::{Node, NodeId, ShardId, Sightings, SlotRange, Topology};

/// One element of CLUSTER SLOTS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotsEntry<'a> {
    /// The slots.
    pub range: SlotRange,
    /// The primary, then the replicas that can serve reads.
    pub nodes: Vec<&'a Node>,
}

/// One element of CLUSTER SHARDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardEntry<'a> {
    /// The shard.
    pub id: ShardId,
    /// Its slots.
    pub ranges: Vec<SlotRange>,
    /// Its nodes, the primary first.
    pub nodes: Vec<ShardNode<'a>>,
}

/// A node in CLUSTER SHARDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardNode<'a> {
    /// The node.
    pub node: &'a Node,
    /// Primary or replica.
    pub role: Role,
    /// Its position in its shard's replication stream.
    pub replication_offset: u64,
    /// How it is.
    pub health: Health,
}

/// What a node is in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Accepts writes.
    Primary,
    /// Follows the primary.
    Replica,
}

impl Role {
    /// The word in CLUSTER SHARDS.
    pub fn word(self) -> &'static str {
        match self {
            Role::Primary => "master",
            Role::Replica => "replica",
        }
    }
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// In service.
    Online,
    /// Dead, as far as is known.
    Failed,
    /// A replica without data yet.
    Loading,
}

impl Health {
    /// The word in CLUSTER SHARDS.
    pub fn word(self) -> &'static str {
        match self {
            Health::Online => "online",
            Health::Failed => "fail",
            Health::Loading => "loading",
        }
    }
}

/// One element of CLUSTER LINKS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkDescription {
    /// Whether the peer opened it.
    pub inbound: bool,
    /// The peer.
    pub node: NodeId,
    /// When it was established, in milliseconds since 1970.
    pub created_unix_ms: i64,
    /// Bytes waiting to be sent.
    pub send_buffer_len: usize,
}

impl Topology {
    /// CLUSTER SLOTS: ranges in ascending order. Replicas that failed or have no data yet are left out.
    pub fn slots_entries(&self, sightings: &Sightings) -> Vec<SlotsEntry<'_>> {
        self.slots
            .ranges()
            .map(|(owner, range)| {
                let shard = &self.shards[usize::from(owner)];
                let replicas =
                    self.replicas(shard).filter(|node| !self.is_failed(&node.id) && sightings.get(&node.id).replication_offset != 0);
                SlotsEntry { range, nodes: self.node(&shard.primary).into_iter().chain(replicas).collect() }
            })
            .collect()
    }

    /// CLUSTER SHARDS: shards in the order in which they were founded.
    pub fn shard_entries(&self, sightings: &Sightings) -> Vec<ShardEntry<'_>> {
        self.shards
            .iter()
            .map(|shard| ShardEntry {
                id: shard.id,
                ranges: self.slot_ranges(&shard.id),
                nodes: self
                    .node(&shard.primary)
                    .into_iter()
                    .map(|node| (node, Role::Primary))
                    .chain(self.replicas(shard).map(|node| (node, Role::Replica)))
                    .map(|(node, role)| {
                        let replication_offset = sightings.get(&node.id).replication_offset;
                        let health = if self.is_failed(&node.id) {
                            Health::Failed
                        } else if role == Role::Replica && replication_offset == 0 {
                            Health::Loading
                        } else {
                            Health::Online
                        };
                        ShardNode { node, role, replication_offset, health }
                    })
                    .collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::View;
    use crate::topology::testing::{cluster, node};

    #[test]
    fn slots_and_shards_tell_the_same_story() {
        let topology = cluster(3).seen_from(View { has_quorum: true, failed: vec![node(2).id], ..View::default() });
        let sightings = Sightings::default();
        let slots: Vec<_> = topology.slots_entries(&sightings).iter().map(|entry| (entry.range, entry.nodes[0].id)).collect();
        let shards = topology.shard_entries(&sightings);
        let told: Vec<_> = shards.iter().flat_map(|shard| shard.ranges.iter().map(|range| (*range, shard.nodes[0].node.id))).collect();
        assert_eq!(slots, told);
        let health: Vec<_> = shards.iter().map(|shard| (shard.nodes[0].role.word(), shard.nodes[0].health.word())).collect();
        assert_eq!(health, [("master", "online"), ("master", "fail"), ("master", "online")]);
    }
}
