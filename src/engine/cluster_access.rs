//! What commands need of the control plane, which is of a higher rank: `node` supplies it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::generation::Generation;
use crate::clients::Caller;
use crate::topology::{BusCounters, ClientView, Command, LinkDescription, NodeId, PreferredEndpoint, Reply, Sightings, Topology};

/// Something that takes its time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The control plane of a node in cluster mode. Errors are texts for the client, without `ERR`.
pub trait ControlPlane: Send + Sync {
    /// Changes the map and waits until the change is seen here.
    fn propose(&self, command: Command) -> Pending<'_, Result<Reply, String>>;
    /// Merges this node's cluster with that of the node whose bus is there.
    fn meet(&self, host: String, bus_port: u16) -> Pending<'_, Result<(), String>>;
    /// Leaves the cluster.
    fn reset(&self) -> Pending<'_, Result<(), String>>;
    /// What this node has seen of the others.
    fn sightings(&self) -> Sightings;
    /// Traffic of the bus.
    fn counters(&self) -> BusCounters;
    /// Connections of the bus.
    fn links(&self) -> Vec<LinkDescription>;
}

/// A node's place in its cluster.
pub struct ClusterAccess {
    /// This node.
    pub me: NodeId,
    /// The map, as seen from here. Always contains this node.
    pub topology: Arc<ArcSwap<Topology>>,
    /// Advances after each change of the map.
    pub changes: Arc<Generation>,
    /// Changes it.
    pub control: Arc<dyn ControlPlane>,
}

impl std::fmt::Debug for ClusterAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterAccess").field("me", &self.me).finish_non_exhaustive()
    }
}

/// What of a caller's connection decides where it is sent.
pub fn client_view(caller: &Caller) -> ClientView {
    // No connection is encrypted yet.
    ClientView { ipv6: caller.client.is_ipv6(), tls: false }
}

/// What `cluster-preferred-endpoint-type` says.
pub fn preferred_endpoint(config: &crate::config::Config) -> PreferredEndpoint {
    use crate::config::ClusterEndpointType;
    match config.cluster_preferred_endpoint_type {
        ClusterEndpointType::Ip => PreferredEndpoint::Ip,
        ClusterEndpointType::Hostname => PreferredEndpoint::Hostname,
        ClusterEndpointType::UnknownEndpoint => PreferredEndpoint::Unknown,
    }
}
