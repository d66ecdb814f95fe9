//! CLUSTER NODES and CLUSTER INFO, in Valkey's format to the byte.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{ClientView, Node, NodeId, Topology};

/// What this node has seen of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sighting {
    /// When the question was sent that has no answer yet, in milliseconds since 1970; 0 if there is none.
    pub ping_sent_unix_ms: i64,
    /// When it last answered, in milliseconds since 1970; 0 if never.
    pub pong_received_unix_ms: i64,
    /// Whether there is a connection.
    pub connected: bool,
    /// Its position in its shard's replication stream, as far as known.
    pub replication_offset: u64,
}

/// What this node has seen of all others. Who was never seen has the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sightings(pub BTreeMap<NodeId, Sighting>);

impl Sightings {
    /// What was seen of this node.
    pub fn get(&self, id: &NodeId) -> Sighting {
        self.0.get(id).copied().unwrap_or_default()
    }
}

/// Traffic of the bus since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BusCounters {
    /// Messages sent by type, under the names that CLUSTER INFO prints; types never sent are left out.
    pub sent: Vec<(&'static str, u64)>,
    /// Messages received by type.
    pub received: Vec<(&'static str, u64)>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

impl Topology {
    /// CLUSTER NODES as node `me` answers it to such a client.
    pub fn nodes_text(&self, me: &NodeId, sightings: &Sightings, view: ClientView) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            text.push_str(&self.node_line(me, node, sightings, view));
            text.push('\n');
        }
        text
    }

    /// One line of CLUSTER NODES, as CLUSTER REPLICAS lists it too.
    pub fn node_line(&self, me: &NodeId, node: &Node, sightings: &Sightings, view: ClientView) -> String {
        let shard = self.shard(&node.shard).expect("every node belongs to a shard");
        let is_primary = shard.primary == node.id;
        let sighting = sightings.get(&node.id);
        let mut line = format!("{} {}:{}@{}", node.id, node.client_host(view), node.client_port(view), node.bus_port);
        if !node.hostname.is_empty() {
            let _ = write!(line, ",{}", node.hostname);
        }
        line.push(' ');
        if node.id == *me {
            line.push_str("myself,");
        }
        line.push_str(if is_primary { "master" } else { "slave" });
        if self.is_failed(&node.id) {
            line.push_str(",fail");
        } else if self.is_suspected(&node.id) {
            line.push_str(",fail?");
        }
        if is_primary {
            line.push_str(" -");
        } else {
            let _ = write!(line, " {}", shard.primary);
        }
        let link = if node.id == *me || sighting.connected { "connected" } else { "disconnected" };
        let (sent, received) = (sighting.ping_sent_unix_ms, sighting.pong_received_unix_ms);
        let _ = write!(line, " {sent} {received} {} {link}", shard.config_epoch);
        if is_primary {
            for range in self.slot_ranges(&shard.id) {
                if range.start == range.end {
                    let _ = write!(line, " {}", range.start);
                } else {
                    let _ = write!(line, " {}-{}", range.start, range.end);
                }
            }
        }
        line
    }

    /// CLUSTER INFO as node `me` answers it.
    pub fn info_text(&self, me: &NodeId, counters: &BusCounters) -> String {
        let (mut assigned, mut ok, mut suspected, mut failed) = (0, 0, 0, 0);
        let (mut voting_suspected, mut voting_failed, mut size) = (0, 0, 0);
        for shard in &self.shards {
            let count = self.slot_count(&shard.id);
            assigned += count;
            let votes = usize::from(count > 0);
            size += votes;
            if self.is_failed(&shard.primary) {
                failed += count;
                voting_failed += votes;
            } else if self.is_suspected(&shard.primary) {
                suspected += count;
                voting_suspected += votes;
            } else {
                ok += count;
            }
        }
        let nodes_suspected = self.nodes.iter().filter(|node| self.is_suspected(&node.id) && !self.is_failed(&node.id)).count();
        let nodes_failed = self.nodes.iter().filter(|node| self.is_failed(&node.id)).count();
        let mut text = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = write!(text, "{name}:{value}\r\n");
        };
        line("cluster_state", &if self.failing.is_none() { "ok" } else { "fail" });
        line("cluster_slots_assigned", &assigned);
        line("cluster_slots_ok", &ok);
        line("cluster_slots_pfail", &suspected);
        line("cluster_slots_fail", &failed);
        line("cluster_nodes_pfail", &nodes_suspected);
        line("cluster_nodes_fail", &nodes_failed);
        line("cluster_voting_nodes_pfail", &voting_suspected);
        line("cluster_voting_nodes_fail", &voting_failed);
        line("cluster_known_nodes", &self.nodes.len());
        line("cluster_size", &size);
        line("cluster_current_epoch", &self.epoch);
        line("cluster_my_epoch", &self.config_epoch(me));
        for (direction, messages) in [("sent", &counters.sent), ("received", &counters.received)] {
            for (name, count) in messages {
                line(&format!("cluster_stats_messages_{name}_{direction}"), count);
            }
            let total: u64 = messages.iter().map(|(_, count)| count).sum();
            line(&format!("cluster_stats_messages_{direction}"), &total);
        }
        line("cluster_stats_bytes_sent", &counters.bytes_sent);
        line("cluster_stats_bytes_received", &counters.bytes_received);
        // The bus carries no published messages and no modules' messages.
        for name in ["pubsub_bytes_sent", "pubsub_bytes_received", "module_bytes_sent", "module_bytes_received"] {
            line(&format!("cluster_stats_{name}"), &0);
        }
        line("total_cluster_links_buffer_limit_exceeded", &0);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::View;
    use crate::topology::testing::{cluster, node};
    use expect_test::expect;

    #[test]
    fn nodes() {
        let view = View { has_quorum: true, failed: vec![node(2).id], suspected: vec![node(3).id], ..View::default() };
        let topology = cluster(3).seen_from(view);
        let seen = Sighting { ping_sent_unix_ms: 0, pong_received_unix_ms: 1_800_000_000_123, connected: true, replication_offset: 0 };
        let sightings = Sightings([(node(3).id, seen)].into());
        expect![[r#"
            01ababababababababababababababababababab 10.0.0.1:7000@17000 myself,master - 0 0 3 connected 0-5460
            02ababababababababababababababababababab 10.0.0.2:7000@17000 master,fail - 0 0 1 disconnected 5461-10922
            03ababababababababababababababababababab 10.0.0.3:7000@17000 master,fail? - 0 1800000000123 2 connected 10923-16383
        "#]]
        .assert_eq(&topology.nodes_text(&node(1).id, &sightings, ClientView::default()));
    }

    #[test]
    fn info() {
        let topology = cluster(3).seen_from(View { has_quorum: true, suspected: vec![node(3).id], ..View::default() });
        let counters =
            BusCounters { sent: vec![("ping", 5), ("auth-req", 2)], received: vec![("pong", 4)], bytes_sent: 700, bytes_received: 400 };
        expect![[r#"
            cluster_state:ok
            cluster_slots_assigned:16384
            cluster_slots_ok:10923
            cluster_slots_pfail:5461
            cluster_slots_fail:0
            cluster_nodes_pfail:1
            cluster_nodes_fail:0
            cluster_voting_nodes_pfail:1
            cluster_voting_nodes_fail:0
            cluster_known_nodes:3
            cluster_size:3
            cluster_current_epoch:3
            cluster_my_epoch:3
            cluster_stats_messages_ping_sent:5
            cluster_stats_messages_auth-req_sent:2
            cluster_stats_messages_sent:7
            cluster_stats_messages_pong_received:4
            cluster_stats_messages_received:4
            cluster_stats_bytes_sent:700
            cluster_stats_bytes_received:400
            cluster_stats_pubsub_bytes_sent:0
            cluster_stats_pubsub_bytes_received:0
            cluster_stats_module_bytes_sent:0
            cluster_stats_module_bytes_received:0
            total_cluster_links_buffer_limit_exceeded:0
        "#]]
        .assert_eq(&topology.info_text(&node(1).id, &counters).replace("\r\n", "\n"));
        let bare = Topology::default().info_text(&node(1).id, &BusCounters::default());
        assert!(bare.lines().count() == 22 && bare.ends_with("total_cluster_links_buffer_limit_exceeded:0\r\n"), "{bare}");
    }
}
