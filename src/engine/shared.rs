//! What all workers of a node share, as commands see it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::cluster_access::ClusterAccess;
use super::notify::Notifier;
use super::table::Table;
use crate::base::durable_offset::DurableOffset;
use crate::base::generation::Generation;
use crate::base::limits::OFFLOADED_MAX;
use crate::base::timers::Timers;
use crate::base::{clock, process, rng};
use crate::clients::{Client, Registry};
use crate::config::{Config, ConfigStore, Refusal};
use crate::keyspace::Keyspace;
use crate::keyspace::hash::KeyHasher;
use crate::metrics::{Counters, ErrorStats, NodeMetrics, WorkerSet};
use crate::pubsub::PubSub;

/// Who this process is.
#[derive(Debug)]
pub struct Identity {
    /// 40 hexadecimal digits, new with each start.
    pub run_id: String,
    /// Absolute path of the program.
    pub executable: String,
    /// When it started, unix milliseconds.
    pub started_ms: i64,
    /// Process id.
    pub pid: u32,
}

/// CLIENT PAUSE.
///
/// One pause at a time: a further one prolongs it and may extend it from writes to everything, but never shortens or eases it.
#[derive(Debug, Default)]
pub struct Pause {
    until_ms: AtomicI64,
    all: AtomicBool,
    /// Wakes those who wait when the pause is over early or changed.
    pub changed: Notify,
}

impl Pause {
    /// Until when a command waits, unix milliseconds: 0 if it may run.
    #[inline]
    pub fn until_ms(&self, is_write: bool, now_ms: i64) -> i64 {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        if until_ms > now_ms && (is_write || self.all.load(Ordering::Relaxed)) { until_ms } else { 0 }
    }

    /// Holds back writes, or all commands, until a time. Returns the time until which now something is held back.
    pub fn begin(&self, until_ms: i64, all: bool, now_ms: i64) -> i64 {
        let is_running = self.until_ms.load(Ordering::Relaxed) > now_ms;
        self.all.store(all || (is_running && self.all.load(Ordering::Relaxed)), Ordering::Relaxed);
        let before = self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
        self.changed.notify_waiters();
        before.max(until_ms)
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
        self.all.store(false, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// What waits, as INFO names it, and for how many more milliseconds.
    pub fn state(&self, now_ms: i64) -> (&'static str, i64) {
        match self.until_ms.load(Ordering::Relaxed) - now_ms {
            left if left <= 0 => ("none", 0),
            left if self.all.load(Ordering::Relaxed) => ("all", left),
            left => ("write", left),
        }
    }
}

/// How long a client's output peak is remembered, in milliseconds, unless DEBUG REPLYBUFFER says otherwise.
pub const REPLY_PEAK_RESET_MS: i64 = 5000;

/// What DEBUG switches.
#[derive(Debug)]
pub struct DebugSwitches {
    /// PAUSE-CRON: periodic work on clients stands still.
    pub pause_cron: AtomicBool,
    /// REPLYBUFFER RESIZING: room that a client's output no longer needs is given back.
    pub reply_resizing: AtomicBool,
    /// REPLYBUFFER PEAK-RESET-TIME: after so many milliseconds an output peak is forgotten; negative: never.
    pub reply_peak_reset_ms: AtomicI64,
    /// CLIENT-ENFORCE-REPLY-LIST: replies count as blocks of output, even if the buffer that is kept can hold them.
    pub reply_blocks: AtomicBool,
    /// SLEEP: until when the whole node stands still, monotonic microseconds.
    pub asleep_until_us: AtomicU64,
}

impl DebugSwitches {
    /// Stands still with the rest of the node while DEBUG SLEEP says so.
    #[inline]
    pub fn sleep_if_told(&self) {
        if self.asleep_until_us.load(Ordering::Relaxed) != 0 {
            self.sleep();
        }
    }

    #[cold]
    fn sleep(&self) {
        let left_us = self.asleep_until_us.load(Ordering::Relaxed).saturating_sub(clock::monotonic_us());
        std::thread::sleep(std::time::Duration::from_micros(left_us));
    }
}

impl Default for DebugSwitches {
    fn default() -> Self {
        DebugSwitches {
            pause_cron: AtomicBool::new(false),
            reply_resizing: AtomicBool::new(true),
            reply_peak_reset_ms: AtomicI64::new(REPLY_PEAK_RESET_MS),
            reply_blocks: AtomicBool::new(false),
            asleep_until_us: AtomicU64::new(0),
        }
    }
}

/// The name of this node's history of changes, 40 hexadecimal digits.
#[derive(Debug)]
pub struct ReplicationId(Mutex<String>);

impl Default for ReplicationId {
    fn default() -> Self {
        ReplicationId(Mutex::new(rng::random_hex(20)))
    }
}

impl ReplicationId {
    /// The id.
    pub fn get(&self) -> String {
        self.0.lock().clone()
    }

    /// Takes a new one: a new history begins.
    pub fn change(&self) {
        *self.0.lock() = rng::random_hex(20);
    }
}

/// What has to follow a change of options outside the commands, and may refuse it: listeners, the log.
pub type ConfigHook = Box<dyn Fn(&Config, &Config) -> Result<(), Refusal> + Send + Sync>;

/// SHUTDOWN and signals: how the node ends.
#[derive(Debug, Default)]
pub struct Stop {
    /// True once the node is ending.
    pub requested: AtomicBool,
    /// Wakes the main thread.
    pub notify: Notify,
}

impl Stop {
    /// Asks the node to end: no new connections, what was received is answered, then it exits.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// True once the node is ending.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }
}

/// See the module's page.
pub struct Shared {
    /// The cluster, in cluster mode.
    pub cluster: Option<ClusterAccess>,
    /// Options.
    pub config: ConfigStore,
    /// Commands.
    pub table: Table,
    /// Keys.
    pub keyspace: Keyspace,
    /// Clients.
    pub clients: Registry,
    /// Channels.
    pub pubsub: Arc<PubSub>,
    /// Clients in MONITOR.
    pub monitors: Mutex<Vec<Arc<Client>>>,
    /// Their number, read before each command.
    pub monitor_count: AtomicUsize,
    /// Figures per worker.
    pub workers: WorkerSet,
    /// Counters of rare events.
    pub counters: Counters,
    /// Errors replied outside any worker's commands: to what is no request.
    pub errors: ErrorStats,
    /// Who we are.
    pub identity: Identity,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// How we end.
    pub stop: Stop,
    /// Lets a command see what all workers have done.
    pub settle: super::all_workers::Settle,
    /// Wakes the task that goes on evicting where a command ran out of time.
    pub evict_more: Notify,
    /// Set by the node once it serves.
    pub on_config: OnceLock<ConfigHook>,
    /// Clients waiting in a pause or blocking command.
    pub blocked_clients: AtomicU64,
    /// What is measured of the node as a whole.
    pub metrics: NodeMetrics,
    /// What DEBUG switches.
    pub debug: DebugSwitches,
    /// The history of changes.
    pub replication_id: ReplicationId,
    /// Places for commands that run on threads of their own.
    pub offload_places: Semaphore,
    /// How what runs on a worker sleeps.
    pub timers: Timers,
    /// How far the write log is durable: replies and messages wait for it.
    pub durable: DurableOffset,
    /// Advances after every change of what [`super::gate::Gate`] relies on under a lock: routes, roles, pauses.
    pub gate: Arc<Generation>,
}

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
        keyspace.tell(Box::new(Notifier::new(Arc::clone(&pubsub))));
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
            pause: Pause::default(),
            stop: Stop::default(),
            settle: super::all_workers::Settle::default(),
            evict_more: Notify::new(),
            on_config: OnceLock::new(),
            blocked_clients: AtomicU64::new(0),
            metrics: NodeMetrics::default(),
            debug: DebugSwitches::default(),
            replication_id: ReplicationId::default(),
            timers: Timers::default(),
            durable: DurableOffset::default(),
            offload_places: Semaphore::new(OFFLOADED_MAX.min(process::processors())),
        }
    }
}

/// The seed of the keys' hash function: random, or what follows from the option's text.
fn hash_seed(text: &str) -> u64 {
    if text.is_empty() { rng::process_seed() } else { KeyHasher::new(0).hash(text.as_bytes()).0 }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}
