//! The map as the rest of the node reads it: what Raft applied, seen from here.
//!
//! Invariant: the published map always contains this node. Before there is a map, or while one is replayed that does not know the node
//! yet, it is a map of the node alone, or the last one that knew it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::base::generation::Generation;
use crate::topology::{Command, Failing, Node, NodeId, Topology, View};

/// See the module's page.
pub(super) struct Publication {
    me: NodeId,
    shown: Arc<ArcSwap<Topology>>,
    /// Advances after each change of what is shown.
    changes: Arc<Generation>,
    state: Mutex<State>,
    /// Index of the last applied entry.
    applied: watch::Sender<u64>,
}

/// What a new map means for whoever reads the log.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    Up,
    Down(Failing),
    /// It was not up before: it forms, or waits for something else than before. Nothing got worse.
    NotYet(Failing),
}

impl Change {
    fn between(before: Option<Failing>, after: Option<Failing>) -> Change {
        match (before, after) {
            (before, after) if before == after => Change::None,
            (_, None) => Change::Up,
            (None, Some(why)) => Change::Down(why),
            (Some(_), Some(why)) => Change::NotYet(why),
        }
    }
}

struct State {
    /// What Raft applied last, whether or not it contains this node.
    applied: Topology,
    view: View,
}

impl Publication {
    /// Shows `alone` until Raft has something.
    pub(super) fn new(me: NodeId, alone: Topology, view: View) -> Self {
        let shown = Arc::new(ArcSwap::from_pointee(alone.seen_from(view.clone())));
        Publication {
            me,
            shown,
            changes: Arc::default(),
            state: Mutex::new(State { applied: Topology::default(), view }),
            applied: watch::channel(0).0,
        }
    }

    pub(super) fn shown(&self) -> &Arc<ArcSwap<Topology>> {
        &self.shown
    }

    pub(super) fn changes(&self) -> &Arc<Generation> {
        &self.changes
    }

    /// What Raft applied last.
    pub(super) fn applied(&self) -> Topology {
        self.state.lock().applied.clone()
    }

    /// Takes a new map from Raft.
    pub(super) fn map(&self, topology: &Topology) {
        let mut state = self.state.lock();
        state.applied = topology.clone();
        if topology.node(&self.me).is_some() {
            self.show(topology.clone().seen_from(state.view.clone()));
        }
        // Under the lock, so that the index never runs ahead of the map.
        self.applied.send_replace(topology.index);
    }

    /// Forgets what Raft applied: another group begins. What is shown stays until that one knows this node.
    pub(super) fn start_over(&self) {
        let mut state = self.state.lock();
        state.applied = Topology::default();
        self.applied.send_replace(0);
    }

    /// Shows another map than Raft's: the node alone.
    pub(super) fn show_alone(&self, alone: Topology) {
        let state = self.state.lock();
        self.show(alone.seen_from(state.view.clone()));
    }

    fn show(&self, topology: Topology) {
        let (before, after) = (self.shown.load().failing(), topology.failing());
        self.shown.store(Arc::new(topology));
        self.changes.advance();
        match Change::between(before, after) {
            Change::None => {}
            Change::Up => tracing::info!("Cluster state changed: ok"),
            Change::Down(why) => tracing::warn!("Cluster state changed: fail ({why})"),
            Change::NotYet(why) => tracing::info!("The cluster is not ok yet: {why}"),
        }
    }

    /// Changes how the map is seen. Nothing is published when nothing changed.
    pub(super) fn look(&self, change: impl FnOnce(&mut View)) {
        let mut state = self.state.lock();
        let mut view = state.view.clone();
        change(&mut view);
        if view == state.view {
            return;
        }
        state.view = view.clone();
        let seen = Topology::clone(&self.shown.load()).seen_from(view);
        self.show(seen);
    }

    /// Waits until the entry at `index` is applied here.
    pub(super) async fn wait_for(&self, index: u64) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as we do.
        let _ = applied.wait_for(|applied| *applied >= index).await;
    }
}

/// The map of a node that is on its own.
pub(super) fn alone(node: Node) -> Topology {
    let mut topology = Topology::default();
    let announced = Command::AnnounceToClients { node: node.id, clients: node.clients.clone() };
    for command in [Command::AddNode { node, claims: Vec::new(), config_epoch: 0 }, announced] {
        let applied = topology.apply(0, &command);
        assert!(applied.is_ok(), "an empty map takes any node");
    }
    topology
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_forms_does_not_fail() {
        let (no_quorum, not_covered) = (Some(Failing::NoQuorum), Some(Failing::NotFullCoverage));
        for (before, after, change) in [
            (no_quorum, not_covered, Change::NotYet(Failing::NotFullCoverage)),
            (not_covered, not_covered, Change::None),
            (not_covered, None, Change::Up),
            (None, None, Change::None),
            (None, no_quorum, Change::Down(Failing::NoQuorum)),
        ] {
            assert_eq!(Change::between(before, after), change);
        }
    }
}
