//! Questions to other nodes: one connection per address, opened when needed, shared by all who ask.
//!
//! Invariants:
//! * A question ends with an answer, an error or its timeout, and leaves nothing behind.
//! * A connection that has not brought anything for [`MUTE_MS`] although it was asked is given up, so that a healed network is found
//!   sooner than TCP would find it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::bus::{Frame, Request, Response};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::timing;
use super::traffic::Traffic;
use super::wire::{self, Credentials, Reader, WireError, Writer};
use crate::base::clock;
use crate::topology::{LinkDescription, NodeId};

/// Frames that may wait to be written on one connection. Raft has a few in flight per follower, heartbeats one.
const QUEUE_LEN: usize = 256;

/// Silence after which an asked connection is given up, in milliseconds.
const MUTE_MS: u64 = 1500;

/// Connections kept; idle ones beyond are dropped. Only changed addresses make more than there are nodes.
const LINKS_MAX: usize = 1024;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("cannot reach {address}: {error}")]
    Unreachable { address: String, error: WireError },
    #[error("the connection to {0} broke")]
    Broken(String),
    #[error("no answer from {0} in time")]
    Timeout(String),
    #[error("{address} is node {found}, not {expected}")]
    AnotherNode { address: String, expected: NodeId, found: NodeId },
}

/// All connections that this node opened.
pub(super) struct Links {
    credentials: Credentials,
    traffic: Arc<Traffic>,
    links: Mutex<BTreeMap<(String, u16), Arc<Link>>>,
    exchanges: AtomicU64,
}

struct Link {
    live: tokio::sync::Mutex<Option<Arc<Live>>>,
    /// The same, readable without waiting.
    shown: Mutex<Option<Arc<Live>>>,
}

struct Live {
    peer: NodeId,
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
        Links { credentials, traffic, links: Mutex::default(), exchanges: AtomicU64::new(0) }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Asks the node at this address, which must be `expected` if that is given. Returns who answered, too.
    pub(super) async fn ask(
        &self,
        host: &str,
        bus_port: u16,
        expected: Option<NodeId>,
        request: Request,
        timeout: Duration,
    ) -> Result<(NodeId, Response), LinkError> {
        let link = self.link(host, bus_port);
        let address = || format!("{host}:{bus_port}");
        let answer = timing::timeout(timeout, async {
            let live = self.connection(&link, host, bus_port).await?;
            if let Some(expected) = expected.filter(|expected| *expected != live.peer) {
                return Err(LinkError::AnotherNode { address: address(), expected, found: live.peer });
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
            Ok((live.peer, response))
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                let shown = link.shown.lock().clone();
                if let Some(live) =
                    shown.filter(|live| clock::monotonic_ms().saturating_sub(live.heard_ms.load(Ordering::Relaxed)) > MUTE_MS)
                {
                    live.close();
                }
                Err(LinkError::Timeout(address()))
            }
        }
    }

    fn link(&self, host: &str, bus_port: u16) -> Arc<Link> {
        let mut links = self.links.lock();
        if links.len() >= LINKS_MAX {
            links.retain(|_, link| link.shown.lock().as_ref().is_some_and(|live| live.is_open()));
        }
        let link = links.entry((host.to_owned(), bus_port));
        Arc::clone(link.or_insert_with(|| Arc::new(Link { live: tokio::sync::Mutex::new(None), shown: Mutex::new(None) })))
    }

    async fn connection(&self, link: &Link, host: &str, bus_port: u16) -> Result<Arc<Live>, LinkError> {
        let mut slot = link.live.lock().await;
        if let Some(live) = slot.as_ref().filter(|live| live.is_open()) {
            return Ok(Arc::clone(live));
        }
        *slot = None;
        *link.shown.lock() = None;
        let unreachable = |error| LinkError::Unreachable { address: format!("{host}:{bus_port}"), error };
        let stream = TcpStream::connect((host, bus_port)).await.map_err(|error| unreachable(error.into()))?;
        let wire = wire::open(stream, &self.credentials, &self.traffic).await.map_err(unreachable)?;
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
        *slot = Some(Arc::clone(&live));
        *link.shown.lock() = Some(Arc::clone(&live));
        Ok(live)
    }

    /// The open connections to other nodes, for CLUSTER LINKS. One to this node itself comes of a seed that names it.
    pub(super) fn describe(&self) -> Vec<LinkDescription> {
        let links: Vec<_> = self.links.lock().values().cloned().collect();
        let is_shown = |live: &Arc<Live>| live.is_open() && live.peer != self.credentials.me;
        let open = links.iter().filter_map(|link| link.shown.lock().clone()).filter(is_shown);
        open.map(|live| LinkDescription { inbound: false, node: live.peer, created_unix_ms: live.opened_unix_ms, send_buffer_len: 0 })
            .collect()
    }

    /// Whether there is an open connection to this node.
    pub(super) fn is_connected(&self, node: &NodeId) -> bool {
        self.describe().iter().any(|link| link.node == *node)
    }

    /// Closes all connections.
    pub(super) fn close(&self) {
        for link in std::mem::take(&mut *self.links.lock()).into_values() {
            if let Some(live) = link.shown.lock().take() {
                live.close();
            }
        }
    }
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
