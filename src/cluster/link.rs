//! Questions to other nodes: one connection per address and lane, opened when needed, shared by all who ask.
//!
//! Invariants:
//! * A question ends with an answer, an error or its timeout, and leaves nothing behind.
//! * A connection is being opened once at a time, and by nobody who asks: whose time is over leaves it to the next. A question of a few
//!   milliseconds would else never reach a node that takes longer to connect to.
//! * A connection that has not brought anything for [`MUTE_MS`] although it was asked is given up, so that a healed network is found
//!   sooner than TCP would find it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::bus::{Announcement, Frame, Lane, Request, Response};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::timing;
use super::traffic::Traffic;
use super::wire::{self, Credentials, Reader, Wire, WireError, Writer};
use crate::base::clock;
use crate::topology::{LinkDescription, NodeId, Process};

/// Frames that may wait to be written on one connection. Raft has a few in flight per follower, heartbeats one.
const QUEUE_LEN: usize = 256;

/// Silence after which an asked connection is given up, in milliseconds.
const MUTE_MS: u64 = 1500;

/// Connections kept; idle ones beyond are dropped. Only changed addresses make more than there are nodes.
const LINKS_MAX: usize = 2048;

/// How long it may take to resolve a name, connect and prove who we are.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("cannot reach {address}: {error}")]
    Unreachable { address: String, error: Arc<WireError> },
    #[error("the connection to {0} broke")]
    Broken(String),
    #[error("no answer from {0} in time")]
    Timeout(String),
    #[error("{address} is node {found}, not {expected}")]
    AnotherNode { address: String, expected: NodeId, found: NodeId },
}

/// All connections that this node opened.
pub(super) struct Links {
    credentials: Arc<Credentials>,
    traffic: Arc<Traffic>,
    links: Mutex<BTreeMap<(Place, Lane), Arc<Link>>>,
    exchanges: AtomicU64,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    host: String,
    /// Where else it may be: a name that is resolved for each connection. Empty if there is none.
    hostname: String,
    bus_port: u16,
    /// Who is looked for; at its host there may be another one by now.
    node: Option<NodeId>,
}

/// What came of opening a connection, once it is known.
type Dialled = Option<Result<Arc<Live>, Arc<WireError>>>;

#[derive(Default)]
struct Link {
    live: Mutex<Option<Arc<Live>>>,
    /// While one is being opened: where to hear what came of it.
    dialling: Mutex<Option<watch::Receiver<Dialled>>>,
}

impl Link {
    fn open(&self) -> Option<Arc<Live>> {
        self.live.lock().clone().filter(|live| live.is_open())
    }
}

struct Live {
    peer: Process,
    opened_unix_ms: i64,
    heard_ms: AtomicU64,
    send: mpsc::Sender<Frame>,
    /// Who waits for which answer; `None` once the connection is gone.
    waiting: Mutex<Option<BTreeMap<u64, oneshot::Sender<Response>>>>,
    /// Reader and writer, which hold the two halves of the socket.
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Live {
    fn is_open(&self) -> bool {
        self.waiting.lock().is_some()
    }

    fn close(&self) {
        *self.waiting.lock() = None;
        self.tasks.lock().drain(..).for_each(|task| task.abort());
    }
}

/// Takes a question back when its asker gives up.
struct Asked<'a> {
    live: &'a Live,
    exchange: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.live.waiting.lock().as_mut() {
            waiting.remove(&self.exchange);
        }
    }
}

impl Links {
    pub(super) fn new(credentials: Credentials, traffic: Arc<Traffic>) -> Self {
        Links { credentials: Arc::new(credentials), traffic, links: Mutex::default(), exchanges: AtomicU64::new(0) }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Asks whoever is at this address. Returns who answered, too.
    pub(super) async fn ask(
        &self,
        host: &str,
        bus_port: u16,
        request: Request,
        timeout: Duration,
    ) -> Result<(NodeId, Response), LinkError> {
        self.ask_at(Place { host: host.to_owned(), hostname: String::new(), bus_port, node: None }, request, timeout).await
    }

    /// Asks this node, at the host that it announced, or else at the host name.
    pub(super) async fn ask_node(&self, node: &Announcement, request: Request, timeout: Duration) -> Result<Response, LinkError> {
        let place =
            Place { host: node.host.clone(), hostname: node.hostname.clone(), bus_port: node.bus_port, node: Some(NodeId(node.node)) };
        let (_, response) = self.ask_at(place, request, timeout).await?;
        Ok(response)
    }

    async fn ask_at(&self, place: Place, request: Request, timeout: Duration) -> Result<(NodeId, Response), LinkError> {
        let link = self.link(&place, request.lane());
        let address = || format!("{}:{}", place.host, place.bus_port);
        let answer = timing::timeout(timeout, async {
            let live = self.connection(&link, &place, request.lane()).await?;
            if let Some(expected) = place.node.filter(|expected| *expected != live.peer.node) {
                return Err(LinkError::AnotherNode { address: address(), expected, found: live.peer.node });
            }
            let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed);
            let (answer, answered) = oneshot::channel();
            match live.waiting.lock().as_mut() {
                Some(waiting) => waiting.insert(exchange, answer),
                None => return Err(LinkError::Broken(address())),
            };
            let _asked = Asked { live: &live, exchange };
            let sent = live.send.send(Frame::Request { exchange, request }).await;
            sent.map_err(|_| LinkError::Broken(address()))?;
            let response = answered.await.map_err(|_| LinkError::Broken(address()))?;
            Ok((live.peer.node, response))
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                let is_mute = |live: &Arc<Live>| clock::monotonic_ms().saturating_sub(live.heard_ms.load(Ordering::Relaxed)) > MUTE_MS;
                if let Some(live) = link.open().filter(is_mute) {
                    live.close();
                }
                Err(LinkError::Timeout(address()))
            }
        }
    }

    fn link(&self, place: &Place, lane: Lane) -> Arc<Link> {
        let mut links = self.links.lock();
        if links.len() >= LINKS_MAX {
            links.retain(|_, link| link.open().is_some());
        }
        Arc::clone(links.entry((place.clone(), lane)).or_default())
    }

    async fn connection(&self, link: &Arc<Link>, place: &Place, lane: Lane) -> Result<Arc<Live>, LinkError> {
        let mut dialled = {
            let mut dialling = link.dialling.lock();
            if let Some(live) = link.open() {
                return Ok(live);
            }
            match &*dialling {
                Some(dialled) => dialled.clone(),
                None => {
                    let (tell, dialled) = watch::channel(None);
                    *dialling = Some(dialled.clone());
                    let (credentials, traffic) = (Arc::clone(&self.credentials), Arc::clone(&self.traffic));
                    tokio::spawn(dial(Arc::clone(link), place.clone(), lane, credentials, traffic, tell));
                    dialled
                }
            }
        };
        let outcome = match dialled.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            // The thread ends.
            Err(_) => None,
        };
        let outcome = outcome.unwrap_or_else(|| Err(Arc::new(WireError::Closed)));
        outcome.map_err(|error| LinkError::Unreachable { address: format!("{}:{}", place.host, place.bus_port), error })
    }

    /// The open connections to other nodes, for CLUSTER LINKS. One to this node itself comes of a seed that names it.
    /// Of the two lanes one is shown: they are one link to whoever looks at them.
    pub(super) fn describe(&self) -> Vec<LinkDescription> {
        let mut since: BTreeMap<NodeId, i64> = BTreeMap::new();
        for live in self.links.lock().values().filter_map(|link| link.open()).filter(|live| live.peer.node != self.credentials.me.node) {
            let opened = since.entry(live.peer.node).or_insert(live.opened_unix_ms);
            *opened = live.opened_unix_ms.min(*opened);
        }
        let describe = |(node, created_unix_ms)| LinkDescription { inbound: false, node, created_unix_ms, send_buffer_len: 0 };
        since.into_iter().map(describe).collect()
    }

    /// Whether there is an open connection to this node.
    pub(super) fn is_connected(&self, node: &NodeId) -> bool {
        self.describe().iter().any(|link| link.node == *node)
    }

    /// Closes all connections.
    pub(super) fn close(&self) {
        for link in std::mem::take(&mut *self.links.lock()).into_values() {
            if let Some(live) = link.live.lock().take() {
                live.close();
            }
        }
    }
}

/// Opens a connection, whoever still waits for it.
async fn dial(
    link: Arc<Link>,
    place: Place,
    lane: Lane,
    credentials: Arc<Credentials>,
    traffic: Arc<Traffic>,
    tell: watch::Sender<Dialled>,
) {
    let open = async |host: &str| {
        let opened = timing::timeout(DIAL_TIMEOUT, async {
            let stream = TcpStream::connect((host, place.bus_port)).await?;
            wire::open(stream, &credentials, lane, &traffic).await
        });
        opened.await.unwrap_or(Err(WireError::Slow))
    };
    let mut opened = open(&place.host).await;
    let is_found = opened.as_ref().is_ok_and(|wire| place.node.is_none_or(|node| node == wire.peer.node));
    if !is_found && !place.hostname.is_empty() && place.hostname != place.host {
        // It has moved, perhaps, and its name leads to where it is now.
        opened = open(&place.hostname).await.or(opened);
    }
    let outcome = opened.map(start).map_err(Arc::new);
    let mut dialling = link.dialling.lock();
    *link.live.lock() = outcome.as_ref().ok().cloned();
    *dialling = None;
    tell.send_replace(Some(outcome));
}

/// Has what comes over a connection read, and what is asked written.
fn start(wire: Wire) -> Arc<Live> {
    let (send, queue) = mpsc::channel(QUEUE_LEN);
    let live = Arc::new(Live {
        peer: wire.peer,
        opened_unix_ms: clock::unix_ms(),
        heard_ms: AtomicU64::new(clock::monotonic_ms()),
        send,
        waiting: Mutex::new(Some(BTreeMap::new())),
        tasks: Mutex::default(),
    });
    let reader = tokio::spawn(read(wire.reader, Arc::clone(&live))).abort_handle();
    let writer = tokio::spawn(write(wire.writer, queue, Arc::clone(&live))).abort_handle();
    live.tasks.lock().extend([reader, writer]);
    live
}

/// Ends when the connection does, or when somebody gave it up.
async fn read(mut reader: Reader, live: Arc<Live>) {
    while let Ok(frame) = reader.next().await {
        live.heard_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        let Frame::Response { exchange, response } = frame else {
            break;
        };
        let mut waiting = live.waiting.lock();
        let Some(waiting) = waiting.as_mut() else {
            break;
        };
        // Nobody waits when the asker gave up: the answer is dropped.
        if let Some(asker) = waiting.remove(&exchange) {
            let _ = asker.send(response);
        }
    }
    live.close();
}

async fn write(mut writer: Writer, mut queue: mpsc::Receiver<Frame>, live: Arc<Live>) {
    while let Some(frame) = queue.recv().await {
        if writer.send(&frame).await.is_err() {
            break;
        }
    }
    live.close();
}
