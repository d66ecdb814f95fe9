//! The cluster map (rank 1): which nodes and shards there are and who owns which slot. Pure: no clock, no sockets, no Raft.
//!
//! A [`Topology`] is an immutable value. The control plane applies committed [`Command`]s to it, in the log's order, and publishes the
//! result; everything else only reads. The node's own view (who is reachable, is there a quorum) is laid over it with
//! [`Topology::seen_from`] and never replicated.
//!
//! Invariants, checked after every command in debug builds:
//! * nodes are sorted by id, and every node belongs to a shard;
//! * every shard has a primary, which is one of its nodes;
//! * a slot has at most one owner, and the owner is a shard of this topology;
//! * applying a command either changes the map as a whole or returns an error and changes nothing but the index and the level, and depends on
//!   nothing but the map and the command (of a batch that holds for each of its commands);
//! * a shard's epoch and the version of its in-sync set only grow, and its in-sync set names processes of its replicas only.

mod apply;
mod client_view;
mod command;
mod ids;
mod outcome;
mod process;
mod replicas;
mod replies;
mod route;
mod seen_from;
mod shard_command;
mod slots;
mod stored;
mod text;
mod view;

pub use client_view::{ClientEndpoint, ClientView};
pub use command::Command;
pub use ids::{ClusterId, Id, IdError, NodeId, ShardId};
pub use outcome::{Reply, TopologyError};
pub use process::Process;
pub use replies::{Health, LinkDescription, Role, ShardEntry, ShardNode, SlotsEntry};
pub use route::{Access, DownReason, PreferredEndpoint, Route};
pub use shard_command::{ShardChange, ShardCommand};
pub use slots::{SlotMap, SlotRange};
pub use text::{BusCounters, Sighting, Sightings};
pub use view::{Failing, View};

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

/// A node of the cluster, as everybody knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Identity for life.
    pub id: NodeId,
    /// Identity inside the Raft group: see [`NodeId::raft_id`].
    pub raft_id: u64,
    /// Address that is announced to clients and nodes.
    pub host: String,
    /// Host name for clients that prefer one; empty if there is none.
    pub hostname: String,
    /// Client port without TLS; 0 if there is none.
    pub port: u16,
    /// Port of the bus.
    pub bus_port: u16,
    /// Client port with TLS; 0 if there is none.
    pub tls_port: u16,
    /// Availability zone; empty if unknown.
    pub zone: String,
    /// The shard it belongs to.
    pub shard: ShardId,
    /// Where only clients are sent. Comes by [`Command::AnnounceToClients`] alone.
    #[serde(with = "codec::since_2")]
    pub clients: ClientEndpoint,
    /// Its capability level ([`larder_proto::bus::LEVEL`]), as it told when it entered itself.
    #[serde(with = "codec::since_2")]
    pub level: u16,
    /// Its latest process ([`Process`]). Comes by [`Command::Started`] and by what promotes that process alone; 0 before.
    #[serde(with = "codec::since_2")]
    pub incarnation: u64,
    /// Its name (`cluster-node-name`), as its latest process told: empty if it has none. Comes by [`Command::Started`] alone.
    #[serde(with = "codec::since_2")]
    pub name: String,
}

impl Node {
    /// The node's latest process.
    pub fn process(&self) -> Process {
        Process { node: self.id, incarnation: self.incarnation }
    }

    /// The address that such a client is told.
    pub fn client_host(&self, view: ClientView) -> &str {
        self.clients.host(view).unwrap_or(&self.host)
    }

    /// The port that such a client is told: TLS clients hear of TLS ports.
    pub fn client_port(&self, view: ClientView) -> u16 {
        self.clients.port(view).unwrap_or(if view.tls { self.tls_port } else { self.port })
    }
}

/// One primary and its replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Identity for life; survives the change of its primary.
    pub id: ShardId,
    /// The node that accepts writes.
    pub primary: NodeId,
    /// Version of the shard's claim to its slots; grows when the primary changes. 0 until first set.
    pub config_epoch: u64,
    /// Counts who may write: each change of the primary, and each process of it that begins anew. 0 as long as no process was named. Unlike the
    /// config epoch it is nobody's to choose.
    #[serde(with = "codec::since_2")]
    pub epoch: u64,
    /// The primary's process that may write in this epoch, and no later one of its node. 0: none yet.
    #[serde(with = "codec::since_2")]
    pub incarnation: u64,
    /// The processes of replicas that have all that was acknowledged, sorted.
    #[serde(with = "codec::records_since_2")]
    pub in_sync: Vec<Process>,
    /// Counts the changes of `in_sync`.
    #[serde(with = "codec::since_2")]
    pub in_sync_version: u64,
}

impl Shard {
    /// The process that may write.
    pub fn writer(&self) -> Process {
        Process { node: self.primary, incarnation: self.incarnation }
    }
}

/// The cluster map.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Topology {
    /// Index of the log entry that was applied last.
    pub index: u64,
    /// Highest epoch that was ever used (Valkey's `currentEpoch`).
    pub epoch: u64,
    #[serde(with = "codec::records")]
    nodes: Vec<Node>,
    #[serde(with = "codec::records")]
    shards: Vec<Shard>,
    slots: SlotMap,
    /// Nodes that left for good and did not come back, oldest first: so that one that is still alive does not enter itself again.
    removed: Vec<NodeId>,
    /// The highest level ([`Command::level`]) of any command in the log: nodes below it cannot read that, and are not let in.
    #[serde(with = "codec::since_2")]
    level: u16,
    #[serde(skip)]
    view: View,
    /// Derived from the map and the view; `None` when the cluster is up.
    #[serde(skip)]
    failing: Option<Failing>,
}

impl Topology {
    /// All nodes, sorted by id.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All shards, in the order in which they were founded.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Whether the node left for good (CLUSTER FORGET) and did not join again.
    pub fn is_removed(&self, id: &NodeId) -> bool {
        self.removed.contains(id)
    }

    /// The nodes of which [`Topology::is_removed`] is true, as far as they are remembered, oldest first.
    pub fn removed(&self) -> &[NodeId] {
        &self.removed
    }

    /// The capability level that a node needs to read the log.
    pub fn level(&self) -> u16 {
        self.level
    }

    /// Slot owners.
    pub fn slots(&self) -> &SlotMap {
        &self.slots
    }

    /// The node with this id.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| node.id.cmp(id)).ok()?;
        Some(&self.nodes[at])
    }

    /// The node with this id inside the Raft group.
    pub fn node_by_raft_id(&self, raft_id: u64) -> Option<&Node> {
        self.nodes.iter().find(|node| node.raft_id == raft_id)
    }

    /// The shard with this id.
    pub fn shard(&self, id: &ShardId) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == *id)
    }

    /// The shard of a node.
    pub fn shard_of(&self, id: &NodeId) -> Option<&Shard> {
        self.shard(&self.node(id)?.shard)
    }

    /// Whether the node is its shard's primary.
    pub fn is_primary(&self, id: &NodeId) -> bool {
        self.shard_of(id).is_some_and(|shard| shard.primary == *id)
    }

    /// The nodes that follow this shard's primary, sorted by id.
    pub fn replicas(&self, shard: &Shard) -> impl Iterator<Item = &Node> {
        let (id, primary) = (shard.id, shard.primary);
        self.nodes.iter().filter(move |node| node.shard == id && node.id != primary)
    }

    /// The shard that owns the slot.
    pub fn slot_owner(&self, slot: u16) -> Option<&Shard> {
        self.slots.owner(slot).map(|shard| &self.shards[usize::from(shard)])
    }

    /// The slots of a shard, as inclusive ranges in ascending order.
    pub fn slot_ranges(&self, shard: &ShardId) -> Vec<SlotRange> {
        match self.shard_position(shard) {
            Some(at) => self.slots.ranges().filter(|(owner, _)| *owner == at).map(|(_, range)| range).collect(),
            None => Vec::new(),
        }
    }

    /// How many slots a shard owns.
    pub fn slot_count(&self, shard: &ShardId) -> usize {
        self.slot_ranges(shard).iter().map(|range| range.len()).sum()
    }

    /// The config epoch that a node shows: its shard's.
    pub fn config_epoch(&self, id: &NodeId) -> u64 {
        self.shard_of(id).map_or(0, |shard| shard.config_epoch)
    }

    fn shard_position(&self, id: &ShardId) -> Option<u16> {
        self.shards.iter().position(|shard| shard.id == *id).map(|at| at as u16)
    }

    /// Panics if one of the module's invariants does not hold.
    fn check(&self) {
        assert!(self.nodes.is_sorted_by(|a, b| a.id < b.id), "nodes are sorted and unique");
        for node in &self.nodes {
            assert!(self.shard(&node.shard).is_some(), "node {} has no shard", node.id);
        }
        for shard in &self.shards {
            assert!(self.node(&shard.primary).is_some_and(|node| node.shard == shard.id), "shard {} has no primary", shard.id);
            assert!(shard.config_epoch <= self.epoch, "shard {} is ahead of the epoch", shard.id);
            assert!(shard.in_sync.is_sorted_by(|a, b| a < b), "the in-sync set of shard {} is sorted and unique", shard.id);
            let is_replica = |node: &NodeId| *node != shard.primary && self.node(node).is_some_and(|node| node.shard == shard.id);
            assert!(shard.in_sync.iter().all(|process| is_replica(&process.node)), "shard {} has replicas of others", shard.id);
        }
        assert!(self.slots.owners_below(self.shards.len()), "a slot's owner is a shard");
    }
}

#[cfg(test)]
pub(crate) mod testing;
