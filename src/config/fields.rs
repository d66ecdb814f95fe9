//! [`Config`]: the value of every option, typed, at one moment.
//!
//! Field names are option names in snake case; units are the option's (its row says which). A field exists for every
//! option that a part of the server reads; the values of the others are only remembered, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keyspace_events::KeyspaceEvents;
use super::value::{
    AclPubsubDefault, AppendFsync, ClusterEndpointType, LogFormat, LogLevel, LogTimestampFormat, MaxmemoryPolicy, MemoryOrPercent,
    OomScoreAdj, OutputBufferLimits, ProtectedAction, RdbFormat, RdbVersionCheck, RenamedCommand, SavePoint, ShutdownFlags, Supervised,
    Value,
};

macro_rules! config {
    ($($field:ident: $type:ty,)+) => {
        /// The value of every option at one moment. Cheap to share, and replaced as a whole when an option changes.
        #[derive(Clone)]
        pub struct Config {
            $(
                #[doc = concat!("The option of this name; its row gives unit, range and meaning (`", stringify!($type), "`).")]
                pub $field: $type,
            )+
            /// Values of options that nothing reads, by name.
            kept: Arc<BTreeMap<&'static str, Value>>,
        }

        impl Config {
            /// Every field at its type's zero: the canvas that the rows paint their defaults on.
            pub(super) fn blank() -> Self {
                Self { $($field: Default::default(),)+ kept: Arc::default() }
            }
        }
    };
}

config! {
    // Network
    bind: Vec<String>,
    port: u16,
    unixsocket: String,
    unixsocketperm: u32,
    unixsocketgroup: String,
    protected_mode: bool,
    tcp_backlog: u32,
    tcp_keepalive: u32,
    timeout: u32,
    maxclients: u32,

    // Process and logs
    io_threads: u32,
    supervised: Supervised,
    pidfile: String,
    set_proc_title: bool,
    proc_title_template: String,
    oom_score_adj: OomScoreAdj,
    oom_score_adj_values: [i32; 3],
    dir: String,
    loglevel: LogLevel,
    logfile: String,
    log_format: LogFormat,
    log_timestamp_format: LogTimestampFormat,
    always_show_logo: bool,
    crash_log_enabled: bool,
    hide_user_data_from_log: bool,
    disable_thp: bool,
    databases: u32,
    cluster_databases: u32,
    hz: u32,
    shutdown_timeout: u32,
    shutdown_on_sigint: ShutdownFlags,
    shutdown_on_sigterm: ShutdownFlags,
    hash_seed: String,
    extended_redis_compatibility: bool,
    rename_command: Vec<RenamedCommand>,

    // Security
    requirepass: String,
    enable_protected_configs: ProtectedAction,
    enable_debug_command: ProtectedAction,
    enable_module_command: ProtectedAction,
    acl_pubsub_default: AclPubsubDefault,
    acllog_max_len: u64,

    // Clients
    client_query_buffer_limit: u64,
    client_output_buffer_limit: OutputBufferLimits,
    proto_max_bulk_len: u64,
    maxmemory_clients: MemoryOrPercent,
    tracking_table_max_keys: u64,
    busy_reply_threshold: u64,
    prefetch_batch_max_size: u32,
    min_io_threads_avoid_copy_reply: u32,
    min_string_size_avoid_copy_reply: u64,
    min_string_size_avoid_copy_reply_threaded: u64,

    // Memory
    maxmemory: u64,
    maxmemory_policy: MaxmemoryPolicy,
    maxmemory_samples: u32,
    maxmemory_eviction_tenacity: u32,
    lfu_log_factor: u32,
    lfu_decay_time: u32,
    active_expire_effort: u32,
    import_mode: bool,
    lazyfree_lazy_eviction: bool,
    lazyfree_lazy_expire: bool,
    lazyfree_lazy_server_del: bool,
    lazyfree_lazy_user_del: bool,
    lazyfree_lazy_user_flush: bool,

    // Encodings
    hash_max_listpack_entries: u64,
    hash_max_listpack_value: u64,
    list_max_listpack_size: i32,
    list_compress_depth: u32,
    set_max_intset_entries: u64,
    set_max_listpack_entries: u64,
    set_max_listpack_value: u64,
    zset_max_listpack_entries: u64,
    zset_max_listpack_value: u64,
    hll_sparse_max_bytes: u64,
    stream_node_max_bytes: u64,
    stream_node_max_entries: u64,

    // Observation
    notify_keyspace_events: KeyspaceEvents,
    commandlog_execution_slower_than: i64,
    commandlog_slow_execution_max_len: u64,
    commandlog_request_larger_than: i64,
    commandlog_large_request_max_len: u64,
    commandlog_reply_larger_than: i64,
    commandlog_large_reply_max_len: u64,
    latency_monitor_threshold: u64,
    latency_tracking: bool,
    latency_tracking_info_percentiles: Vec<f64>,

    // Persistence and replication
    save: Vec<SavePoint>,
    dbfilename: String,
    rdbcompression: bool,
    appendonly: bool,
    appendfilename: String,
    appenddirname: String,
    appendfsync: AppendFsync,
    aof_load_truncated: bool,
    aof_use_rdb_preamble: bool,
    aof_timestamp_enabled: bool,
    aof_rewrite_incremental_fsync: bool,
    aof_disable_auto_gc: bool,
    no_appendfsync_on_rewrite: bool,
    auto_aof_rewrite_percentage: u32,
    auto_aof_rewrite_min_size: u64,
    rdbchecksum: bool,
    rdb_format: RdbFormat,
    rdb_save_incremental_fsync: bool,
    rdb_key_save_delay: i32,
    key_load_delay: i32,
    loading_process_events_interval_bytes: u32,
    stop_writes_on_bgsave_error: bool,
    rdb_version_check: RdbVersionCheck,
    min_replicas_to_write: u32,
    min_replicas_max_lag: u32,
    replicaof: String,
    replica_read_only: bool,
    replica_serve_stale_data: bool,
    replica_priority: u32,
    replica_announced: bool,
    replica_announce_ip: String,
    replica_announce_port: u16,
    repl_timeout: u32,
    repl_ping_replica_period: u32,
    repl_backlog_size: u64,
    repl_backlog_ttl: u64,
    repl_aside_size: u64,
    repl_disable_tcp_nodelay: bool,
    repl_diskless_sync: bool,
    repl_diskless_sync_delay: u32,
    repl_diskless_sync_max_replicas: u32,
    primaryauth: String,
    primaryuser: String,

    // Cluster
    cluster_enabled: bool,
    cluster_node_timeout: u64,
    cluster_port: u16,
    cluster_announce_ip: String,
    cluster_announce_port: u16,
    cluster_announce_tls_port: u16,
    cluster_announce_bus_port: u16,
    cluster_announce_client_ipv4: String,
    cluster_announce_client_ipv6: String,
    cluster_announce_client_port: u16,
    cluster_announce_client_tls_port: u16,
    cluster_announce_hostname: String,
    cluster_announce_human_nodename: String,
    cluster_require_full_coverage: bool,
    cluster_allow_reads_when_down: bool,
    cluster_allow_pubsubshard_when_down: bool,
    cluster_preferred_endpoint_type: ClusterEndpointType,
    cluster_slot_stats_enabled: bool,
    availability_zone: String,

    // Larder's own
    cluster_autopilot: bool,
    cluster_seed: Vec<String>,
    cluster_size: u32,
    cluster_replicas: u32,
    cluster_name: String,
    cluster_node_name: String,
    cluster_secret: String,
    keyspace_stripes: u32,
}

impl Config {
    pub(super) fn keep(&mut self, name: &'static str, value: Value) {
        Arc::make_mut(&mut self.kept).insert(name, value);
    }

    pub(super) fn kept(&self, name: &str) -> &Value {
        self.kept.get(name).expect("every kept option was reset to its default")
    }

    /// The secret that nodes of a cluster prove to each other, or `None`: `cluster-secret`, else `primaryauth`.
    pub fn bus_secret(&self) -> Option<&str> {
        [&self.cluster_secret, &self.primaryauth].into_iter().find(|s| !s.is_empty()).map(String::as_str)
    }

    /// The name that the node keeps when it loses its files: `cluster-node-name`, else `cluster-announce-hostname`.
    pub fn cluster_node_name(&self) -> &str {
        if self.cluster_node_name.is_empty() { &self.cluster_announce_hostname } else { &self.cluster_node_name }
    }

    /// How many databases SELECT may choose from: a cluster has its own number.
    pub fn database_count(&self) -> u32 {
        if self.cluster_enabled { self.cluster_databases } else { self.databases }
    }
}

impl Config {
    /// True if a reply refers to a long string of this length rather than copying it.
    pub fn avoids_copy(&self, len: usize) -> bool {
        if (1..=self.io_threads).contains(&self.min_io_threads_avoid_copy_reply) {
            return true;
        }
        let (alone, threaded) = (self.min_string_size_avoid_copy_reply, self.min_string_size_avoid_copy_reply_threaded);
        // A worker writes its replies itself, so that what pays for one pays for several.
        let len_min = if self.io_threads == 1 || (alone > 0 && alone < threaded) { alone } else { threaded };
        len_min > 0 && len as u64 >= len_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_threads_say_what_is_sent_without_a_copy() {
        // I/O threads, the three options, a length, the answer.
        let cases = [
            (1, (7, 16_384, 65_536), 16_384, true),
            (1, (7, 16_384, 65_536), 16_383, false),
            (2, (7, 16_384, 65_536), 16_383, false),
            (2, (7, 16_384, 65_536), 16_384, true),
            (2, (7, 0, 65_536), 65_535, false),
            (2, (7, 65_536, 16_384), 16_384, true),
            (7, (7, 16_384, 65_536), 1, true),
            (8, (0, 1, 0), 1_000_000, false),
            (1, (0, 0, 1), 1_000_000, false),
        ];
        for (io_threads, (threads, size, size_threaded), len, expected) in cases {
            let config = Config {
                io_threads,
                min_io_threads_avoid_copy_reply: threads,
                min_string_size_avoid_copy_reply: size,
                min_string_size_avoid_copy_reply_threaded: size_threaded,
                ..Config::blank()
            };
            assert_eq!(config.avoids_copy(len), expected, "{io_threads} threads, {len} bytes");
        }
    }
}
