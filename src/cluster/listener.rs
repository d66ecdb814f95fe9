//! Questions from other nodes: accepts connections and answers what comes over them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::bus::{Frame, Lane, Request};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::ClusterError;
use super::control::Control;
use super::options::CALL_TIMEOUT;
use super::strangers::{Stay, Strangers};
use super::timing;
use super::wire::{self, Wire, Writer};
use crate::base::clock;
use crate::topology::{LinkDescription, NodeId};

/// Connections of other nodes that may be open at once: two lanes per node of the largest cluster that is sensible, and room for those half dead.
const CONNECTIONS_MAX: usize = 4096;

/// Questions of one connection that are worked on at once. The next is read when one is answered.
const IN_FLIGHT_MAX: usize = 64;

/// How often the log is told of what was counted meanwhile, at a bus that nobody calls.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Connections that others opened, for CLUSTER LINKS.
#[derive(Debug)]
pub(super) struct Inbound {
    strangers: Arc<Strangers>,
    /// Room for connections of other nodes.
    places: Semaphore,
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, (NodeId, i64)>>,
}

impl Default for Inbound {
    fn default() -> Self {
        Inbound { strangers: Arc::default(), places: Semaphore::new(CONNECTIONS_MAX), next: AtomicU64::new(0), open: Mutex::default() }
    }
}

impl Inbound {
    /// Those of other nodes than `me`, which asks itself where a seed names it.
    pub(super) fn describe(&self, me: NodeId) -> Vec<LinkDescription> {
        let open = self.open.lock();
        // Of the two lanes one is shown.
        let mut since: BTreeMap<NodeId, i64> = BTreeMap::new();
        for (node, at) in open.values().filter(|(node, _)| *node != me) {
            let opened = since.entry(*node).or_insert(*at);
            *opened = (*at).min(*opened);
        }
        let describe = |(node, created_unix_ms)| LinkDescription { inbound: true, node, created_unix_ms, send_buffer_len: 0 };
        since.into_iter().map(describe).collect()
    }
}

/// Listens where the options say.
pub(super) async fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, ClusterError> {
    // The IPv6 wildcard covers IPv4 too on most machines, and is missing on others: for "everywhere" one of the two is enough.
    let anywhere = [IpAddr::from([0_u16; 8]), IpAddr::from([0_u8; 4])];
    let addresses = if addresses.is_empty() { &anywhere[..] } else { addresses };
    let mut listeners = Vec::new();
    let mut failure = None;
    for address in addresses {
        match TcpListener::bind((*address, port)).await {
            Ok(listener) => listeners.push(listener),
            // As for clients: an address that this machine lacks is done without, as long as there is another.
            Err(reason) => {
                let is_missing = matches!(reason.kind(), std::io::ErrorKind::AddrNotAvailable | std::io::ErrorKind::Unsupported);
                let failed = ClusterError::Listen { address: format!("{address}:{port}"), reason };
                if !is_missing && addresses != &anywhere[..] {
                    return Err(failed);
                }
                failure = Some(failed);
            }
        }
    }
    match failure {
        Some(failure) if listeners.is_empty() => Err(failure),
        _ => Ok(listeners),
    }
}

/// Accepts until the task is aborted.
pub(super) async fn listen(listener: TcpListener, control: Arc<Control>) {
    let strangers = &control.inbound().strangers;
    loop {
        strangers.tell_overdue();
        let Ok(accepted) = timing::timeout(TELL_EVERY, listener.accept()).await else { continue };
        match accepted {
            Ok((stream, from)) => {
                if let Err(error) = control.peers.links.credentials().permit(from.ip()) {
                    wire::turn_away(&stream, &error);
                    strangers.refused(&from.to_string(), &error);
                    continue;
                }
                let (control, stay) = (Arc::clone(&control), strangers.enter(from.ip().to_canonical()));
                tokio::spawn(async move { serve(stream, from, stay, &control).await });
            }
            // Out of descriptors, mostly: accepting again at once would spin.
            Err(error) => {
                tracing::warn!("cluster bus: cannot accept a connection: {error}");
                timing::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, from: SocketAddr, mut stay: Stay, control: &Arc<Control>) {
    let links = &control.peers.links;
    let refused = |why: &dyn std::fmt::Display| control.inbound().strangers.refused(&from.to_string(), why);
    // A stranger must not hold a connection open without saying who it is.
    let opened = tokio::select! {
        opened = timing::timeout(CALL_TIMEOUT * 2, wire::accept(stream, links.credentials(), links.traffic())) => opened,
        () = stay.lost() => return refused(&"too many connections have not proved who they are"),
    };
    drop(stay);
    match opened {
        Ok(Ok(wire)) => match control.inbound().places.try_acquire() {
            Ok(_place) => answer(wire, control).await,
            Err(_) => refused(&"too many connections of other nodes are open"),
        },
        Ok(Err(wire::WireError::Closed)) => {}
        Ok(Err(error)) => refused(&error),
        Err(_) => refused(&"no opening exchange in time"),
    }
}

async fn answer(wire: Wire, control: &Arc<Control>) {
    let Wire { mut reader, writer, peer, peer_address, lane } = wire;
    let peer = peer.node;
    let number = control.inbound().next.fetch_add(1, Ordering::Relaxed);
    control.inbound().open.lock().insert(number, (peer, clock::unix_ms()));
    let (answers, queue) = mpsc::channel(IN_FLIGHT_MAX);
    let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let writing = tokio::spawn(write(writer, queue));
    while let Ok(Frame::Request { exchange, request }) = reader.next().await {
        // What takes long would hold up what others wait for.
        if lane == Lane::Urgent && request.lane() != lane && request != Request::Unknown {
            break;
        }
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            break;
        };
        let (control, answers) = (Arc::clone(control), answers.clone());
        tokio::spawn(async move {
            let response = control.answer(peer, peer_address, request).await;
            // The asker may be gone by now.
            let _ = answers.send(Frame::Response { exchange, response }).await;
            drop(permit);
        });
    }
    control.inbound().open.lock().remove(&number);
    writing.abort();
}

async fn write(mut writer: Writer, mut queue: mpsc::Receiver<Frame>) {
    while let Some(frame) = queue.recv().await {
        if writer.send(&frame).await.is_err() {
            return;
        }
    }
}
