//! The node's place in a cluster: the control plane's options from the configuration.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use crate::cluster::{BUS_PORT_OFFSET, Cluster, ClusterError, ClusterOptions};
use crate::config::Config;
use crate::engine::cluster_access::ClusterAccess;
use crate::topology::ClientEndpoint;

/// Starts the control plane in cluster mode.
pub(super) async fn start(config: &Config) -> Result<Option<Arc<Cluster>>, ClusterError> {
    if !config.cluster_enabled {
        return Ok(None);
    }
    let bus_port = match config.cluster_port {
        0 => config.port.checked_add(BUS_PORT_OFFSET).ok_or(ClusterError::Port(u32::from(config.port) + u32::from(BUS_PORT_OFFSET)))?,
        port => port,
    };
    let cluster = Cluster::start(options(config, bus_port, bus_addresses(&config.bind))).await?;
    tracing::info!("Node id is {}", cluster.me());
    Ok(Some(cluster))
}

/// The cluster as commands see it.
pub(super) fn access(cluster: &Arc<Cluster>) -> ClusterAccess {
    ClusterAccess {
        me: cluster.me(),
        topology: Arc::clone(cluster.topology_swap()),
        changes: Arc::clone(cluster.map_changes()),
        control: Arc::clone(cluster) as _,
    }
}

/// Tells the control plane of options that were changed while running.
pub(super) fn configure(cluster: &Cluster, before: &Config, after: &Config) {
    // The bus stays where it was opened.
    let now = |config| options(config, cluster.options().bus_port, cluster.options().bind.clone());
    cluster.configure(&now(before), &now(after));
}

fn options(config: &Config, bus_port: u16, bind: Vec<IpAddr>) -> ClusterOptions {
    let unless_zero = |port: u16| (port != 0).then_some(port);
    ClusterOptions {
        dir: PathBuf::from(&config.dir),
        bind,
        port: config.port,
        tls_port: 0,
        bus_port,
        announce_port: unless_zero(config.cluster_announce_port),
        announce_tls_port: unless_zero(config.cluster_announce_tls_port),
        announce_bus_port: unless_zero(config.cluster_announce_bus_port),
        announce_host: config.cluster_announce_ip.clone(),
        announce_to_clients: ClientEndpoint {
            ipv4: config.cluster_announce_client_ipv4.clone(),
            ipv6: config.cluster_announce_client_ipv6.clone(),
            port: config.cluster_announce_client_port,
            tls_port: config.cluster_announce_client_tls_port,
        },
        announce_hostname: config.cluster_announce_hostname.clone(),
        node_name: config.cluster_node_name().to_owned(),
        zone: config.availability_zone.clone(),
        name: config.cluster_name.clone(),
        secret: config.bus_secret().map(|secret| secret.as_bytes().to_vec()),
        autopilot: config.cluster_autopilot,
        seeds: config.cluster_seed.clone(),
        size: config.cluster_size as usize,
        replicas: config.cluster_replicas as usize,
        node_timeout_ms: config.cluster_node_timeout,
        require_full_coverage: config.cluster_require_full_coverage,
        allow_reads_when_down: config.cluster_allow_reads_when_down,
        allow_pubsubshard_when_down: config.cluster_allow_pubsubshard_when_down,
    }
}

/// The addresses of `bind`; none for "everywhere". A leading `-` only says that the address may be missing.
fn bus_addresses(bind: &[String]) -> Vec<IpAddr> {
    let names = bind.iter().map(|name| name.strip_prefix('-').unwrap_or(name));
    if names.clone().any(|name| name == "*") {
        return Vec::new();
    }
    let address = |name: &str| match name {
        "::*" => Some(IpAddr::from([0_u16; 8])),
        _ => (name, 0).to_socket_addrs().ok()?.next().map(|found| found.ip()),
    };
    names.filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_listens_where_clients_are_listened_to() {
        for (bind, expected) in
            [(vec!["*", "-::*"], vec![]), (vec!["127.0.0.1", "-::1"], vec!["127.0.0.1", "::1"]), (vec!["10.1.2.3"], vec!["10.1.2.3"])]
        {
            let bind: Vec<_> = bind.into_iter().map(str::to_owned).collect();
            let expected: Vec<IpAddr> = expected.into_iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(bus_addresses(&bind), expected, "{bind:?}");
        }
    }
}
