//! What the control plane is told at its start, and its own fixed times.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use larder_proto::bus::{Announcement, LEVEL};

use super::record::NodeRecord;
use crate::topology::ClientEndpoint;

/// How a node takes part in a cluster. Filled by `node` from the configuration.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Folder of the node's file.
    pub dir: PathBuf,
    /// Addresses on which the bus listens; empty means all.
    pub bind: Vec<IpAddr>,
    /// Client port without TLS; 0 if there is none.
    pub port: u16,
    /// Client port with TLS; 0 if there is none.
    pub tls_port: u16,
    /// Port of the bus on this machine.
    pub bus_port: u16,
    /// Client port to announce, if not `port`.
    pub announce_port: Option<u16>,
    /// TLS client port to announce, if not `tls_port`.
    pub announce_tls_port: Option<u16>,
    /// Bus port to announce, if not `bus_port`.
    pub announce_bus_port: Option<u16>,
    /// Address to announce. Empty: taken from `bind` if it names one, else learned from the first node that is met.
    pub announce_host: String,
    /// Where only clients are sent.
    pub announce_to_clients: ClientEndpoint,
    /// Host name to announce; empty for none.
    pub announce_hostname: String,
    /// Name that the node keeps when it loses its files; empty for none.
    pub node_name: String,
    /// Availability zone; empty if unknown.
    pub zone: String,
    /// The cluster's name, which nodes prove to know as well; empty if it has none.
    pub name: String,
    /// What nodes prove to know to each other. Without it only nodes on this machine are talked to.
    pub secret: Option<Vec<u8>>,
    /// Find others through `seeds` and found a cluster with them, instead of waiting for CLUSTER commands.
    pub autopilot: bool,
    /// `host:port` of clients' ports; the bus is at that port plus [`BUS_PORT_OFFSET`]. The port may be left out: `port` is meant then.
    pub seeds: Vec<String>,
    /// Nodes that found a cluster together.
    pub size: usize,
    /// Replicas per primary that the autopilot aims at: slots go to one in `1 + replicas` nodes.
    pub replicas: usize,
    /// Silence after which a node is held to be dead, in milliseconds.
    pub node_timeout_ms: u64,
    /// `cluster-require-full-coverage` at start.
    pub require_full_coverage: bool,
    /// `cluster-allow-reads-when-down` at start.
    pub allow_reads_when_down: bool,
    /// `cluster-allow-pubsubshard-when-down` at start.
    pub allow_pubsubshard_when_down: bool,
}

/// Distance from a client port to its bus port, as in Valkey.
pub const BUS_PORT_OFFSET: u16 = 10_000;

/// Raft's own heartbeat. openraft beats at 3/2 of what it is told, so this makes 120 ms.
pub(super) const RAFT_HEARTBEAT_MS: u64 = 80;

/// Raft's election timeout. openraft waits for the upper value as the old leader's lease, and then for a random time in between: a
/// leader's death is followed by an election after 560 to 640 ms.
pub(super) const RAFT_ELECTION_MS: std::ops::Range<u64> = 240..320;

/// Between two heartbeats of a node to the leader.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_millis(100);

/// Heartbeats between two introductions of a node to every other one, which is how addresses spread and links are watched: a second.
pub(super) const INTRODUCE_EVERY_BEATS: u32 = 10;

/// How long a node's word that it takes no part counts, in milliseconds: it repeats it with every introduction, of which two may be lost.
pub(super) const WITHDRAWN_MS: u64 = HEARTBEAT_EVERY.as_millis() as u64 * INTRODUCE_EVERY_BEATS as u64 * 3;

/// Between two attempts of a node without a cluster to find one.
pub(super) const SEEK_EVERY: Duration = Duration::from_millis(100);

/// Between two looks of the leader at what it has to arrange, unless something happens earlier.
pub(super) const ARRANGE_EVERY: Duration = Duration::from_millis(100);

/// How long one question over the bus may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// For so long after a node said that it takes no part, what comes from it may have been sent before that: nobody waits longer for an answer.
pub(super) const OVERTAKEN_MS: u64 = CALL_TIMEOUT.as_millis() as u64;

/// How long a proposal may take, elections included. Longer than the worst election on a busy machine.
pub(super) const PROPOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// After this long without a word from its founder, a promise no longer binds.
pub(super) const PROMISE_STALE_MS: u64 = 2000;

/// After this long without being let in, a joining node looks around again.
pub(super) const JOIN_PATIENCE_MS: u64 = 3000;

/// Most voters of the group; more would slow every commit and add nothing to safety that five do not give.
pub(super) const VOTERS_MAX: usize = 5;

/// Requests of this process that may wait for the control plane's thread.
pub(super) const REQUESTS_MAX: usize = 1024;

const _: () = assert!(RAFT_HEARTBEAT_MS * 3 / 2 * 2 <= RAFT_ELECTION_MS.start, "one lost heartbeat must not cause an election");
const _: () = assert!(VOTERS_MAX % 2 == 1, "an even number of voters tolerates no more failures than one less");

impl ClusterOptions {
    /// How this node announces itself.
    pub(super) fn announcement(&self, record: NodeRecord) -> Announcement {
        Announcement {
            node: record.id.0,
            shard: record.shard.0,
            host: self.announced_host(),
            hostname: self.announce_hostname.clone(),
            port: self.announce_port.unwrap_or(self.port),
            bus_port: self.announce_bus_port.unwrap_or(self.bus_port),
            tls_port: self.announce_tls_port.unwrap_or(self.tls_port),
            zone: self.zone.clone(),
            level: LEVEL,
            name: self.node_name.clone(),
        }
    }

    fn announced_host(&self) -> String {
        if !self.announce_host.is_empty() {
            return self.announce_host.clone();
        }
        let named = self.bind.iter().filter(|address| !address.is_unspecified());
        // A node that listens beyond this machine must not send clients of other machines to the loopback address.
        let beyond = named.clone().find(|address| !address.is_loopback());
        let only_here = !self.bind.is_empty() && self.bind.iter().all(IpAddr::is_loopback);
        match beyond.or_else(|| if only_here { named.clone().next() } else { None }) {
            Some(address) => address.to_string(),
            None => String::new(),
        }
    }

    /// Bus addresses of the seeds.
    pub(super) fn seed_addresses(&self) -> Vec<(String, u16)> {
        self.seeds.iter().filter_map(|seed| seed_address(seed, self.port)).collect()
    }

    /// How many nodes get slots when the cluster is founded.
    pub(super) fn primaries(&self) -> usize {
        (self.size / (1 + self.replicas)).max(1)
    }
}

/// Host and bus port of `host`, `host:port`, `[v6]` or `[v6]:port`; a bare IPv6 address has no port.
fn seed_address(seed: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match seed.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None if seed.matches(':').count() > 1 => (seed, None),
        None => match seed.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (seed, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default_port,
    };
    Some((host.to_owned(), port.checked_add(BUS_PORT_OFFSET)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds() {
        for (seed, expected) in [
            ("cache-0.cache", Some(("cache-0.cache", 16379))),
            ("10.0.0.1:7000", Some(("10.0.0.1", 17000))),
            ("[::1]:7000", Some(("::1", 17000))),
            ("::1", Some(("::1", 16379))),
            ("host:port", None),
            ("host:60000", None),
        ] {
            assert_eq!(seed_address(seed, 6379), expected.map(|(host, port)| (host.to_owned(), port)), "{seed}");
        }
    }

    #[test]
    fn announced_hosts() {
        for (announce, bind, expected) in [
            ("", vec!["127.0.0.1"], "127.0.0.1"),
            ("", vec!["127.0.0.1", "10.0.0.1"], "10.0.0.1"),
            ("", vec!["127.0.0.1", "0.0.0.0"], ""),
            ("", vec![], ""),
            ("cache.example", vec!["127.0.0.1"], "cache.example"),
        ] {
            let options = ClusterOptions {
                announce_host: announce.to_owned(),
                bind: bind.iter().map(|address| address.parse().unwrap()).collect(),
                ..super::super::tests::options()
            };
            assert_eq!(options.announced_host(), expected, "{announce} {bind:?}");
        }
    }
}
