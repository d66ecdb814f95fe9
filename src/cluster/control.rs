//! The node's part in the control plane: its standing, its group, and the answers to other nodes' questions.
//!
//! Runs on the cluster's thread. Loops that act on their own live in [`super::seek`] (a node without a cluster), [`super::beat`]
//! (heartbeats, introductions) and [`super::arrange`] (a member keeping its entry right, a leader keeping the group right).
//!
//! Invariants:
//! * The standing in memory is the one on disk; it changes under `changing` only.
//! * There is a group exactly while the node is a member, and it is the group of the standing's cluster.
//! * A Raft message reaches the group only if it is of that cluster.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::bus::{Announcement, Id, Introduction, Join, RaftCall, Refusal, Request, Response};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::beat;
use super::founding::{first_voters, may_promise};
use super::listener::Inbound;
use super::newcomer::{Newcomer, Newcomers};
use super::options::{CALL_TIMEOUT, ClusterOptions, PROMISE_STALE_MS};
use super::peers::{Peers, bus_address, node_of};
use super::publication::{Publication, alone};
use super::pulse::Pulse;
use super::raft::{Group, GroupError, Publish};
use super::record::{Joining, NodeRecord, Stage, StandingRecord};
use super::store::{Store, StoreError};
use super::timing;
use super::{ClusterError, MeetError};
use crate::base::clock;
use crate::topology::{ClientEndpoint, ClusterId, Command, Node, NodeId, Process, Sightings, SlotRange, TopologyError};

/// See the module's page.
pub(super) struct Control {
    pub(super) options: ClusterOptions,
    pub(super) record: NodeRecord,
    /// Of this process: see [`Process`].
    incarnation: u64,
    pub(super) peers: Arc<Peers>,
    pub(super) publication: Arc<Publication>,
    pub(super) pulse: Mutex<Pulse>,
    pub(super) sightings: Mutex<Sightings>,
    pub(super) store: Store,
    inbound: Inbound,
    standing: Mutex<StandingRecord>,
    group: Mutex<Option<Arc<Group>>>,
    /// `cluster-node-timeout` as it is now.
    node_timeout_ms: AtomicU64,
    /// Nodes that ask to be let in under a name that is taken.
    newcomers: Mutex<Newcomers>,
    /// How this node announces itself; its host may have been learned.
    announcement: Mutex<Announcement>,
    /// Where it sends only clients.
    clients: Mutex<ClientEndpoint>,
    /// When the founder of the present promise was heard of last.
    promise_heard_ms: AtomicU64,
    /// From when the group ended until it was started again.
    is_recovering: AtomicBool,
    /// Why the node cannot go on, once it cannot.
    pub(super) given_up: watch::Sender<Option<String>>,
    /// Held while the standing changes.
    changing: tokio::sync::Mutex<()>,
    /// Held while a node is let in, and while this node leaves its group: it must not leave a group that just grew.
    pub(super) admission: tokio::sync::Mutex<()>,
}

impl Control {
    pub(super) fn new(
        options: ClusterOptions,
        store: Store,
        (record, incarnation): (NodeRecord, u64),
        standing: StandingRecord,
        peers: Arc<Peers>,
        publication: Arc<Publication>,
    ) -> Self {
        let node_timeout_ms = AtomicU64::new(options.node_timeout_ms);
        let announcement = options.announcement(record);
        let clients = options.announce_to_clients.clone();
        peers.hear(standing.named().iter().cloned());
        Control {
            options,
            record,
            incarnation,
            peers,
            publication,
            pulse: Mutex::default(),
            sightings: Mutex::default(),
            store,
            inbound: Inbound::default(),
            standing: Mutex::new(standing),
            group: Mutex::new(None),
            node_timeout_ms,
            newcomers: Mutex::default(),
            announcement: Mutex::new(announcement),
            clients: Mutex::new(clients),
            promise_heard_ms: AtomicU64::new(0),
            is_recovering: AtomicBool::new(false),
            given_up: watch::channel(None).0,
            changing: tokio::sync::Mutex::new(()),
            admission: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn me(&self) -> NodeId {
        self.record.id
    }

    /// This process.
    pub(super) fn process(&self) -> Process {
        Process { node: self.me(), incarnation: self.incarnation }
    }

    pub(super) fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// Silence after which a node is held to be dead, in milliseconds.
    pub(super) fn node_timeout_ms(&self) -> u64 {
        self.node_timeout_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_node_timeout(&self, timeout_ms: u64) {
        self.node_timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    pub(super) fn announcement(&self) -> Announcement {
        self.announcement.lock().clone()
    }

    /// This node as it should stand in the map.
    pub(super) fn node(&self) -> Node {
        Node { clients: self.clients.lock().clone(), ..node_of(&self.announcement()) }
    }

    pub(super) fn standing(&self) -> StandingRecord {
        self.standing.lock().clone()
    }

    pub(super) fn group(&self) -> Option<Arc<Group>> {
        self.group.lock().clone()
    }

    /// Another node told us how we are seen: our address, if we know no better. Without any address, clients could not be sent here.
    pub(super) fn observed(&self, host: &str) {
        let mut announcement = self.announcement.lock();
        if !announcement.host.is_empty() || host.is_empty() {
            return;
        }
        host.clone_into(&mut announcement.host);
        drop(announcement);
        tracing::info!("IP address for this node updated to {host}");
        self.show_alone_if_unknown();
    }

    /// What the node announces was changed. The loop that keeps its entry right tells the group. An address that is not given any more is
    /// learned again; the port of the bus is the one that was opened.
    pub(super) fn announce(&self, before: &ClusterOptions, after: &ClusterOptions) {
        let (told, tells) = (before.announcement(self.record), after.announcement(self.record));
        if told == tells && before.announce_to_clients == after.announce_to_clients {
            return;
        }
        after.announce_to_clients.clone_into(&mut self.clients.lock());
        {
            let mut announcement = self.announcement.lock();
            let host = if told.host == tells.host { std::mem::take(&mut announcement.host) } else { tells.host };
            *announcement = Announcement { host, ..tells };
        }
        self.show_alone_if_unknown();
    }

    /// Nobody else tells clients of a node that is in no map yet.
    fn show_alone_if_unknown(&self) {
        if self.publication.applied().node(&self.me()).is_none() {
            self.publication.show_alone(alone(self.node()));
        }
    }

    /// What this node tells of itself.
    pub(super) fn introduction(&self) -> Introduction {
        let standing = self.standing();
        let members = self.group().map_or(0, |group| group.members().len()) as u32;
        Introduction {
            node: self.announcement(),
            standing: standing.told(members, self.is_promise_stale()),
            ballot: standing.ballot,
            known: self.peers.known(),
        }
    }

    pub(super) fn is_promise_stale(&self) -> bool {
        clock::monotonic_ms().saturating_sub(self.promise_heard_ms.load(Ordering::Relaxed)) > PROMISE_STALE_MS
    }

    /// Takes up where the node stopped.
    pub(super) async fn resume(&self) -> Result<(), ClusterError> {
        self.promise_heard_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        if self.standing().is_member() {
            let _changing = self.changing.lock().await;
            self.start_group().await?;
        }
        Ok(())
    }

    /// Starts the group of the cluster that this node is a member of, and creates it if that is still to be done.
    async fn start_group(&self) -> Result<(), ClusterError> {
        let Stage::Member { cluster, founding, .. } = self.standing().stage else {
            return Ok(());
        };
        let publication = Arc::clone(&self.publication);
        let publish: Publish = Arc::new(move |topology| publication.map(topology));
        let group = Group::start(cluster, self.me().raft_id(), &self.store, Arc::clone(&self.peers), publish).await?;
        self.peers.hear_map(&self.publication.applied());
        if let Some(founding) = founding.filter(|founding| founding.founder == self.me().0)
            && !group.is_founded().await?
        {
            let voters = first_voters(&founding).into_iter().map(|voter| (NodeId(voter.node).raft_id(), bus_address(&voter)));
            group.found(voters.collect()).await?;
        }
        *self.group.lock() = Some(Arc::new(group));
        Ok(())
    }

    /// Whether the node belongs to a cluster and takes no part in it, because its file cannot be written.
    pub(super) fn is_out_of_service(&self) -> bool {
        self.is_recovering.load(Ordering::Relaxed) || self.group().is_some_and(|group| group.failure().is_some())
    }

    /// Starts the group again after its file had failed, if that can be written by now.
    pub(super) async fn restart_group(&self) -> Result<(), ClusterError> {
        let _changing = self.changing.lock().await;
        self.is_recovering.store(true, Ordering::Relaxed);
        let group = self.group.lock().take();
        if let Some(group) = group {
            group.stop().await;
        }
        self.store.reopen().await?;
        self.store.set_standing(self.standing()).await?;
        self.start_group().await?;
        self.is_recovering.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Writes down a new standing, on disk first. The caller holds `changing`.
    async fn write_standing(&self, standing: StandingRecord) -> Result<(), StoreError> {
        self.store.set_standing(standing.clone()).await?;
        *self.standing.lock() = standing;
        Ok(())
    }

    /// The node founds with others, or lets a promise go, if it still stands as `before`.
    pub(super) async fn replace_stage(&self, before: &Stage, after: Stage, ballot: u64) -> Result<bool, ClusterError> {
        let _changing = self.changing.lock().await;
        let standing = self.standing();
        if standing.stage != *before {
            return Ok(false);
        }
        self.write_standing(StandingRecord { ballot: ballot.max(standing.ballot), stage: after }).await?;
        Ok(true)
    }

    /// The node becomes a member of the cluster that it promised itself to or was let into, and starts to take part.
    pub(super) async fn become_member(&self, cluster: ClusterId) -> Result<(), ClusterError> {
        let _changing = self.changing.lock().await;
        let standing = self.standing();
        let (founding, joined) = match &standing.stage {
            Stage::Promised(founding) if founding.cluster == cluster.0 => (Some(founding.clone()), None),
            Stage::Joining(joining) if joining.cluster == cluster => (None, Some(joining.clone())),
            _ => return Ok(()),
        };
        tracing::info!("Node {} is a member of cluster {cluster}", self.me());
        self.write_standing(StandingRecord { ballot: standing.ballot, stage: Stage::Member { cluster, founding, joined } }).await?;
        self.start_group().await
    }

    /// Gives up the group and what it decided, and stands as `stage` from then on.
    pub(super) async fn start_over(&self, stage: Stage) -> Result<(), ClusterError> {
        let _changing = self.changing.lock().await;
        let group = self.group.lock().take();
        if let Some(group) = group {
            group.stop().await;
        }
        let standing = StandingRecord { ballot: self.standing().ballot, stage };
        self.store.start_over(standing.clone()).await?;
        *self.standing.lock() = standing;
        self.publication.start_over();
        self.pulse.lock().start_over();
        self.start_group().await
    }

    /// Leaves the one-node group to join a cluster, slots and config epoch in hand. `false`: the node is not alone any more.
    pub(super) async fn leave_for(&self, cluster: ClusterId, members: Vec<Announcement>) -> Result<bool, ClusterError> {
        let _admission = self.admission.lock().await;
        if !self.is_alone() {
            return Ok(false);
        }
        let (claims, config_epoch) = self.claims();
        tracing::info!("Node {} joins cluster {cluster}", self.me());
        self.start_over(Stage::Joining(Joining { cluster, members, claims, config_epoch })).await?;
        Ok(true)
    }

    /// Leaves whatever cluster this node is part of and becomes one of its own again, without slots.
    pub(super) async fn reset(&self) -> Result<(), ClusterError> {
        if !self.is_alone() && self.group().is_some() {
            // The others should not wait for this node. If they cannot be reached, it leaves without their knowing.
            if let Err(error) = self.propose(Command::RemoveNode { node: self.me() }).await {
                tracing::warn!("cluster: leaving without telling the others: {error}");
            } else {
                let dismissed = async {
                    while self.group().is_some_and(|group| group.members().contains(self.me().raft_id()) && group.failure().is_none()) {
                        timing::sleep(Duration::from_millis(10)).await;
                    }
                };
                let _ = timing::timeout(CALL_TIMEOUT, dismissed).await;
            }
        }
        let _admission = self.admission.lock().await;
        let cluster = ClusterId(Id(crate::base::rng::secret_bytes()));
        self.publication.show_alone(alone(self.node()));
        self.start_over(StandingRecord::alone(cluster, self.announcement()).stage).await?;
        super::arrange::settle_alone(self).await;
        Ok(())
    }

    /// Whether the node is the only member of its group.
    pub(super) fn is_alone(&self) -> bool {
        self.group().is_some_and(|group| {
            let members = group.members();
            members.len() == 1 && members.contains(self.me().raft_id())
        })
    }

    /// What this node owns.
    pub(super) fn claims(&self) -> (Vec<SlotRange>, u64) {
        let topology = self.publication.applied();
        let shard = topology.node(&self.me()).map_or(self.record.shard, |node| node.shard);
        (topology.slot_ranges(&shard), topology.config_epoch(&self.me()))
    }

    /// Answers another node.
    pub(super) async fn answer(&self, peer: NodeId, seen_at: IpAddr, request: Request) -> Response {
        match request {
            Request::Raft { cluster, call, payload } => self.answer_raft(peer, ClusterId(cluster), call, &payload).await,
            Request::Introduce(introduction) => self.answer_introduction(peer, seen_at, introduction),
            Request::Promise(founding) => self.answer_promise(founding).await,
            // Without a majority the entry would wait for ever, and everybody else who wants to be let in with it.
            Request::Join(join) => match timing::timeout(CALL_TIMEOUT * 2, self.answer_join(seen_at, join)).await {
                Ok(response) => response,
                Err(_) => Response::Refused(Refusal::Busy),
            },
            Request::Adopt { cluster, mut node } => {
                if node.host.is_empty() {
                    node.host = seen_at.to_string();
                }
                self.answer_adopt(ClusterId(cluster), node).await
            }
            Request::Forward { cluster, command } => self.answer_forward(peer, ClusterId(cluster), &command).await,
            Request::Heartbeat(heartbeat) => beat::answer_heartbeat(self, peer, &heartbeat),
            Request::Withdraw { cluster } => beat::answer_withdrawal(self, peer, cluster),
            Request::Unknown => Response::Refused(Refusal::Failed("this version does not know that request".to_owned())),
            Request::ReadIndex { cluster } => match self.group_of(cluster) {
                None => Response::Refused(Refusal::OtherCluster),
                Some(group) => match group.read_index().await {
                    Ok(index) => Response::ReadIndex { index },
                    Err(error) => self.refusal(error),
                },
            },
        }
    }

    pub(super) fn group_of(&self, cluster: Id) -> Option<Arc<Group>> {
        self.group().filter(|group| group.cluster.0 == cluster)
    }

    pub(super) fn refusal(&self, error: GroupError) -> Response {
        Response::Refused(match error {
            GroupError::NotLeader { leader } => {
                let leader = leader.and_then(|leader| self.node_id(leader));
                Refusal::NotLeader { leader: leader.map(|leader| leader.0) }
            }
            GroupError::Ended(_) => Refusal::Busy,
            other => Refusal::Failed(other.to_string()),
        })
    }

    /// The node with this identity inside the group.
    pub(super) fn node_id(&self, raft_id: u64) -> Option<NodeId> {
        if raft_id == self.me().raft_id() {
            return Some(self.me());
        }
        self.peers.find_by_raft_id(raft_id).map(|found| NodeId(found.node))
    }

    async fn answer_raft(&self, peer: NodeId, cluster: ClusterId, call: RaftCall, payload: &[u8]) -> Response {
        let standing = self.standing();
        if standing.cluster() != Some(cluster) {
            return Response::Refused(Refusal::OtherCluster);
        }
        if !standing.is_member()
            && let Err(error) = self.become_member(cluster).await
        {
            tracing::error!("cluster: cannot take part in cluster {cluster}: {error}");
            return Response::Refused(Refusal::Busy);
        }
        let Some(group) = self.group_of(cluster.0) else {
            return Response::Refused(Refusal::Busy);
        };
        // A node that was removed must not disturb those that stay with elections. It may still lead while it hands over, so what it appends
        // is taken. A node that is only not known here may be one that the log is about to tell of: refusing its vote could leave the
        // group without a leader.
        if call == RaftCall::Vote && self.publication.applied().is_removed(&peer) {
            return Response::Refused(Refusal::Failed("the node was removed from the cluster".to_owned()));
        }
        match group.receive(peer.raft_id(), call, payload).await {
            Ok(payload) => Response::Raft { call, payload: payload.into() },
            Err(error) => self.refusal(error),
        }
    }

    fn answer_introduction(&self, peer: NodeId, seen_at: IpAddr, introduction: Introduction) -> Response {
        if introduction.node.node == peer.0 {
            self.peers.learn(introduction.node, seen_at);
        }
        self.peers.hear(introduction.known);
        if self.is_out_of_service() {
            return Response::Refused(Refusal::Busy);
        }
        self.pulse.lock().returned(&peer, clock::monotonic_ms());
        Response::Introduction { introduction: self.introduction(), observed_host: seen_at.to_string() }
    }

    async fn answer_promise(&self, founding: larder_proto::bus::Founding) -> Response {
        let _changing = self.changing.lock().await;
        let standing = self.standing();
        let granted = self.options.autopilot && may_promise(self.me(), &standing, self.is_promise_stale(), &founding);
        if !granted {
            return Response::Promise { granted, ballot: standing.ballot };
        }
        let ballot = founding.ballot;
        self.peers.hear(founding.members.iter().cloned());
        let promised = StandingRecord { ballot, stage: Stage::Promised(founding) };
        if let Err(error) = self.write_standing(promised).await {
            tracing::error!("cluster: {error}");
            return Response::Refused(Refusal::Busy);
        }
        self.promise_heard_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        Response::Promise { granted, ballot }
    }

    async fn answer_join(&self, seen_at: IpAddr, mut join: Join) -> Response {
        let Some(group) = self.group_of(join.cluster) else {
            return Response::Refused(Refusal::OtherCluster);
        };
        let _admission = self.admission.lock().await;
        if !group.is_leader() {
            return self.refusal(GroupError::NotLeader { leader: group.leader() });
        }
        if join.node.host.is_empty() {
            join.node.host = seen_at.to_string();
        }
        let node = NodeId(join.node.node);
        let topology = self.publication.applied();
        // Before it follows the log, which it could not read.
        if join.node.level < topology.level() {
            return Response::Refused(Refusal::Failed(TopologyError::Outdated(node).to_string()));
        }
        let owned_by_others = |slot: &u16| topology.slot_owner(*slot).is_some_and(|shard| shard.primary != node);
        let claims: Vec<_> = join.claims.iter().map(|(start, end)| SlotRange { start: *start, end: *end }).collect();
        if claims.iter().any(|range| !range.is_valid()) {
            return Response::Refused(Refusal::Failed("Invalid or out of range slot".to_owned()));
        }
        // A node that asks while it still is on its own is told of a conflict; later it would have nowhere to go back to.
        if join.only_ask {
            let conflict = claims.iter().flat_map(SlotRange::slots).find(owned_by_others);
            return match conflict {
                Some(slot) => Response::Refused(Refusal::Failed(format!("Slot {slot} is owned on both sides"))),
                None => Response::Joined,
            };
        }
        let entering = match self.newcomers.lock().judge(&topology, &join, &self.pulse.lock(), clock::monotonic_ms()) {
            Newcomer::New => Command::AddNode { node: node_of(&join.node), claims, config_epoch: join.config_epoch },
            Newcomer::Replaces(command) => Command::Shard(*command),
            Newcomer::Unclear => return Response::Refused(Refusal::Busy),
        };
        self.peers.learn(join.node.clone(), seen_at);
        let raft_id = node.raft_id();
        if !group.members().contains(raft_id)
            && let Err(error) = group.add_learner(raft_id, bus_address(&join.node)).await
        {
            return self.refusal(error);
        }
        if let Command::Shard(_) = entering {
            tracing::warn!("Node {node} comes without files and takes the place of the dead node with the name {}", join.node.name);
        }
        match group.propose(entering).await {
            Ok((_, Ok(_))) => Response::Joined,
            Ok((_, Err(error))) => Response::Refused(Refusal::Failed(error.to_string())),
            Err(error) => self.refusal(error),
        }
    }

    async fn answer_adopt(&self, cluster: ClusterId, by: Announcement) -> Response {
        if !self.is_alone() {
            return Response::Refused(Refusal::Failed("the node is not alone".to_owned()));
        }
        match super::meet::leave_for(self, cluster, by).await {
            Ok(()) => Response::Done,
            Err(MeetError::NotYet) => Response::Refused(Refusal::Busy),
            Err(MeetError::Refused(why)) => Response::Refused(Refusal::Failed(why)),
        }
    }

    /// Ends the group, so that nothing is lost that a clean end could have kept.
    pub(super) async fn stop(&self) {
        let _changing = self.changing.lock().await;
        let group = self.group.lock().take();
        if let Some(group) = group {
            group.stop().await;
        }
        self.peers.links.close();
    }
}
