//! What a member keeps in order: its own entry in the map; and, while it leads, the group's voters and the first distribution of slots.
//!
//! Everything here is repeated until the map shows it done, so a crash or a lost leadership in between costs nothing but time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::control::Control;
use super::options::{ARRANGE_EVERY, SEEK_EVERY};
use super::raft::{Group, GroupError, Members, RaftId};
use super::record::Stage;
use super::recover::Recovery;
use super::timing;
use super::voters::Voters;
use crate::base::clock;
use crate::topology::{Command, Node, NodeId, Topology, TopologyError};

/// Between two looks at a group that is about to work.
const SETTLE_EVERY: Duration = Duration::from_millis(5);

/// Keeps order until the task is aborted.
pub(super) async fn arrange(control: Arc<Control>) {
    let mut recovery = Recovery::default();
    let mut voters = Voters::default();
    loop {
        let Some(group) = control.group() else {
            timing::sleep(SEEK_EVERY).await;
            continue;
        };
        if let Some(why) = group.failure() {
            drop(group);
            if !take_part_again(&control, &mut recovery, &why).await {
                return;
            }
            continue;
        }
        if group.leader().is_some() {
            enter_self(&control).await;
            if group.is_leader() {
                lead(&control, &group, &mut voters).await;
            }
        }
        timing::sleep(ARRANGE_EVERY).await;
    }
}

/// Starts the group again, which ended for `why`. `false`: the node has given up.
async fn take_part_again(control: &Control, recovery: &mut Recovery, why: &str) -> bool {
    recovery.begin(why, control.store.lacks_space(), clock::monotonic_ms());
    loop {
        timing::sleep(recovery.pause).await;
        match control.restart_group().await {
            Ok(()) => {
                recovery.succeeded(clock::monotonic_ms());
                return true;
            }
            Err(error) if !recovery.failed(control.store.lacks_space()) => {
                control.given_up.send_replace(Some(format!("The cluster's file cannot be used any more: {error}")));
                return false;
            }
            Err(_) => {}
        }
    }
}

/// Waits until the group of a node that is on its own works, so that the first command finds it working.
pub(super) async fn settle_alone(control: &Control) {
    while let Some(group) = control.group() {
        // No members at all: the group has not read its log yet.
        if group.members().len() > 1 || control.publication.applied().node(&control.me()).is_some() {
            return;
        }
        if group.is_leader() {
            enter_self(control).await;
        }
        timing::sleep(SETTLE_EVERY).await;
    }
}

/// Sees to it that the map contains this node as it is reached now.
async fn enter_self(control: &Control) {
    let me = control.node();
    let topology = control.publication.applied();
    let command = match topology.node(&me.id) {
        None if topology.is_removed(&me.id) => return,
        None => {
            let (claims, config_epoch) = match control.standing().stage {
                Stage::Member { joined: Some(joined), .. } => (joined.claims, joined.config_epoch),
                _ => (Vec::new(), 0),
            };
            Command::AddNode { node: me, claims, config_epoch }
        }
        Some(entered) if is_moved(entered, &me) => Command::UpdateNode { node: me },
        Some(entered) if entered.clients != me.clients => Command::AnnounceToClients { node: me.id, clients: me.clients },
        Some(entered) if entered.incarnation != control.process().incarnation => {
            let started = Command::Started { process: control.process(), name: control.options.node_name.clone() };
            // Nodes of an earlier version do without.
            if control.knows(&started).is_err() {
                return;
            }
            started
        }
        _ => return,
    };
    match control.propose(command).await {
        Ok(Ok(_)) => {}
        Ok(Err(TopologyError::LaterProcess(_))) => {
            let why = "The cluster knows a later process of this node: its folder was copied, or restored from a copy. Start it with an empty one";
            control.given_up.send_replace(Some(why.to_owned()));
        }
        Ok(Err(error)) => tracing::error!("cluster: this node cannot enter the map: {error}"),
        Err(error) => tracing::debug!("cluster: entering the map: {error}"),
    }
}

/// Whether the entry differs from how the node announces itself to nodes. Not knowing one's own address is no reason to erase it.
fn is_moved(entered: &Node, announced: &Node) -> bool {
    let announced = Node {
        shard: entered.shard,
        clients: entered.clients.clone(),
        incarnation: entered.incarnation,
        name: entered.name.clone(),
        ..announced.clone()
    };
    !announced.host.is_empty() && *entered != announced
}

async fn lead(control: &Arc<Control>, group: &Arc<Group>, voters: &mut Voters) {
    let topology = control.publication.shown().load_full();
    control.peers.hear_map(&topology);
    if control.options.autopilot && topology.slots().assigned() == 0 && topology.nodes().len() >= control.options.size {
        let nodes = choose_primaries(&topology, control.options.primaries());
        match group.propose(Command::SplitSlots { nodes }).await {
            Ok((_, Ok(_))) => tracing::info!("Slots are split among {} primaries", control.options.primaries()),
            Ok((_, Err(error))) => tracing::warn!("cluster: slots cannot be split: {error}"),
            Err(error) => tracing::debug!("cluster: splitting slots: {error}"),
        }
    }
    let members = group.members();
    if !members.is_committed {
        return;
    }
    if let Some(incoming) = members.incoming {
        // Whoever began the change led no longer before it ended. Until then a majority of two sets is needed.
        if let Err(error) = group.set_voters(incoming).await {
            tracing::debug!("cluster: ending a change of voters: {error}");
        }
        return;
    }
    if let Err(error) = dismiss_removed(control, group, &members).await {
        tracing::debug!("cluster: dismissing a node: {error}");
        return;
    }
    let chosen = voters.choose(group.term(), &members, &topology, &group.lags(), clock::monotonic_ms());
    if chosen != members.voters
        && let Err(error) = group.set_voters(chosen).await
    {
        tracing::debug!("cluster: changing voters: {error}");
    }
}

/// Takes nodes that left the map out of the group. The map still shows this node, whatever was removed: it is asked as applied.
async fn dismiss_removed(control: &Control, group: &Group, members: &Members) -> Result<(), GroupError> {
    let applied = control.publication.applied();
    let is_removed = |id: &RaftId| applied.removed().iter().any(|removed| removed.raft_id() == *id);
    let (leaving, mut staying): (BTreeSet<_>, BTreeSet<_>) = members.voters.iter().partition(|id| is_removed(id));
    let learners: BTreeSet<_> = members.learners.iter().copied().filter(|id| is_removed(id)).collect();
    if !learners.is_empty() {
        for removed in applied.removed() {
            control.peers.forget(removed);
        }
        group.remove(learners).await?;
    }
    if leaving.is_empty() {
        return Ok(());
    }
    if staying.is_empty() {
        // The only voter leaves: somebody else has to decide from now on.
        staying.extend(applied.nodes().iter().map(|node| node.raft_id).find(|id| members.learners.contains(id)));
        if staying.is_empty() {
            return Ok(());
        }
    }
    // It becomes a learner first and is removed with the learners the next time. A leader that removes itself hands over by this.
    group.set_voters(staying).await
}

/// The primaries of a new cluster: the smallest ids, zone by zone, so that neighbouring parts of the slots lie in different zones.
fn choose_primaries(topology: &Topology, count: usize) -> Vec<NodeId> {
    let mut zones: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for node in topology.nodes() {
        zones.entry(node.zone.as_str()).or_default().push(node.id);
    }
    let longest = zones.values().map(Vec::len).max().unwrap_or(0);
    let by_turns = (0..longest).flat_map(|turn| zones.values().filter_map(move |nodes| nodes.get(turn)));
    by_turns.take(count).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::node;

    #[test]
    fn primaries_alternate_between_zones() {
        let mut topology = Topology::default();
        for (n, zone) in [(1, "a"), (2, "a"), (3, "b"), (4, "c"), (5, "c"), (6, "b")] {
            let node = Node { zone: zone.to_owned(), ..node(n) };
            topology.apply(u64::from(n), &Command::AddNode { node, claims: vec![], config_epoch: 0 }).unwrap();
        }
        assert_eq!(choose_primaries(&topology, 4), [1, 3, 4, 2].map(|n| node(n).id));
    }

    #[test]
    fn an_unknown_own_address_erases_nothing() {
        let entered = node(1);
        for (announced, moved) in [
            (node(1), false),
            (Node { host: String::new(), ..node(1) }, false),
            (Node { host: "10.9.9.9".to_owned(), ..node(1) }, true),
            (Node { zone: "b".to_owned(), shard: node(2).shard, ..node(1) }, true),
        ] {
            assert_eq!(is_moved(&entered, &announced), moved, "{announced:?}");
        }
    }
}
