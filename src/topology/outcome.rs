//! What a command comes to.

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

use super::{NodeId, ShardId};

/// What a command answers. Crosses the bus: append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done.
    Done,
    /// To [`super::Command::BumpEpoch`].
    Epoch {
        /// The node's config epoch now.
        epoch: u64,
        /// Whether it is new.
        bumped: bool,
    },
    /// To [`super::Command::Batch`]: what each came to.
    Batch(#[serde(with = "codec::flat")] Vec<Result<Reply, TopologyError>>),
}

/// Why a command changed nothing. Texts are Valkey's where it has the case.
///
/// Crosses the bus as the outcome of a forwarded proposal: append-only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TopologyError {
    /// The id is not in the map.
    #[error("Unknown node {0}")]
    UnknownNode(NodeId),
    /// ADDSLOTS of an owned slot.
    #[error("Slot {0} is already busy")]
    SlotBusy(u16),
    /// DELSLOTS of a slot without owner.
    #[error("Slot {0} is already unassigned")]
    SlotUnassigned(u16),
    /// A slot stands twice in one command.
    #[error("Slot {0} specified multiple times")]
    SlotTwice(u16),
    /// A range is reversed or ends beyond the last slot.
    #[error("Invalid or out of range slot")]
    SlotRange,
    /// Slots belong to primaries.
    #[error("Node {0} is not a primary")]
    NotPrimary(NodeId),
    /// Two nodes must not share an identity inside the Raft group.
    #[error("Node {0} cannot be told apart from {1}: give one of them a new id")]
    RaftIdTaken(NodeId, NodeId),
    /// A shard id that another primary has.
    #[error("Shard {0} exists already")]
    ShardTaken(ShardId),
    /// A primary with replicas cannot leave.
    #[error("Node {0} still has replicas")]
    HasReplicas(NodeId),
    /// Splitting slots is for clusters without any.
    #[error("Slots are assigned already")]
    AlreadySplit,
    /// There is nobody to give slots to.
    #[error("There is no primary to give slots to")]
    NobodyToServe,
    /// SET-CONFIG-EPOCH in company.
    #[error("The user can assign a config epoch only when the node does not know any other node.")]
    EpochInCompany,
    /// SET-CONFIG-EPOCH a second time.
    #[error("Node config epoch is already non-zero")]
    EpochAlreadySet,
    /// The shard is not in the map.
    #[error("Unknown shard {0}")]
    UnknownShard(ShardId),
    /// The shard is not as the proposer saw it.
    #[error("Shard {0} has changed meanwhile")]
    ShardChanged(ShardId),
    /// The process may not have all that was acknowledged, or cannot be in the set of those that have.
    #[error("Node {0} is not an in-sync replica")]
    NotInSync(NodeId),
    /// The node belongs to another shard.
    #[error("Node {0} does not belong to shard {1}")]
    NotOfShard(NodeId, ShardId),
    /// The process is over.
    #[error("A later process of node {0} is known")]
    LaterProcess(NodeId),
    /// Only a node that is new takes the place of another.
    #[error("Node {0} is part of the cluster already")]
    NodeTaken(NodeId),
    /// A primary cannot follow itself.
    #[error("Can't replicate myself")]
    OwnReplica(NodeId),
    /// A primary with slots cannot become a replica.
    #[error("To set a master the node must be empty and without assigned slots.")]
    OwnsSlots(NodeId),
    /// There are no batches in a batch.
    #[error("A batch cannot be part of another")]
    BatchInBatch,
    /// The node cannot read what is in the log.
    #[error("Node {0} runs a version that does not know what the cluster has agreed on: update it first")]
    Outdated(NodeId),
}
