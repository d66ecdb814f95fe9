//! Where the other nodes are, and asking them by who they are.
//!
//! The book holds what nodes said of themselves, so a node that moved is found before Raft has agreed on its new address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use larder_proto::bus::{Announcement, Request, Response};
use parking_lot::Mutex;

use super::link::{LinkError, Links};
use crate::topology::{ClientEndpoint, Node, NodeId, ShardId, Topology};

/// Nodes remembered. Far more than a cluster has; it bounds what a broken peer can make us keep.
const BOOK_MAX: usize = 4096;

/// Address book and connections.
pub(super) struct Peers {
    pub(super) links: Links,
    book: Mutex<BTreeMap<NodeId, Announcement>>,
}

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the address of node {0} is not known")]
    Nowhere(NodeId),
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Peers {
    pub(super) fn new(links: Links) -> Self {
        Peers { links, book: Mutex::default() }
    }

    fn me(&self) -> NodeId {
        self.links.credentials().me.node
    }

    /// Writes down what a node says of itself; `seen_at` fills in an address that it does not know itself.
    pub(super) fn learn(&self, mut announcement: Announcement, seen_at: IpAddr) {
        if announcement.host.is_empty() {
            announcement.host = seen_at.to_string();
        }
        self.insert(announcement, true);
    }

    /// Writes down what others say of a node, unless something is known already.
    pub(super) fn hear(&self, announcements: impl IntoIterator<Item = Announcement>) {
        for announcement in announcements.into_iter().filter(|announcement| !announcement.host.is_empty()) {
            self.insert(announcement, false);
        }
    }

    /// Writes down where the map says nodes are, unless something is known already.
    pub(super) fn hear_map(&self, topology: &Topology) {
        self.hear(topology.nodes().iter().map(announcement_of));
    }

    fn insert(&self, announcement: Announcement, replace: bool) {
        let node = NodeId(announcement.node);
        if node == self.me() {
            return;
        }
        let mut book = self.book.lock();
        if book.contains_key(&node) {
            if replace {
                book.insert(node, announcement);
            }
        } else if book.len() < BOOK_MAX {
            book.insert(node, announcement);
        }
    }

    /// Everybody who is known.
    pub(super) fn known(&self) -> Vec<Announcement> {
        self.book.lock().values().cloned().collect()
    }

    /// Where the node is.
    pub(super) fn find(&self, node: &NodeId) -> Option<Announcement> {
        self.book.lock().get(node).cloned()
    }

    /// The node with this identity inside the Raft group.
    pub(super) fn find_by_raft_id(&self, raft_id: u64) -> Option<Announcement> {
        self.book.lock().values().find(|announcement| NodeId(announcement.node).raft_id() == raft_id).cloned()
    }

    /// Forgets a node that left.
    pub(super) fn forget(&self, node: &NodeId) {
        self.book.lock().remove(node);
    }

    /// Asks this node.
    pub(super) async fn ask(&self, node: NodeId, request: Request, timeout: Duration) -> Result<Response, AskError> {
        let found = self.find(&node).ok_or(AskError::Nowhere(node))?;
        Ok(self.links.ask_node(&found, request, timeout).await?)
    }
}

/// A node of the map, as it would announce itself.
pub(super) fn announcement_of(node: &Node) -> Announcement {
    Announcement {
        node: node.id.0,
        shard: node.shard.0,
        host: node.host.clone(),
        hostname: node.hostname.clone(),
        port: node.port,
        bus_port: node.bus_port,
        tls_port: node.tls_port,
        zone: node.zone.clone(),
        level: node.level,
        name: node.name.clone(),
    }
}

/// A node of the map from its announcement.
pub(super) fn node_of(announcement: &Announcement) -> Node {
    let id = NodeId(announcement.node);
    Node {
        id,
        raft_id: id.raft_id(),
        host: announcement.host.clone(),
        hostname: announcement.hostname.clone(),
        port: announcement.port,
        bus_port: announcement.bus_port,
        tls_port: announcement.tls_port,
        zone: announcement.zone.clone(),
        shard: ShardId(announcement.shard),
        // The node itself tells the group: see `arrange`.
        clients: ClientEndpoint::default(),
        level: announcement.level,
        // As this, by its process: `Command::Started`.
        name: String::new(),
        incarnation: 0,
    }
}

/// `host:port` of a node's bus.
pub(super) fn bus_address(announcement: &Announcement) -> String {
    format!("{}:{}", announcement.host, announcement.bus_port)
}
