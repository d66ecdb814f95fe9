//! What a node remembers of itself across restarts.
//!
//! Persisted: variants and fields are append-only, and what may get more fields is a record ([`larder_proto::bus::codec`]).

use larder_proto::bus::{Announcement, Founding, Standing, codec};
use serde::{Deserialize, Serialize};

use crate::topology::{ClusterId, NodeId, ShardId, SlotRange};

/// Who the node is. Written once, at its first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeRecord {
    /// Its id.
    pub id: NodeId,
    /// The shard it founds when it joins as a primary.
    pub shard: ShardId,
}

/// Where the node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandingRecord {
    /// Highest founding ballot it has promised. Never sinks, whatever else changes.
    pub ballot: u64,
    /// The rest.
    #[serde(with = "codec::record")]
    pub stage: Stage,
}

/// A node's way into a cluster: `Blank`, perhaps `Promised`, perhaps `Joining`, at last `Member`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Part of nothing.
    Blank,
    /// It will found this cluster with others, and no other below its ballot.
    Promised(Founding),
    /// It waits to be let in.
    Joining(Joining),
    /// It takes part in the cluster's Raft group, or is about to create it.
    Member {
        /// The cluster.
        cluster: ClusterId,
        /// How it was founded, for those who were there: the founder repeats the first step from it after a crash, and the others know
        /// whom to talk to before they have a log.
        #[serde(with = "codec::optional")]
        founding: Option<Founding>,
        /// What the node brought along when it joined, until the map has it.
        #[serde(with = "codec::optional")]
        joined: Option<Joining>,
    },
}

/// A cluster that a node waits to be let into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joining {
    /// The cluster.
    pub cluster: ClusterId,
    /// Members to ask.
    #[serde(with = "codec::records")]
    pub members: Vec<Announcement>,
    /// Slots that the node brings along.
    pub claims: Vec<SlotRange>,
    /// Config epoch that it brings along.
    pub config_epoch: u64,
}

impl StandingRecord {
    /// A node that waits for others.
    pub(super) fn blank() -> Self {
        StandingRecord { ballot: 0, stage: Stage::Blank }
    }

    /// The founder and only member of a cluster.
    pub(super) fn alone(cluster: ClusterId, me: Announcement) -> Self {
        let founding = Founding { ballot: 0, founder: me.node, cluster: cluster.0, members: vec![me] };
        StandingRecord { ballot: 0, stage: Stage::Member { cluster, founding: Some(founding), joined: None } }
    }

    /// The cluster whose Raft messages the node accepts.
    pub(super) fn cluster(&self) -> Option<ClusterId> {
        match &self.stage {
            Stage::Blank => None,
            Stage::Promised(founding) => Some(ClusterId(founding.cluster)),
            Stage::Joining(joining) => Some(joining.cluster),
            Stage::Member { cluster, .. } => Some(*cluster),
        }
    }

    /// Whether the node takes part in its cluster's Raft group.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.stage, Stage::Member { .. })
    }

    /// Nodes that the record names: whom to talk to before there is a map.
    pub(super) fn named(&self) -> &[Announcement] {
        match &self.stage {
            Stage::Promised(founding) | Stage::Member { founding: Some(founding), .. } => &founding.members,
            Stage::Joining(joining) | Stage::Member { joined: Some(joining), .. } => &joining.members,
            Stage::Blank | Stage::Member { .. } => &[],
        }
    }

    /// As told to others. `nodes`: members as far as known. A promise that its founder let lie no longer binds (`stale`).
    pub(super) fn told(&self, nodes: u32, stale: bool) -> Standing {
        match &self.stage {
            Stage::Promised(_) if stale => Standing::Blank,
            Stage::Blank => Standing::Blank,
            Stage::Promised(founding) => Standing::Promised { cluster: founding.cluster },
            Stage::Joining(joining) => Standing::Joining { cluster: joining.cluster.0 },
            Stage::Member { cluster, .. } => Standing::Member { cluster: cluster.0, nodes },
        }
    }
}
