//! Options of replication from a primary to replicas.

use super::shared::{INT_MAX, LONG_MAX, MIB, PORT_MAX};
use crate::config::custom;
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, custom, field, memory, number, text, word, yes_no};

pub(super) static ROWS: &[Row] = &[
    custom("replicaof", &custom::REPLICAOF).alias("slaveof").immutable().multi_arg().example("10.0.0.1 6379").doc("Primary to copy."),
    text("primaryauth", "", field!(primaryauth))
        .alias("masterauth")
        .unset_when_empty()
        .sensitive()
        .example("a-long-secret")
        .doc("Password for the primary. Nodes of a cluster also take it for their cluster-secret when that is not set."),
    text("primaryuser", "", field!(primaryuser)).alias("masteruser").unset_when_empty().sensitive().doc("User for the primary."),
    yes_no("replica-serve-stale-data", true, field!(replica_serve_stale_data))
        .alias("slave-serve-stale-data")
        .doc("Let a replica answer reads while it has lost its primary."),
    yes_no("replica-read-only", true, field!(replica_read_only)).alias("slave-read-only").doc(
        "Refuse writes on a replica. What clients write to one that takes them is in no append only file before a rewrite \
         that follows its promotion.",
    ),
    yes_no("replica-ignore-maxmemory", true, Kept)
        .alias("slave-ignore-maxmemory")
        .no_effect("a replica evicts nothing by itself")
        .doc("Let only the primary evict; replicas follow."),
    yes_no("replica-lazy-flush", true, Kept)
        .alias("slave-lazy-flush")
        .no_effect("the thread that follows the primary frees it, which holds up nobody")
        .doc("Free a replica's old data in the background before a full copy."),
    number("replica-priority", 0, INT_MAX, 100, field!(replica_priority))
        .alias("slave-priority")
        .doc("Order in which replicas are preferred for promotion, lowest first. 0 is never promoted."),
    yes_no("replica-announced", true, field!(replica_announced)).doc("List this replica to those who look for one."),
    text("replica-announce-ip", "", field!(replica_announce_ip))
        .alias("slave-announce-ip")
        .unset_when_empty()
        .doc("Address that a replica gives as its own."),
    number("replica-announce-port", 0, PORT_MAX, 0, field!(replica_announce_port))
        .alias("slave-announce-port")
        .doc("Port that a replica gives as its own."),
    yes_no("replica-ignore-disk-write-errors", false, Kept)
        .no_effect("a replica whose disk fails goes on, says so in INFO and in the log, and tells its primary of nothing that is not on it")
        .doc("Let a replica go on when it cannot write to disk."),
    number("min-replicas-to-write", 0, INT_MAX, 0, field!(min_replicas_to_write))
        .alias("min-slaves-to-write")
        .doc("Replicas that must be connected and current for writes to be accepted. 0 needs none."),
    number("min-replicas-max-lag", 0, INT_MAX, 10, field!(min_replicas_max_lag))
        .alias("min-slaves-max-lag")
        .doc("Seconds of silence up to which a replica counts as current. 0 accepts writes whatever the replicas do."),
    number("repl-timeout", 1, INT_MAX, 60, field!(repl_timeout))
        .doc("Seconds of silence after which primary and replica give each other up."),
    number("repl-ping-replica-period", 1, INT_MAX, 10, field!(repl_ping_replica_period))
        .alias("repl-ping-slave-period")
        .doc("Seconds between a primary's pings."),
    memory("repl-backlog-size", 1, LONG_MAX, 10 * MIB, field!(repl_backlog_size))
        .doc("Recent writes kept so that a replica can go on where it stopped."),
    number("repl-backlog-ttl", 0, LONG_MAX, 3600, field!(repl_backlog_ttl))
        .doc("Seconds without a replica after which that backlog is freed. 0 keeps it."),
    memory("repl-aside-size", 0, LONG_MAX, 4096 * MIB, field!(repl_aside_size)).doc(
        "Writes kept on disk (in dir) for each replica that is sent its copy or is slower than the writers, beyond \
         what is kept in memory. A replica that has not taken more than this is given up, and as before one that has \
         left more in memory than client-output-buffer-limit, where the disk is slower than the writers. From half of \
         either on writes wait a part of each moment. 0 keeps all in memory. INFO shows repl_aside_bytes and \
         repl_write_delay_ms. Larder's own.",
    ),
    yes_no("repl-disable-tcp-nodelay", false, field!(repl_disable_tcp_nodelay)).doc("Send to replicas in fewer, later packets."),
    yes_no("repl-mptcp", false, Kept)
        .immutable()
        .later("Multipath TCP is not supported yet")
        .doc("Connect to the primary over Multipath TCP."),
    yes_no("repl-diskless-sync", true, field!(repl_diskless_sync)).doc(
        "Wait for more replicas before a full copy starts. A replica that finds the end of its copy by itself is sent it at once, \
         and others by way of a file, whatever this says.",
    ),
    number("repl-diskless-sync-delay", 0, INT_MAX, 0, field!(repl_diskless_sync_delay)).doc(
        "Seconds to wait for more replicas before a full copy starts, which is then taken once for all of them. Who asks while one \
         is taken for others shares the next one in any case. Valkey waits 5 seconds.",
    ),
    number("repl-diskless-sync-max-replicas", 0, INT_MAX, 0, field!(repl_diskless_sync_max_replicas))
        .doc("Replicas with which a full copy starts before that time is over. 0 always waits."),
    word("repl-diskless-load", &["disabled", "on-empty-db", "swapdb", "flush-before-load"], "disabled", Kept)
        .denied_while_loading()
        .no_effect("a full copy is received into a file, so that the old data is there until it has arrived")
        .doc("When a replica loads a full copy without a file."),
    yes_no("dual-channel-replication-enabled", false, Kept)
        .no_effect("writes during a full copy wait in the log, for whose sake no second connection is needed")
        .doc("Send a full copy and the writes meanwhile over two connections."),
    word("propagation-error-behavior", &["ignore", "panic", "panic-on-replicas"], "ignore", Kept)
        .no_effect("what cannot be applied is told in the log, and the stream goes on")
        .doc("What to do when a replicated command fails."),
];
