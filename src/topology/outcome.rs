//! What a command comes to.

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

use super::TopologyError;

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
