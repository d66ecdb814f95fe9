//! The types that our Raft group is made of.

use std::io::Cursor;

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

use crate::topology::{Command, Reply, TopologyError};

/// A command as it stands in the log. A record of its own, since entries follow each other where they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Logged(#[serde(with = "codec::record")] pub(crate) Command);

/// What a log entry's command came to. Entries that carry no command came to [`Reply::Done`].
pub(crate) type Outcome = Result<Reply, TopologyError>;

/// A node inside the group: [`crate::topology::NodeId::raft_id`].
pub(crate) type RaftId = u64;

openraft::declare_raft_types!(
    /// Our choice of types for openraft.
    pub(crate) TypeConfig:
        D = Logged,
        R = Outcome,
        NodeId = RaftId,
        Node = openraft::BasicNode,
        SnapshotData = Cursor<Vec<u8>>,
);

pub(super) type Entry = openraft::Entry<TypeConfig>;
pub(super) type LogId = openraft::LogId<RaftId>;
pub(super) type Vote = openraft::Vote<RaftId>;
pub(super) type StorageError = openraft::StorageError<RaftId>;
pub(super) type StoredMembership = openraft::StoredMembership<RaftId, openraft::BasicNode>;
pub(super) type SnapshotMeta = openraft::SnapshotMeta<RaftId, openraft::BasicNode>;
pub(super) type Snapshot = openraft::Snapshot<TypeConfig>;
