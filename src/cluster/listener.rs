//! Questions from other nodes: accepts connections and answers what comes over them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::bus::Frame;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::ClusterError;
use super::control::Control;
use super::options::CALL_TIMEOUT;
use super::timing;
use super::wire::{self, Wire, Writer};
use crate::base::clock;
use crate::topology::{LinkDescription, NodeId};

/// Connections that may be open at once: two per node of the largest cluster that is sensible, and room for those half dead.
const CONNECTIONS_MAX: usize = 4096;

/// Questions of one connection that are worked on at once. The next is read when one is answered.
const IN_FLIGHT_MAX: usize = 64;

/// Connections that others opened, for CLUSTER LINKS.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, (NodeId, i64)>>,
}

impl Inbound {
    /// Those of other nodes than `me`, which asks itself where a seed names it.
    pub(super) fn describe(&self, me: NodeId) -> Vec<LinkDescription> {
        let open = self.open.lock();
        let others = open.values().filter(|(node, _)| *node != me);
        others.map(|(node, at)| LinkDescription { inbound: true, node: *node, created_unix_ms: *at, send_buffer_len: 0 }).collect()
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
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let control = Arc::clone(&control);
                tokio::spawn(async move {
                    serve(stream, &control).await;
                    drop(permit);
                });
            }
            // Out of descriptors, mostly: accepting again at once would spin.
            Err(error) => {
                tracing::warn!("cluster bus: cannot accept a connection: {error}");
                timing::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, control: &Arc<Control>) {
    let from = stream.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    let links = &control.peers.links;
    // A stranger must not hold a connection open without saying who it is.
    let opened = timing::timeout(CALL_TIMEOUT * 2, wire::accept(stream, links.credentials(), links.traffic())).await;
    match opened {
        Ok(Ok(wire)) => answer(wire, control).await,
        Ok(Err(wire::WireError::Closed)) => {}
        Ok(Err(error)) => tracing::warn!("cluster bus: connection from {from} refused: {error}"),
        Err(_) => tracing::warn!("cluster bus: connection from {from} refused: no opening exchange in time"),
    }
}

async fn answer(wire: Wire, control: &Arc<Control>) {
    let Wire { mut reader, writer, peer, peer_address } = wire;
    let number = control.inbound().next.fetch_add(1, Ordering::Relaxed);
    control.inbound().open.lock().insert(number, (peer, clock::unix_ms()));
    let (answers, queue) = mpsc::channel(IN_FLIGHT_MAX);
    let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let writing = tokio::spawn(write(writer, queue));
    while let Ok(Frame::Request { exchange, request }) = reader.next().await {
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
