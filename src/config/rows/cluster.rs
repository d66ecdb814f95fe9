//! Options of clusters: those that Valkey has too.

use super::shared::{CLUSTER_BUS, CLUSTER_REPLICAS, INT_MAX, LONG_MAX, PORT_MAX};
use crate::config::checks;
use crate::config::row::Storage::Kept;
use crate::config::row::{Form, Row, field, in_form, memory, number, text, word, yes_no};
use crate::config::value::ClusterEndpointType;

const MIGRATION_TUNING: &str = "it tunes slot migration, which this version does not have yet";

pub(super) static ROWS: &[Row] = &[
    yes_no("cluster-enabled", false, field!(cluster_enabled))
        .immutable()
        .doc("Be a node of a cluster: keys live in 16384 slots, and clients are sent to the node that owns a slot."),
    number("cluster-node-timeout", 0, LONG_MAX, 1000, field!(cluster_node_timeout)).doc(
        "Milliseconds of silence after which a node counts as failed. Lower fails over sooner and forgives shorter \
         hiccups. Valkey's default is 15000.",
    ),
    number("cluster-port", 0, PORT_MAX, 0, field!(cluster_port)).immutable().doc("TCP port for other nodes. 0 stands for port + 10000."),
    number("cluster-databases", 1, INT_MAX, 1, field!(cluster_databases))
        .immutable()
        .doc("Databases that SELECT can choose from on a cluster."),
    text("cluster-announce-ip", "", field!(cluster_announce_ip))
        .unset_when_empty()
        .check(checks::announced_ip)
        .doc("Address that other nodes and clients are told, when it is not the one the node sees: behind NAT, in containers."),
    number("cluster-announce-port", 0, PORT_MAX, 0, field!(cluster_announce_port))
        .doc("Port for clients that is announced. 0 stands for port."),
    number("cluster-announce-tls-port", 0, PORT_MAX, 0, field!(cluster_announce_tls_port))
        .doc("TLS port for clients that is announced. 0 stands for tls-port."),
    number("cluster-announce-bus-port", 0, PORT_MAX, 0, field!(cluster_announce_bus_port))
        .doc("Port for nodes that is announced. 0 stands for cluster-port."),
    text("cluster-announce-client-ipv4", "", field!(cluster_announce_client_ipv4))
        .unset_when_empty()
        .check(checks::ipv4)
        .doc("Address that clients over IPv4 are told, when it is not the one that nodes are told."),
    text("cluster-announce-client-ipv6", "", field!(cluster_announce_client_ipv6))
        .unset_when_empty()
        .check(checks::ipv6)
        .doc("Address that clients over IPv6 are told, when it is not the one that nodes are told."),
    number("cluster-announce-client-port", 0, PORT_MAX, 0, field!(cluster_announce_client_port))
        .doc("Port that only clients are told. 0 stands for cluster-announce-port."),
    number("cluster-announce-client-tls-port", 0, PORT_MAX, 0, field!(cluster_announce_client_tls_port))
        .doc("TLS port that only clients are told. 0 stands for cluster-announce-tls-port."),
    text("cluster-announce-hostname", "", field!(cluster_announce_hostname))
        .unset_when_empty()
        .check(checks::announced_hostname)
        .doc("Host name that is announced beside the address."),
    text("cluster-announce-human-nodename", "", field!(cluster_announce_human_nodename))
        .unset_when_empty()
        .check(checks::announced_nodename)
        .no_effect("the log names nodes by their ids")
        .doc("Name of the node in logs, beside its id."),
    word("cluster-preferred-endpoint-type", ClusterEndpointType::WORDS, "ip", field!(cluster_preferred_endpoint_type))
        .doc("What clients are sent to: addresses, host names, or no address at all (they keep the one they used)."),
    text("availability-zone", "", field!(availability_zone))
        .doc("Zone that the node is in. Replicas are placed in other zones than their primary, and clients can see it."),
    yes_no("cluster-require-full-coverage", true, field!(cluster_require_full_coverage))
        .doc("Stop answering when any slot has no owner, instead of only for that slot."),
    yes_no("cluster-allow-reads-when-down", false, field!(cluster_allow_reads_when_down))
        .doc("Answer reads of own slots even while the cluster is down."),
    yes_no("cluster-allow-pubsubshard-when-down", true, field!(cluster_allow_pubsubshard_when_down))
        .doc("Serve sharded channels of own slots even while the cluster is down."),
    yes_no("cluster-slot-stats-enabled", false, field!(cluster_slot_stats_enabled))
        .no_effect("statistics per slot beyond the number of keys are not there yet")
        .doc("Count processor time and traffic per slot, for CLUSTER SLOT-STATS."),
    text("cluster-config-file", "nodes.conf", Kept)
        .immutable()
        .check(checks::cluster_config_file)
        .no_effect("the nodes agree on the cluster's state and keep it in a log of their own in dir")
        .doc("File in which a node of Valkey keeps what it knows of its cluster."),
    word("cluster-config-save-behavior", &["sync", "best-effort"], "sync", Kept)
        .no_effect("the cluster's state is always written before it counts")
        .doc("What to do when that file cannot be written."),
    yes_no("cluster-replica-no-failover", false, Kept)
        .alias("cluster-slave-no-failover")
        .no_effect(CLUSTER_REPLICAS)
        .doc("Never promote this node by itself."),
    number("cluster-replica-validity-factor", 0, INT_MAX, 10, Kept)
        .alias("cluster-slave-validity-factor")
        .no_effect(CLUSTER_REPLICAS)
        .doc("How far behind a replica may be to be promoted, in node timeouts."),
    number("cluster-migration-barrier", 0, INT_MAX, 1, Kept)
        .no_effect(CLUSTER_REPLICAS)
        .doc("Replicas that a primary keeps when one moves to a primary without any."),
    yes_no("cluster-allow-replica-migration", true, Kept).no_effect(CLUSTER_REPLICAS).doc("Let replicas move to primaries that have none."),
    number("cluster-manual-failover-timeout", 1, INT_MAX, 5000, Kept)
        .no_effect(CLUSTER_REPLICAS)
        .doc("Milliseconds that CLUSTER FAILOVER may take."),
    memory("cluster-link-sendbuf-limit", 0, u64::MAX as i128, 0, Kept)
        .no_effect(CLUSTER_BUS)
        .doc("Bytes that may wait for another node before the connection is dropped. 0 sets no limit."),
    number("cluster-blacklist-ttl", 0, LONG_MAX, 60, Kept)
        .no_effect("a forgotten node stays forgotten: the nodes agree on it")
        .doc("Seconds for which a node removed by CLUSTER FORGET is not added again."),
    number("cluster-ping-interval", 0, LONG_MAX, 0, Kept).hidden().no_effect(CLUSTER_BUS).doc("Milliseconds between pings to other nodes."),
    number("cluster-message-gossip-perc", 1, 100, 10, Kept)
        .hidden()
        .no_effect(CLUSTER_BUS)
        .doc("Percentage of nodes that a ping tells of."),
    number("cluster-slot-migration-log-max-len", 0, LONG_MAX, 1000, Kept)
        .no_effect(MIGRATION_TUNING)
        .doc("Finished migrations that CLUSTER GETSLOTMIGRATIONS shows."),
    in_form("slot-migration-max-failover-repl-bytes", -1, LONG_MAX, 0, Form::SignedMemory, Kept)
        .no_effect(MIGRATION_TUNING)
        .doc("Bytes on the way to the new owner at which writes are held back for the hand-over. -1 sets no limit."),
];
