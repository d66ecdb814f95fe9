//! What tests need beside [`super::in_process`]: clusters, short forms of requests, a node with one worker and sockets.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use larder_proto::resp::ReplyBuf;

use super::accepted::Accepted;
use super::executor::{BatchExecutor, Flow};
pub(super) use super::in_process::{Peer, node_with, plain_node};
use super::offload::{Done, Job};
use super::owned_request::OwnedRequest;
use super::workers::Workers;
use crate::base::clock::{self, Now};
use crate::base::generation::Generation;
use crate::engine::cluster_access::{ClusterAccess, ControlPlane, Pending};
use crate::engine::context::{Args, CmdResult};
use crate::engine::scope::{self, NotRun};
use crate::engine::shared::Shared;
use crate::topology::testing::node;
use crate::topology::{BusCounters, Command, LinkDescription, Reply, Sightings, SlotRange, Topology, testing};

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// A control plane that changes nothing: a reset of it is over at once, and nobody asks it for anything else.
struct NoControl;

impl ControlPlane for NoControl {
    fn propose(&self, _: Command) -> Pending<'_, Result<Reply, String>> {
        unreachable!("no test changes the cluster through it")
    }
    fn meet(&self, _: String, _: u16) -> Pending<'_, Result<(), String>> {
        unreachable!("no test changes the cluster through it")
    }
    fn reset(&self) -> Pending<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn sightings(&self) -> Sightings {
        Sightings::default()
    }
    fn counters(&self) -> BusCounters {
        BusCounters::default()
    }
    fn links(&self) -> Vec<LinkDescription> {
        Vec::new()
    }
}

/// Node 1 of a cluster of two primaries: it owns the lower half of the slots.
pub(super) fn cluster_node() -> Arc<Shared> {
    let topology = testing::cluster(2);
    let access = ClusterAccess {
        me: node(1).id,
        topology: Arc::new(arc_swap::ArcSwap::from_pointee(topology)),
        changes: Arc::new(Generation::default()),
        control: Arc::new(NoControl),
    };
    node_with(&["--cluster-enabled", "yes"], crate::commands::FAMILIES, Some(access))
}

/// All slots go to node 2, as the control plane publishes it.
pub(super) fn lose_all_slots(shared: &Shared) {
    let cluster = shared.cluster.as_ref().expect("a node of a cluster");
    let before: Topology = Topology::clone(&cluster.topology.load());
    let (mut after, view) = (before.clone(), before.view().clone());
    let ranges = vec![SlotRange { start: 0, end: 8191 }];
    after.apply(before.index + 1, &Command::UnassignSlots { node: node(1).id, ranges: ranges.clone() }).expect("they are its own");
    after.apply(before.index + 2, &Command::AssignSlots { node: node(2).id, ranges }).expect("they are free");
    cluster.topology.store(Arc::new(after.seen_from(view)));
    cluster.changes.advance();
}

impl Peer {
    /// Runs a request of words, by the short way if its command has one. What became of it, and its reply.
    pub(super) fn run(&mut self, request: &str) -> (Flow, String) {
        self.run_text(request, true)
    }

    /// The same, by the long way: as if nobody knew where its key lies.
    pub(super) fn run_long(&mut self, request: &str) -> (Flow, String) {
        self.run_text(request, false)
    }

    pub(super) fn run_text(&mut self, request: &str, knows_key: bool) -> (Flow, String) {
        let flow = self.run_words(&words(request), knows_key);
        (flow, self.text())
    }

    /// The reply so far, without line ends.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.reply.buf).trim_end().replace("\r\n", " ")
    }

    /// Runs a request that must be answered like this.
    pub(super) fn expect(&mut self, request: &str, reply: &str) {
        let (flow, text) = self.run(request);
        assert!(matches!(flow, Flow::Plain | Flow::Done), "{request}: {flow:?}");
        assert_eq!(text, reply, "{request}");
    }
}

/// The words of a request.
pub(super) fn words(request: &str) -> Vec<&[u8]> {
    request.split(' ').map(str::as_bytes).collect()
}

/// Runs an offloaded request on this thread. Its result, and its reply.
pub(super) fn run_offloaded(peer: &Peer, request: &str, number: u16, generation: u64) -> (Result<CmdResult, NotRun>, String) {
    let job = Job {
        shared: Arc::clone(&peer.shared),
        config: peer.shared.config.load(),
        caller: peer.caller.clone(),
        reply: ReplyBuf::default(),
        request: OwnedRequest::of(&words(request)),
        number,
        generation,
        worker: 0,
    };
    let Done { reply, result, .. } = job.run();
    (result.map(|(result, _)| result), String::from_utf8_lossy(&reply.buf).into_owned())
}

/// Runs a request whose command waits or yields between its steps, to its end. Its reply.
pub(super) fn run_async(peer: &mut Peer, request: &str) -> String {
    let (Flow::Async(number), _) = peer.run(request) else { panic!("{request} runs asynchronously") };
    let (shared, words) = (Arc::clone(&peer.shared), words(request));
    let config = shared.config.load();
    let worker = (&shared, &shared.workers[0]);
    let connection = (&mut peer.caller, &mut peer.session);
    let mut executor = BatchExecutor::new(worker, &config, connection, &mut peer.reply, Now::read(), usize::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no resource");
    let args = Args::new(&words, &[]);
    runtime.block_on(scope::run_async(&mut executor.context, executor.session, shared.table.row(number), &args));
    drop(executor);
    peer.text()
}

/// A node with one worker that clients connect to.
pub(super) struct LiveNode {
    pub(super) shared: Arc<Shared>,
    workers: Workers,
    listener: std::net::TcpListener,
    runtime: tokio::runtime::Runtime,
}

impl LiveNode {
    pub(super) fn start(shared: Arc<Shared>, gathers: bool) -> LiveNode {
        let workers = Workers::start_with(&shared, 1, gathers).expect("a thread");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no resource");
        LiveNode { shared, workers, listener, runtime }
    }

    /// A new client.
    pub(super) fn connect(&self) -> std::net::TcpStream {
        let client = std::net::TcpStream::connect(self.listener.local_addr().expect("it is bound")).expect("it listens");
        client.set_read_timeout(Some(DEADLINE)).expect("a socket has a timeout");
        let (socket, peer) = self.listener.accept().expect("it was connected to");
        socket.set_nonblocking(true).expect("a socket");
        self.runtime.block_on(self.workers.serve(Accepted::Tcp(socket, peer)));
        client
    }

    /// Waits until the worker has dealt with everything that has reached it.
    pub(super) fn settle(&self) {
        let mut other = self.connect();
        for _ in 0..3 {
            other.write_all(b"PING\r\n").expect("the node reads");
            other.read_exact(&mut [0; 7]).expect("a reply");
        }
    }
}

impl Drop for LiveNode {
    fn drop(&mut self) {
        self.shared.durable.advance(u64::MAX);
        self.shared.stop.request();
        self.workers.end();
    }
}

/// Waits until `condition` holds, which must happen in the end.
pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline_ms = clock::monotonic_ms() + DEADLINE.as_millis() as u64;
    while !condition() {
        assert!(clock::monotonic_ms() < deadline_ms, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
