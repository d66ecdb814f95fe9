//! What one node sees: the map as it stands from where the node is. Never replicated.

use super::{Node, NodeId, Topology};

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

impl Topology {
    /// This map, seen with `view`. Cheap: slots are shared.
    #[must_use]
    pub fn seen_from(mut self, view: View) -> Self {
        debug_assert!(view.failed.is_sorted() && view.suspected.is_sorted());
        self.view = view;
        self.failing = self.judge();
        self
    }

    /// What [`Topology::seen_from`] was given.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Why the cluster is down for this node; `None` when it is up.
    #[inline]
    pub fn failing(&self) -> Option<Failing> {
        self.failing
    }

    /// Whether the node is held to be dead.
    pub fn is_failed(&self, id: &NodeId) -> bool {
        self.view.failed.binary_search(id).is_ok()
    }

    /// Whether the node has been silent for longer than is normal, but may live.
    pub fn is_suspected(&self, id: &NodeId) -> bool {
        self.view.suspected.binary_search(id).is_ok()
    }

    fn judge(&self) -> Option<Failing> {
        if !self.view.has_quorum {
            return Some(Failing::NoQuorum);
        }
        let assigned = self.slots.assigned();
        if assigned == 0 {
            return Some(Failing::NotFullCoverage);
        }
        let covered = assigned == usize::from(crate::base::slot::SLOTS) && self.primaries_with_slots().all(|node| self.is_covered(node));
        (self.view.require_full_coverage && !covered).then_some(Failing::NotFullCoverage)
    }

    /// True if the primary's slots are served, or will be as soon as one of its replicas takes over: one failure is no reason to refuse
    /// the slots of all others.
    fn is_covered(&self, primary: &Node) -> bool {
        let replicas = || self.shard_of(&primary.id).into_iter().flat_map(|shard| self.replicas(shard));
        !self.is_failed(&primary.id) || replicas().any(|replica| !self.is_failed(&replica.id))
    }

    /// Primaries that own slots, in the shards' order.
    pub(super) fn primaries_with_slots(&self) -> impl Iterator<Item = &Node> {
        let mut owns = vec![false; self.shards.len()];
        for (owner, _) in self.slots.ranges() {
            owns[usize::from(owner)] = true;
        }
        self.shards.iter().zip(owns).filter(|(_, owns)| *owns).filter_map(|(shard, _)| self.node(&shard.primary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::{cluster, node};
    use crate::topology::{Command, SlotRange};

    #[test]
    fn the_cluster_is_up_with_a_quorum_and_full_coverage() {
        let up = View { has_quorum: true, ..View::default() };
        let whole = cluster(3);
        let mut holed = whole.clone();
        holed.apply(9, &Command::UnassignSlots { node: node(1).id, ranges: vec![SlotRange::one(5)] }).unwrap();
        let failed = vec![node(2).id];
        let mut replicated = whole.clone();
        replicated.nodes.push(Node { shard: node(2).shard, ..node(9) });
        for (topology, view, failing) in [
            (&whole, up.clone(), None),
            (&whole, View { has_quorum: false, ..up.clone() }, Some(Failing::NoQuorum)),
            (&whole, View { failed: failed.clone(), ..up.clone() }, Some(Failing::NotFullCoverage)),
            (&whole, View { failed: failed.clone(), require_full_coverage: false, ..up.clone() }, None),
            (&replicated, View { failed: failed.clone(), ..up.clone() }, None),
            (&replicated, View { failed: vec![node(2).id, node(9).id], ..up.clone() }, Some(Failing::NotFullCoverage)),
            (&whole, View { suspected: failed, ..up.clone() }, None),
            (&holed, up.clone(), Some(Failing::NotFullCoverage)),
            (&holed, View { require_full_coverage: false, ..up.clone() }, None),
            (&Topology::default(), View { require_full_coverage: false, ..up }, Some(Failing::NotFullCoverage)),
        ] {
            assert_eq!(topology.clone().seen_from(view.clone()).failing(), failing, "{view:?}");
        }
    }
}
