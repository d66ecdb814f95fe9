//! What one node sees besides the map: who is reachable, and its own options. Never replicated.

use super::NodeId;

/// The node's own circumstances and options that decide whether the cluster is up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The node is in touch with a leader that is in touch with a majority.
    pub has_quorum: bool,
    /// `cluster-require-full-coverage`.
    pub require_full_coverage: bool,
    /// `cluster-allow-reads-when-down`.
    pub allow_reads_when_down: bool,
    /// `cluster-allow-pubsubshard-when-down`.
    pub allow_pubsubshard_when_down: bool,
    /// Nodes not heard of for longer than is normal (Valkey's `fail?`), sorted.
    pub suspected: Vec<NodeId>,
    /// Nodes not heard of for the node timeout (Valkey's `fail`), sorted.
    pub failed: Vec<NodeId>,
}

impl Default for View {
    fn default() -> Self {
        View {
            has_quorum: false,
            require_full_coverage: true,
            allow_reads_when_down: false,
            allow_pubsubshard_when_down: true,
            suspected: Vec::new(),
            failed: Vec::new(),
        }
    }
}

/// Why the cluster is down (`cluster_state:fail`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// No majority within reach: what this node knows may be overtaken.
    NoQuorum,
    /// A slot without an owner or with a failed one, and full coverage is required. Also when no slot has an owner at all.
    NotFullCoverage,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Failing::NoQuorum => "no majority of the cluster is within reach",
            Failing::NotFullCoverage => "at least one hash slot is not served by any available node",
        })
    }
}
