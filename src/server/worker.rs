//! Workers: one OS thread each, with a tokio `current_thread` runtime. A connection lives on one of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder_proto::resp::Batch;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::connection;
use super::listener::Accepted;
use crate::base::clock;
use crate::base::limits::READ_BUFFER_LEN;
use crate::clients::{Client, evict};
use crate::commands::connection::client::line;
use crate::commands::shared::Shared;
use crate::config::Config;
use crate::metrics::Counters;

/// Accepted sockets that wait for a worker to take them up; a listener waits when it is full.
const ACCEPT_QUEUE_LEN: usize = 1024;

/// Longest time that clients which do not read their replies can hold up the node's end.
const END_WAIT_SECONDS_MAX: u64 = 5;
/// How often the end looks whether the connections are gone.
const END_POLL: Duration = Duration::from_millis(5);

/// How the listeners reach a worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Where accepted sockets go.
    pub(super) sockets: mpsc::Sender<Accepted>,
    /// Connections it serves.
    pub(super) connections: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl WorkerHandle {
    /// Waits until the worker has ended, which it does when all senders are gone.
    pub fn join(self) {
        drop(self.sockets);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

/// What a worker's connections share.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
    /// Where sockets are read into; a connection takes it for one turn.
    pub(super) scratch: RefCell<Box<[u8]>>,
    pub(super) batch: RefCell<Batch>,
    pub(super) connections: Arc<AtomicUsize>,
    /// Its clients by number.
    pub(super) clients: RefCell<BTreeMap<u64, Arc<Client>>>,
    config: RefCell<Arc<Config>>,
    config_version: Cell<u64>,
}

impl Worker {
    /// The options as of now; reloaded only when they changed.
    pub(super) fn config(&self) -> Arc<Config> {
        let version = self.shared.config.version();
        if version != self.config_version.get() {
            self.config_version.set(version);
            *self.config.borrow_mut() = self.shared.config.load();
        }
        Arc::clone(&self.config.borrow())
    }

    /// True if the options changed since [`Worker::config`] was last asked for.
    #[inline]
    pub(super) fn config_changed(&self) -> bool {
        self.shared.config.version() != self.config_version.get()
    }

    /// Ends the connections that take most memory if all clients together take more than `maxmemory-clients`.
    pub(super) fn evict_clients(&self) {
        let Some(limit_bytes) = evict::limit_bytes(&self.config()) else { return };
        if self.shared.clients.memory() <= limit_bytes {
            return;
        }
        for client in evict::victims(&self.shared.clients, limit_bytes) {
            tracing::info!("Evicting client: {}", line::for_log(&self.shared, &client));
            self.shared.clients.kill(&client);
            Counters::one(&self.shared.counters.clients_evicted);
        }
    }
}

/// Starts the workers.
///
/// # Errors
/// The system's, when a thread cannot be started.
pub fn spawn_workers(shared: &Arc<Shared>) -> std::io::Result<Vec<WorkerHandle>> {
    (0..shared.workers.len()).map(|number| spawn(number, Arc::clone(shared))).collect()
}

fn spawn(number: usize, shared: Arc<Shared>) -> std::io::Result<WorkerHandle> {
    let (sockets, mut accepted) = mpsc::channel::<Accepted>(ACCEPT_QUEUE_LEN);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs only an epoll descriptor");
        let config = shared.config.load();
        let worker = Rc::new(Worker {
            number,
            config_version: Cell::new(shared.config.version()),
            shared,
            scratch: RefCell::new(vec![0; READ_BUFFER_LEN].into_boxed_slice()),
            batch: RefCell::default(),
            connections: counted,
            clients: RefCell::default(),
            config: RefCell::new(config),
        });
        LocalSet::new().block_on(&runtime, async move {
            tokio::task::spawn_local(super::cron::run(Rc::clone(&worker)));
            while let Some(socket) = accepted.recv().await {
                connection::start(&worker, socket);
            }
            // The node is ending: the connections close themselves once their replies are sent.
            let deadline = clock::monotonic_ms() + u64::from(worker.config().shutdown_timeout).min(END_WAIT_SECONDS_MAX) * 1000;
            while worker.connections.load(Ordering::Relaxed) > 0 && clock::monotonic_ms() < deadline {
                worker.shared.clients.all().iter().for_each(|client| client.outbox.wake());
                tokio::time::sleep(END_POLL).await;
            }
        });
    };
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(run)?;
    Ok(WorkerHandle { sockets, connections, thread: Some(thread) })
}

/// The worker with the fewest connections.
pub(super) fn least_loaded(workers: &[WorkerHandle]) -> &WorkerHandle {
    workers.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed)).expect("there is at least one worker")
}
