//! What every part of the core looks at, and none of them changes.

use super::liveness::Liveness;
use super::types::{Config, Map, Membership, Process, RaftReport};
use crate::topology::NodeId;

/// A node's view of its cluster at one moment.
pub(super) struct View<'a> {
    pub(super) now_ms: u64,
    pub(super) me: Process,
    pub(super) config: &'a Config,
    pub(super) map: &'a Map,
    pub(super) membership: &'a Membership,
    /// When the membership changed last, by this process's clock; when it started, if it did not.
    pub(super) membership_since_ms: u64,
    pub(super) raft: &'a RaftReport,
    pub(super) live: &'a Liveness,
    /// The epoch that this node stopped following as a replica.
    pub(super) stopped: u64,
}

impl View<'_> {
    /// Whether the process is dead. This one is not.
    pub(super) fn is_dead(&self, process: Process) -> bool {
        process != self.me && (process.node == self.me.node || self.live.is_dead(process, self.now_ms, self.config.failure_ms))
    }

    /// Whether no process of the node is alive.
    pub(super) fn is_node_dead(&self, node: NodeId) -> bool {
        node != self.me.node && self.live.is_node_dead(node, self.now_ms, self.config.failure_ms)
    }

    /// The node's latest process.
    pub(super) fn process(&self, node: NodeId) -> Option<Process> {
        if node == self.me.node { Some(self.me) } else { self.live.process(node) }
    }

    /// Whether this node leads as far as Raft knows, and a majority of the voters is heard.
    pub(super) fn raft_leads(&self) -> bool {
        let is_fresh = |voter: &NodeId| *voter == self.me.node || self.live.is_fresh(*voter, self.now_ms);
        self.raft.leader == Some(self.me.node) && self.membership.is_quorum(is_fresh)
    }

    /// The same, and it knows all that was decided before its term: what it decides can be committed.
    pub(super) fn leads(&self) -> bool {
        self.raft.leads && self.raft_leads()
    }
}
