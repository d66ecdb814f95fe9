//! One process of a node.

use serde::{Deserialize, Serialize};

use super::NodeId;

/// One process of a node. A process that was restarted is another one: what the first had in memory it does not have, and what was promised to
/// the first it was not promised.
///
/// Persisted in logs and snapshots: fields are append-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The node.
    pub node: NodeId,
    /// Of a node's processes the later one has the greater number. Two copies of a node's folder make different ones, too.
    pub incarnation: u64,
}
