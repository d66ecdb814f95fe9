//! A node of the cluster as an argument.

use crate::engine::error::CmdError;
use crate::topology::{Node, NodeId, Topology};

/// The node that an argument names.
pub(super) fn find_node<'t>(topology: &'t Topology, arg: &[u8]) -> Result<&'t Node, CmdError> {
    let id = std::str::from_utf8(arg).ok().and_then(|id| id.parse::<NodeId>().ok());
    let node = id.and_then(|id| topology.node(&id));
    node.ok_or_else(|| CmdError::naming("Unknown node {}", arg))
}
