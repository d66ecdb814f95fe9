//! Why the group did not do what it was asked, as its callers see it.

use openraft::BasicNode;
use openraft::error::{ClientWriteError, RaftError};

use super::types::RaftId;

/// Why the group did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cluster) enum GroupError {
    /// Another member leads, or nobody.
    #[error("this node does not lead the group")]
    NotLeader { leader: Option<RaftId> },
    /// The group has ended, because the node stops or its disk failed.
    #[error("the Raft group has ended: {0}")]
    Ended(String),
    /// A membership change is under way, or makes no sense.
    #[error("{0}")]
    Membership(String),
    /// A message could not be read.
    #[error("{0}")]
    Message(String),
    /// Not all members know the command.
    #[error("{0}")]
    Unknown(String),
}

pub(super) fn ended(error: impl std::fmt::Display) -> GroupError {
    GroupError::Ended(error.to_string())
}

pub(super) fn refused(error: RaftError<RaftId, ClientWriteError<RaftId, BasicNode>>) -> GroupError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => GroupError::NotLeader { leader: forward.leader_id },
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => GroupError::Membership(error.to_string()),
        RaftError::Fatal(error) => ended(error),
    }
}
