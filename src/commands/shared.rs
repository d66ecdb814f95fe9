//! What all workers of a node share, as commands see it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::table::Table;
use crate::clients::{Client, Registry};
use crate::config::{Config, ConfigStore};
use crate::keyspace::Keyspace;
use crate::metrics::{Counters, ErrorStats, WorkerMetrics};
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
#[derive(Debug, Default)]
pub struct Pause {
    /// Until when all commands wait, unix milliseconds.
    pub all_until_ms: AtomicI64,
    /// Until when writes wait, unix milliseconds.
    pub writes_until_ms: AtomicI64,
    /// Wakes those who wait when the pause is over early or changed.
    pub changed: Notify,
}

impl Pause {
    /// Until when a command waits: 0 if it may run.
    #[inline]
    pub fn until_ms(&self, is_write: bool, now_ms: i64) -> i64 {
        let all = self.all_until_ms.load(Ordering::Relaxed);
        let writes = if is_write { self.writes_until_ms.load(Ordering::Relaxed) } else { 0 };
        let until = all.max(writes);
        if until > now_ms { until } else { 0 }
    }
}

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
    /// Options.
    pub config: ConfigStore,
    /// Commands.
    pub table: Table,
    /// Keys.
    pub keyspace: Keyspace,
    /// Clients.
    pub clients: Registry,
    /// Channels.
    pub pubsub: PubSub,
    /// Clients in MONITOR.
    pub monitors: Mutex<Vec<Arc<Client>>>,
    /// Their number, read before each command.
    pub monitor_count: AtomicUsize,
    /// Figures per worker.
    pub workers: Box<[WorkerMetrics]>,
    /// Counters of rare events.
    pub counters: Counters,
    /// Errors replied.
    pub errors: ErrorStats,
    /// Who we are.
    pub identity: Identity,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// How we end.
    pub stop: Stop,
    /// Set by the node once it serves.
    pub on_config: OnceLock<ConfigHook>,
    /// Clients waiting in a pause or blocking command.
    pub blocked_clients: AtomicU64,
}

/// Applies a change of options to what commands cannot reach (sockets, the log). Called with the old and the new options before the
/// change is published; refusing it leaves everything as it was.
pub type ConfigHook = Box<dyn Fn(&Config, &Config) -> Result<(), String> + Send + Sync>;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}
