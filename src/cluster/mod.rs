//! The control plane (rank 6): nodes find each other, form one Raft group and agree in it on who owns what.
//!
//! ```text
//! seek      a node without a cluster: found one with others, or be let into theirs      founding: the rule
//! beat      heartbeats to the leader, introductions to all                               pulse: what follows from silence
//! arrange   keep the own entry right; as leader: voters, first distribution of slots
//! voters    who votes: the rule
//! recover   the file cannot be written: out of service until it can be
//! newcomer  a node without files under the name of a dead one takes its place: the rule
//! meet      CLUSTER MEET: two groups become one
//! control   the standing, the group, answers to other nodes
//! raft/     openraft, its log and its messages (the only module that knows it)
//! publication   the map, seen from here: what everybody else reads
//! listener, link, wire, peers   the bus: who asks, who is asked, how a connection opens, where everybody is
//! store, record, disk   the node's file, and the thread that writes it
//! core/     what is to take the place of pulse and arrange: all decisions as one pure function, which only tests run yet
//! sim/      clusters of it, simulated
//! ```
//!
//! Everything runs on one thread of its own with its own runtime. The data path reads [`Cluster::topology`], which is an atomic load, and
//! never waits for anything here; only commands that change the cluster do.

mod arrange;
mod beat;
mod control;
#[cfg(test)]
mod core;
mod disk;
mod founding;
mod link;
mod listener;
mod meet;
mod newcomer;
mod options;
mod peers;
mod propose;
mod publication;
mod pulse;
mod raft;
mod record;
mod recover;
mod seek;
#[cfg(test)]
mod sim;
mod store;
mod strangers;
mod timing;
mod traffic;
mod voters;
mod wire;

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;

pub use meet::MeetError;
pub use options::{BUS_PORT_OFFSET, ClusterOptions};
pub use store::StoreError;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use larder_proto::bus::auth::SECRET_LEN_MIN;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use crate::base::clock;
use crate::base::generation::Generation;
use crate::base::rng;
use crate::engine::cluster_access::{ControlPlane, Pending};
use crate::topology::{
    BusCounters, ClusterId, Command, Id, LinkDescription, Node, NodeId, Process, Reply, ShardId, Sightings, Topology, TopologyError, View,
};
use control::Control;
use link::Links;
use options::{PROPOSE_TIMEOUT, REQUESTS_MAX};
use peers::Peers;
use publication::Publication;
use raft::GroupError;
use record::{NodeRecord, Stage, StandingRecord};
use store::Store;
use traffic::Traffic;
use wire::Credentials;

/// Why the control plane could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The node's file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus port.
    #[error("Could not create the cluster bus listening socket {address}: {reason}")]
    Listen {
        /// What was tried.
        address: String,
        /// Why not. Part of the text, so not also named as its source: that would be printed once more.
        reason: std::io::Error,
    },
    /// There is no bus port.
    #[error("The bus port would be {0}, beyond the last port: choose a port below 55536, or cluster-port")]
    Port(u32),
    /// The thread or its runtime.
    #[error("cannot start the cluster's thread: {0}")]
    Thread(std::io::Error),
    /// The Raft group.
    #[error("{0}")]
    Group(String),
}

impl From<GroupError> for ClusterError {
    fn from(error: GroupError) -> Self {
        ClusterError::Group(error.to_string())
    }
}

/// Why a change of the map was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// The map does not allow it; nothing changed.
    #[error(transparent)]
    Refused(#[from] TopologyError),
    /// The node belongs to no cluster yet; nothing changed.
    #[error("the cluster is not formed yet")]
    NotMember,
    /// Too many changes are waiting; nothing changed.
    #[error("too many changes of the cluster are waiting")]
    Busy,
    /// No leader answered in time. The change may still be made.
    #[error("no majority of the cluster is within reach")]
    NoAnswer,
    /// It cannot be made.
    #[error("{0}")]
    Failed(String),
}

/// How long CLUSTER MEET waits to tell how it went, and how long it is tried at least.
const MEET_ANSWER: Duration = Duration::from_secs(3);
const MEET_PATIENCE: Duration = Duration::from_secs(15);

/// A node's membership in its cluster. See the module's page.
pub struct Cluster {
    control: Arc<Control>,
    runtime: tokio::runtime::Handle,
    waiting: Arc<Semaphore>,
    stop: Mutex<Option<oneshot::Sender<End>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

/// How the thread ends.
enum End {
    /// Everything is brought to a clean end.
    Clean,
    /// Everything is dropped where it stands, as if the process had been killed.
    #[cfg(test)]
    Kill,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("me", &self.me()).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Starts the control plane on a thread of its own. When it returns, the bus is open and the map is as of the last run.
    pub async fn start(options: ClusterOptions) -> Result<Arc<Cluster>, ClusterError> {
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("cluster".to_owned());
        let spawned = thread.spawn(move || {
            run(options, ready, stopped);
            let _ = end.send(());
        });
        spawned.map_err(ClusterError::Thread)?;
        let (control, runtime) = started.await.expect("the cluster's thread reports before it ends")?;
        Ok(Arc::new(Cluster {
            control,
            runtime,
            waiting: Arc::new(Semaphore::new(REQUESTS_MAX)),
            stop: Mutex::new(Some(stop)),
            ended: tokio::sync::Mutex::new(Some(ended)),
        }))
    }

    /// The map as of now. Always contains this node.
    pub fn topology(&self) -> Arc<Topology> {
        self.control.publication.shown().load_full()
    }

    /// Advances after each change of the published map.
    pub fn map_changes(&self) -> &Arc<Generation> {
        self.control.publication.changes()
    }

    /// Where the map is published, for readers that keep their own guard or cache.
    pub fn topology_swap(&self) -> &Arc<ArcSwap<Topology>> {
        self.control.publication.shown()
    }

    /// This node.
    pub fn me(&self) -> NodeId {
        self.control.me()
    }

    /// This node's shard.
    pub fn my_shard(&self) -> ShardId {
        self.topology().node(&self.me()).map_or(self.control.record.shard, |node| node.shard)
    }

    /// Proposes a change of the map, through the leader if that is another node, and waits until it is applied here.
    pub async fn propose(&self, command: Command) -> Result<Reply, ProposeError> {
        let control = Arc::clone(&self.control);
        let outcome = self.on_thread(async move { control.propose(command).await }).await.ok_or(ProposeError::Busy)?;
        Ok(outcome??)
    }

    /// Waits until this node has applied everything that was committed before the call.
    pub async fn catch_up(&self) -> Result<(), ProposeError> {
        let control = Arc::clone(&self.control);
        let caught_up = self.on_thread(async move {
            let index = control.read_index().await?;
            control.publication.wait_for(index).await;
            Ok(())
        });
        caught_up.await.ok_or(ProposeError::Busy)?
    }

    /// Makes one cluster of this node's and that of the node at this address. Goes on trying for `patience` while nobody answers.
    pub async fn meet(&self, host: String, bus_port: u16, patience: Duration) -> Result<(), MeetError> {
        let control = Arc::clone(&self.control);
        self.on_thread(meet::meet(control, host, bus_port, patience)).await.unwrap_or(Err(MeetError::NotYet))
    }

    /// Leaves the cluster and becomes one of this node alone, without slots.
    pub async fn reset(&self) -> Result<(), ClusterError> {
        let control = Arc::clone(&self.control);
        let reset = self.on_thread(async move { control.reset().await }).await;
        reset.unwrap_or_else(|| Err(ClusterError::Group(ProposeError::Busy.to_string())))
    }

    /// What this node has seen of the others.
    pub fn sightings(&self) -> Sightings {
        let mut sightings = self.control.sightings.lock().clone();
        let now_ms = clock::monotonic_ms();
        for (node, sighting) in &mut sightings.0 {
            // A connection that only brings the word that the node takes no part is none.
            let is_withdrawn = self.control.pulse.lock().is_withdrawn(node, now_ms);
            sighting.connected = !is_withdrawn && self.control.peers.links.is_connected(node);
        }
        sightings
    }

    /// Traffic of the bus.
    pub fn counters(&self) -> BusCounters {
        self.control.peers.links.traffic().counters()
    }

    /// Connections of the bus.
    pub fn links(&self) -> Vec<LinkDescription> {
        let mut links = self.control.peers.links.describe();
        links.extend(self.control.inbound().describe(self.me()));
        links.sort_by_key(|link| (link.node, link.inbound));
        links
    }

    /// The node that leads the group, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.control.node_id(self.control.group()?.leader()?)
    }

    /// What the node was started with.
    pub fn options(&self) -> &ClusterOptions {
        &self.control.options
    }

    /// Options changed: what is served while the cluster is down, how long silence is forgiven, and what the node announces. Others are as
    /// at the start.
    pub fn configure(&self, before: &ClusterOptions, after: &ClusterOptions) {
        self.control.publication.look(|view| {
            view.require_full_coverage = after.require_full_coverage;
            view.allow_reads_when_down = after.allow_reads_when_down;
            view.allow_pubsubshard_when_down = after.allow_pubsubshard_when_down;
        });
        self.control.set_node_timeout(after.node_timeout_ms);
        self.control.announce(before, after);
    }

    /// Waits until the node cannot go on, and returns why.
    pub async fn given_up(&self) -> String {
        let mut given_up = self.control.given_up.subscribe();
        match given_up.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            // The sender lives as long as we do.
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the node's part. Returns when its file is closed.
    pub async fn shutdown(&self) {
        self.end(End::Clean).await;
    }

    #[cfg(test)]
    async fn kill(&self) {
        self.end(End::Kill).await;
    }

    async fn end(&self, how: End) {
        if let Some(stop) = self.stop.lock().take() {
            let _ = stop.send(how);
        }
        if let Some(ended) = self.ended.lock().await.take() {
            let _ = ended.await;
        }
    }

    /// Runs on the cluster's thread. `None`: too much is waiting already, or the thread has ended.
    async fn on_thread<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let work = self.runtime.spawn(async move {
            let result = work.await;
            drop(permit);
            result
        });
        work.await.ok()
    }
}

impl ControlPlane for Cluster {
    fn propose(&self, command: Command) -> Pending<'_, Result<Reply, String>> {
        Box::pin(async { Cluster::propose(self, command).await.map_err(|error| error.to_string()) })
    }

    fn meet(&self, host: String, bus_port: u16) -> Pending<'_, Result<(), String>> {
        Box::pin(async move {
            let control = Arc::clone(&self.control);
            let patience = MEET_PATIENCE.max(Duration::from_millis(control.node_timeout_ms()));
            let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
                return Err(ProposeError::Busy.to_string());
            };
            let mut meeting = self.runtime.spawn(async move {
                let met = meet::meet(control, host, bus_port, patience).await;
                drop(permit);
                met
            });
            // Like Valkey, the command answers before the nodes have met if that takes long; unlike it, it tells when they cannot.
            match timing::timeout(MEET_ANSWER, &mut meeting).await {
                Ok(Ok(Err(MeetError::Refused(why)))) => Err(why),
                _ => Ok(()),
            }
        })
    }

    fn reset(&self) -> Pending<'_, Result<(), String>> {
        Box::pin(async { Cluster::reset(self).await.map_err(|error| error.to_string()) })
    }

    fn sightings(&self) -> Sightings {
        Cluster::sightings(self)
    }

    fn counters(&self) -> BusCounters {
        Cluster::counters(self)
    }

    fn links(&self) -> Vec<LinkDescription> {
        Cluster::links(self)
    }
}

type Started = Result<(Arc<Control>, tokio::runtime::Handle), ClusterError>;

fn run(options: ClusterOptions, ready: oneshot::Sender<Started>, stopped: oneshot::Receiver<End>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(ClusterError::Thread(error)));
            return;
        }
    };
    runtime.block_on(async {
        let control = match open(options).await {
            Ok(control) => control,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok((Arc::clone(&control), tokio::runtime::Handle::current())));
        // A dropped handle ends the thread as a request to do so does.
        match stopped.await {
            Ok(End::Clean) | Err(_) => control.stop().await,
            #[cfg(test)]
            Ok(End::Kill) => {}
        }
    });
    // Ends the loops and the connections with the runtime.
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn open(options: ClusterOptions) -> Result<Arc<Control>, ClusterError> {
    let store = Store::open(&options.dir)?;
    let (record, standing) = identity(&store, &options)?;
    let incarnation = store.begin_process()?;
    let listeners = listener::bind(&options.bind, options.bus_port).await?;
    if options.secret.as_ref().is_some_and(|secret| secret.len() < SECRET_LEN_MIN) {
        tracing::warn!(
            "cluster-secret, or primaryauth where it is not set, is shorter than {SECRET_LEN_MIN} characters: whoever sees nodes talk to each \
             other can guess it"
        );
    }
    let me = Process { node: record.id, incarnation };
    let credentials = Credentials::new(me, options.secret.as_deref(), &options.name);
    let peers = Arc::new(Peers::new(Links::new(credentials, Arc::new(Traffic::default()))));
    let view = View {
        require_full_coverage: options.require_full_coverage,
        allow_reads_when_down: options.allow_reads_when_down,
        allow_pubsubshard_when_down: options.allow_pubsubshard_when_down,
        ..View::default()
    };
    let alone = publication::alone(Node { clients: options.announce_to_clients.clone(), ..peers::node_of(&options.announcement(record)) });
    let publication = Arc::new(Publication::new(record.id, alone, view));
    let control = Arc::new(Control::new(options, store, (record, incarnation), standing, peers, publication));
    control.resume().await?;
    for listener in listeners {
        tokio::spawn(listener::listen(listener, Arc::clone(&control)));
    }
    tokio::spawn(seek::seek(Arc::clone(&control)));
    tokio::spawn(beat::heartbeats(Arc::clone(&control)));
    tokio::spawn(beat::introductions(Arc::clone(&control)));
    // A group that takes longer is no reason to refuse to start: it goes on in the background.
    let _ = timing::timeout(PROPOSE_TIMEOUT, arrange::settle_alone(&control)).await;
    tokio::spawn(arrange::arrange(Arc::clone(&control)));
    Ok(control)
}

/// Who the node is and where it stands, as of the last run; at the first start, a new node.
fn identity(store: &Store, options: &ClusterOptions) -> Result<(NodeRecord, StandingRecord), ClusterError> {
    let known = (store.node()?, store.standing()?);
    let (record, standing) = match known {
        (Some(record), Some(standing)) if options.autopilot || standing.is_member() => return Ok((record, standing)),
        (Some(record), Some(standing)) if matches!(standing.stage, Stage::Joining(_)) => return Ok((record, standing)),
        (Some(record), standing) => (record, standing),
        (None, _) => (NodeRecord { id: NodeId(Id(rng::secret_bytes())), shard: ShardId(Id(rng::secret_bytes())) }, None),
    };
    // Without the autopilot nobody would ever found a cluster for a blank node: it is one of its own, which CLUSTER MEET may merge.
    let fresh = if options.autopilot {
        StandingRecord::blank()
    } else {
        StandingRecord::alone(ClusterId(Id(rng::secret_bytes())), options.announcement(record))
    };
    let standing = StandingRecord { ballot: standing.map_or(0, |standing| standing.ballot), ..fresh };
    store.found(&record, &standing)?;
    Ok((record, standing))
}
