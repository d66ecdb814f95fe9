//! What all workers of a node share, as commands see it: how it is made.

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::all_workers::Settle;
use super::cluster_access::ClusterAccess;
pub use super::command::Shared;
use super::command::Table;
pub use super::node_state::{ConfigHook, DebugSwitches, Identity, Pause, REPLY_PEAK_RESET_MS, Stop};
use super::notify::Notifier;
use super::replication_state::{LogUser, Replication};
use super::rewrite_state::Rewriting;
use super::save_state::Saving;
use crate::base::durable_offset::DurableOffset;
use crate::base::limits::OFFLOADED_MAX;
use crate::base::timers::Timers;
use crate::base::{clock, process, rng};
use crate::clients::Registry;
use crate::config::ConfigStore;
use crate::keyspace::Keyspace;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::hash::KeyHasher;
use crate::metrics::{Counters, ErrorStats, NodeMetrics, WorkerSet};
use crate::persist::aof::writer::Writer as AofWriter;
use crate::persist::write_log::WriteLog;
use crate::pubsub::PubSub;

impl Shared {
    /// A node with these options and commands, and its place in a cluster.
    pub fn new(config: ConfigStore, table: Table, cluster: Option<ClusterAccess>) -> Shared {
        let options = config.load();
        let pubsub = Arc::new(PubSub::default());
        let keyspace = Keyspace::new(
            options.keyspace_stripes as usize,
            options.database_count() as usize,
            options.cluster_enabled,
            hash_seed(&options.hash_seed),
        );
        let (write_log, durable) = (Arc::new(WriteLog::default()), Arc::new(DurableOffset::default()));
        keyspace.tell(Box::new(Notifier::new(Arc::clone(&pubsub), Arc::clone(&write_log))));
        keyspace.apply(&options);
        Shared {
            gate: cluster.as_ref().map_or_else(Arc::default, |cluster| Arc::clone(&cluster.changes)),
            cluster,
            keyspace,
            config,
            workers: WorkerSet::new(table.len()),
            table,
            clients: Registry::default(),
            pubsub,
            write_log: Arc::clone(&write_log),
            monitors: Mutex::default(),
            monitor_count: AtomicUsize::new(0),
            counters: Counters::default(),
            errors: ErrorStats::default(),
            identity: Identity {
                run_id: rng::random_hex(20),
                executable: std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string()),
                started_ms: clock::unix_ms(),
                pid: std::process::id(),
            },
            saving: Saving::default(),
            pause: Pause::default(),
            stop: Stop::default(),
            settle: Settle::default(),
            evict_more: Notify::new(),
            on_config: OnceLock::new(),
            blocked_clients: AtomicU64::new(0),
            metrics: NodeMetrics::default(),
            debug: DebugSwitches::default(),
            replication: Replication::default(),
            timers: Timers::default(),
            aof: AofWriter::new(Arc::clone(&write_log), Arc::clone(&durable)),
            rewriting: Rewriting::default(),
            durable,
            offload_places: Semaphore::new(OFFLOADED_MAX.min(process::processors())),
        }
    }
}

impl Shared {
    /// Has every change become a record of the write log from now on, for this reader of it, or not for this one any more. `meanwhile` is
    /// called at that moment, under all locks.
    pub fn set_logging<R>(&self, user: LogUser, yes: bool, meanwhile: impl FnOnce(&WriteLog) -> R) -> R {
        let mut keys = KeyAccess::new(&self.keyspace, 0, &Moment::new(&self.keyspace, clock::unix_ms()), 0);
        keys.with_all(|keys| {
            self.replication.set_logging(keys, user, yes);
            meanwhile(&self.write_log)
        })
    }

    /// Sees to it that the write log becomes durable up to `offset`: at once, or as soon as the disk has it.
    #[inline]
    pub fn need_durable(&self, offset: u64) {
        if self.durable.now() < offset {
            self.aof.need(offset);
        }
    }

    /// Holds back writes, whatever clients ask for, and what changes by itself; or no longer. `reason` is one of [`crate::keyspace::freeze`].
    pub fn hold_writes(&self, reason: u8, yes: bool) {
        let settings = &self.keyspace.settings;
        // Frozen first and thawed last, as CLIENT PAUSE does it: nothing goes by itself while a write would have to wait.
        if yes {
            settings.freeze_for(reason, true);
        }
        self.pause.hold(reason, yes);
        if !yes {
            settings.freeze_for(reason, false);
        }
        self.gate.advance();
    }

    /// Lets data change by itself again once a pause has ended by itself.
    pub fn thaw_if_over(&self) {
        if self.pause.ends_by_itself() {
            self.keyspace.settings.freeze(false);
            // Another pause may have begun in between.
            if self.pause.until_ms(true) > 0 {
                self.keyspace.settings.freeze(true);
            }
        }
    }
}

/// The seed of the keys' hash function: random, or what follows from the option's text.
fn hash_seed(text: &str) -> u64 {
    if text.is_empty() { rng::process_seed() } else { KeyHasher::new(0).hash(text.as_bytes()).0 }
}
