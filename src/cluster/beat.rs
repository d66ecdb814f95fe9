//! What every node does all the time: heartbeats to the leader, introductions to everybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use larder_proto::bus::{Announcement, Heartbeat, Id, Introduction, Refusal, Request, Response};

use super::control::Control;
use super::founding::Around;
use super::options::{CALL_TIMEOUT, HEARTBEAT_EVERY, INTRODUCE_EVERY_BEATS};
use super::pulse::Missed;
use super::raft::{Group, GroupError};
use super::timing;
use crate::base::clock;
use crate::topology::NodeId;

/// Heartbeats, until the task is aborted.
pub(super) async fn heartbeats(control: Arc<Control>) {
    loop {
        match control.group() {
            None => control.publication.look(|view| view.has_quorum = false),
            // It hears of no change any more.
            Some(group) if group.failure().is_some() => control.publication.look(|view| view.has_quorum = false),
            Some(group) if group.is_leader() => lead(&control, &group),
            Some(group) => follow(&control, &group),
        }
        timing::sleep(HEARTBEAT_EVERY).await;
    }
}

fn lead(control: &Control, group: &Group) {
    let now_ms = clock::monotonic_ms();
    let timeout_ms = control.node_timeout_ms();
    let nodes: Vec<_> = control.publication.applied().nodes().iter().map(|node| node.id).collect();
    let voters: Vec<_> = group.members().voters.into_iter().filter_map(|voter| control.node_id(voter)).collect();
    let (missed, has_majority) = {
        let mut pulse = control.pulse.lock();
        let (missed, has_majority) = pulse.lead(group.term(), control.me(), &nodes, &voters, now_ms, timeout_ms);
        pulse.missed = missed.clone();
        if has_majority {
            pulse.confirm(now_ms);
        }
        (missed, has_majority)
    };
    show(control, has_majority, missed);
}

fn follow(control: &Arc<Control>, group: &Arc<Group>) {
    if let Some(leader) = group.leader().and_then(|leader| control.node_id(leader)) {
        // Beside the loop: a leader that hangs must not keep us from noticing that it does.
        tokio::spawn(beat(Arc::clone(control), Arc::clone(group), leader));
    }
    settle(control, group);
}

async fn beat(control: Arc<Control>, group: Arc<Group>, leader: NodeId) {
    let sent_ms = clock::monotonic_ms();
    let applied_index = group.applied_index().unwrap_or(0);
    let heartbeat = Heartbeat { cluster: group.cluster.0, node: control.me().0, applied_index };
    let answer = control.peers.ask(leader, Request::Heartbeat(heartbeat), CALL_TIMEOUT).await;
    if let Ok(Response::Heartbeat { applied_index, suspected, failed }) = answer {
        let missed = Missed { suspected: suspected.into_iter().map(NodeId).collect(), failed: failed.into_iter().map(NodeId).collect() };
        control.pulse.lock().answered(sent_ms, applied_index, missed);
        settle(&control, &group);
    }
}

fn settle(control: &Control, group: &Group) {
    let (has_quorum, missed) = {
        let mut pulse = control.pulse.lock();
        let applied = group.applied_index().unwrap_or(0);
        let has_quorum = pulse.has_quorum(applied, clock::monotonic_ms(), control.node_timeout_ms());
        (has_quorum, pulse.missed.clone())
    };
    show(control, has_quorum, missed);
}

fn show(control: &Control, has_quorum: bool, missed: Missed) {
    control.publication.look(|view| {
        view.has_quorum = has_quorum;
        view.suspected = missed.suspected;
        view.failed = missed.failed;
    });
}

/// Introductions of a member, until the task is aborted. A node without a cluster introduces itself when it looks for one.
pub(super) async fn introductions(control: Arc<Control>) {
    let mut has_withdrawn = false;
    for beat in 0_u32.. {
        let is_everybodys_turn = beat % INTRODUCE_EVERY_BEATS == 0;
        let withdraws = control.is_out_of_service();
        let is_first_withdrawal = withdraws && !has_withdrawn;
        has_withdrawn = withdraws;
        if withdraws {
            if is_everybodys_turn || is_first_withdrawal {
                withdraw(&control);
            }
        } else if control.standing().is_member() {
            for node in control.publication.applied().nodes().iter().filter(|node| node.id != control.me()) {
                // Who just came is greeted at once.
                if is_everybodys_turn || !control.sightings.lock().0.contains_key(&node.id) {
                    control.peers.hear([super::peers::announcement_of(node)]);
                    tokio::spawn(greet(Arc::clone(&control), node.id));
                }
            }
            if is_everybodys_turn && control.options.autopilot && is_cut_off(&control) {
                // Everybody may have moved: only the seeds' names still lead to somebody.
                let _ = ask_around(&control, CALL_TIMEOUT).await;
            }
        }
        timing::sleep(HEARTBEAT_EVERY).await;
    }
}

/// Tells everybody that this node takes no part, so that nobody has to conclude it from its silence.
fn withdraw(control: &Arc<Control>) {
    let Some(cluster) = control.standing().cluster() else {
        return;
    };
    for node in control.publication.applied().nodes().iter().map(|node| node.id).filter(|node| *node != control.me()) {
        let control = Arc::clone(control);
        tokio::spawn(async move {
            // Who does not hear it misses this node's heartbeats.
            let _ = control.peers.ask(node, Request::Withdraw { cluster: cluster.0 }, CALL_TIMEOUT).await;
        });
    }
}

/// Answers a member that says that it takes no part.
pub(super) fn answer_withdrawal(control: &Control, peer: NodeId, cluster: Id) -> Response {
    if !control.group_of(cluster).is_some_and(|group| group.members().contains(peer.raft_id())) {
        return Response::Refused(Refusal::OtherCluster);
    }
    if control.pulse.lock().withdrew(peer, clock::monotonic_ms()) {
        tracing::warn!("Node {peer} says that it cannot write its part of the cluster's log: it counts as failed until it can");
    }
    Response::Done
}

/// Answers a member that lives.
pub(super) fn answer_heartbeat(control: &Control, peer: NodeId, heartbeat: &Heartbeat) -> Response {
    let Some(group) = control.group_of(heartbeat.cluster).filter(|group| group.members().contains(peer.raft_id())) else {
        return Response::Refused(Refusal::OtherCluster);
    };
    if !group.is_leader() {
        return control.refusal(GroupError::NotLeader { leader: group.leader() });
    }
    let mut pulse = control.pulse.lock();
    pulse.heard(peer, clock::monotonic_ms());
    if !control.publication.shown().load().view().has_quorum {
        return Response::Refused(Refusal::Busy);
    }
    Response::Heartbeat {
        applied_index: group.applied_index().unwrap_or(0),
        suspected: pulse.missed.suspected.iter().map(|node| node.0).collect(),
        failed: pulse.missed.failed.iter().map(|node| node.0).collect(),
    }
}

fn is_cut_off(control: &Control) -> bool {
    let topology = control.publication.shown().load();
    topology.nodes().len() > 1 && !topology.view().has_quorum
}

async fn greet(control: Arc<Control>, node: NodeId) {
    {
        let mut sightings = control.sightings.lock();
        let sighting = sightings.0.entry(node).or_default();
        if sighting.ping_sent_unix_ms == 0 {
            sighting.ping_sent_unix_ms = clock::unix_ms();
        }
    }
    let answer = control.peers.ask(node, Request::Introduce(control.introduction()), CALL_TIMEOUT).await;
    if let Ok(Response::Introduction { introduction, observed_host }) = answer {
        met(&control, introduction, &observed_host);
    }
}

/// Takes note of what a node told of itself, except where it is: that is known, since it was asked there.
fn met(control: &Control, introduction: Introduction, observed_host: &str) {
    control.observed(observed_host);
    let node = NodeId(introduction.node.node);
    control.pulse.lock().returned(&node, clock::monotonic_ms());
    let mut sightings = control.sightings.lock();
    let sighting = sightings.0.entry(node).or_default();
    sighting.ping_sent_unix_ms = 0;
    sighting.pong_received_unix_ms = clock::unix_ms();
    drop(sightings);
    control.peers.hear(introduction.known);
}

/// Introduces this node to everybody whom it knows and to all seeds, at once; returns what they told.
pub(super) async fn ask_around(control: &Arc<Control>, timeout: Duration) -> Around {
    let mut seeds: BTreeSet<(String, u16)> = BTreeSet::new();
    let mut around = Around::default();
    for (host, port) in control.options.seed_addresses() {
        // A name may stand for many nodes, as a headless service does; connecting to the name would reach only one.
        match timing::timeout(timeout, tokio::net::lookup_host((host.as_str(), port))).await {
            Ok(Ok(found)) => seeds.extend(found.map(|address| (address.ip().to_string(), address.port()))),
            failed => {
                around.seeds += 1;
                match failed {
                    Ok(Err(error)) => tracing::debug!("cluster: cannot resolve seed {host}: {error}"),
                    _ => tracing::debug!("cluster: cannot resolve seed {host} in time"),
                }
            }
        }
    }
    around.seeds += seeds.len();
    let known = control.peers.known().into_iter().map(|known: Announcement| (known.host, known.bus_port));
    let addresses: BTreeSet<_> = known.chain(seeds.iter().cloned()).collect();
    let asked = addresses.into_iter().map(|address| {
        let control = Arc::clone(control);
        let is_seed = seeds.contains(&address);
        (is_seed, tokio::spawn(async move { introduce(&control, &address.0, address.1, timeout).await }))
    });
    for (is_seed, answer) in asked.collect::<Vec<_>>() {
        match answer.await {
            Ok(Met::Nobody) | Err(_) => continue,
            Ok(Met::Other(introduction)) => around.others.push(*introduction),
            Ok(Met::Myself) => {}
        }
        around.answered += usize::from(is_seed);
    }
    around
}

/// Who is at an address.
pub(super) enum Met {
    Other(Box<Introduction>),
    Myself,
    /// Or somebody who has nothing to say.
    Nobody,
}

/// Introduces this node to whoever is at this address.
pub(super) async fn introduce(control: &Control, host: &str, bus_port: u16, timeout: Duration) -> Met {
    let request = Request::Introduce(control.introduction());
    match control.peers.links.ask(host, bus_port, request, timeout).await {
        Ok((peer, Response::Introduction { .. })) if peer == control.me() => Met::Myself,
        Ok((_, Response::Introduction { mut introduction, observed_host })) => {
            if introduction.node.host.is_empty() {
                host.clone_into(&mut introduction.node.host);
            }
            if let Ok(address) = host.parse() {
                control.peers.learn(introduction.node.clone(), address);
            } else {
                control.peers.hear([introduction.node.clone()]);
            }
            met(control, introduction.clone(), &observed_host);
            Met::Other(Box::new(introduction))
        }
        Ok(_) => Met::Nobody,
        Err(error) => {
            tracing::debug!("cluster: {error}");
            Met::Nobody
        }
    }
}
