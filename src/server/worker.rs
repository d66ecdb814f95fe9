//! Workers: one OS thread each, with a tokio `current_thread` runtime. A connection lives on one of them.
//!
//! Invariant: a worker runs until the node ends. With fewer workers (`io-threads` made smaller) the surplus ones get no new
//! connections but serve those they have; with more again they are the first to be used.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::inbox::{Crowd, Inbox};
use super::listener::Accepted;
use super::round::Ready;
use super::timers::Timers;
use super::{connection, cron, round};
use crate::base::clock::{self, WallClock};
use crate::base::limits::WORKERS_MAX;
use crate::clients::Client;
use crate::config::Config;
use crate::engine::memory_limit;
use crate::engine::shared::Shared;
use crate::metrics::WorkerMetrics;

/// Accepted sockets that wait for a worker to take them up; a listener waits when it is full.
const ACCEPT_QUEUE_LEN: usize = 1024;

/// Longest time that clients which do not read their replies can hold up the node's end.
const END_WAIT_MS_MAX: u64 = 5000;
/// How often the end looks whether the connections are gone.
const END_POLL: Duration = Duration::from_millis(5);

/// How the listeners reach a worker.
#[derive(Debug)]
struct WorkerHandle {
    /// Where accepted sockets go.
    sockets: mpsc::Sender<Accepted>,
    /// Connections it serves.
    connections: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

/// All workers of a node.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    timers: Arc<Timers>,
    handles: RwLock<Vec<WorkerHandle>>,
    /// How many of them, from the first, take new connections.
    active: AtomicUsize,
}

impl Workers {
    /// Starts `count` workers.
    ///
    /// # Errors
    /// The system's, when a thread cannot be started.
    pub fn start(shared: &Arc<Shared>, count: usize) -> std::io::Result<Workers> {
        let timers = Arc::new(Timers::start()?);
        let workers = Workers { shared: Arc::clone(shared), timers, handles: RwLock::default(), active: AtomicUsize::new(0) };
        workers.resize(count)?;
        Ok(workers)
    }

    /// Lets the first `count` workers take new connections, starting those that do not run yet.
    ///
    /// # Errors
    /// The system's, when a thread cannot be started; as many take connections as before.
    pub fn resize(&self, count: usize) -> std::io::Result<()> {
        assert!((1..=WORKERS_MAX).contains(&count), "checked by the configuration");
        let mut handles = self.handles.write();
        self.shared.workers.grow(count);
        while handles.len() < count {
            let handle = spawn(handles.len(), Arc::clone(&self.shared), Arc::clone(&self.timers))?;
            handles.push(handle);
        }
        self.active.store(count, Ordering::Relaxed);
        Ok(())
    }

    /// Hands a socket to the worker with the fewest connections.
    pub(super) async fn serve(&self, socket: Accepted) {
        let (sockets, connections) = {
            let handles = self.handles.read();
            let active = &handles[..self.active.load(Ordering::Relaxed)];
            let chosen =
                active.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed)).expect("there is at least one worker");
            (chosen.sockets.clone(), Arc::clone(&chosen.connections))
        };
        // The worker only goes away when the node ends. Counted once nothing can stop the socket any more from getting there.
        if let Ok(place) = sockets.reserve().await {
            connections.fetch_add(1, Ordering::Relaxed);
            place.send(socket);
        }
    }

    /// Waits until all workers have ended, which they do once their connections have their replies.
    pub fn end(&self) {
        let handles = std::mem::take(&mut *self.handles.write());
        let (sockets, threads): (Vec<_>, Vec<_>) = handles.into_iter().map(|worker| (worker.sockets, worker.thread)).unzip();
        // A worker ends when nobody can send it a socket any more; all at once, so that they end side by side.
        drop(sockets);
        for thread in threads {
            let _ = thread.join();
        }
    }
}

/// When a round of work began, and how many commands the worker had run by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundStart {
    pub(super) ticks: clock::Ticks,
    commands: u64,
}

/// What a worker's connections share.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) timers: Arc<Timers>,
    pub(super) inbox: Inbox,
    pub(super) ready: Ready,
    pub(super) connections: Arc<AtomicUsize>,
    /// Its clients by number.
    pub(super) clients: RefCell<BTreeMap<u64, Arc<Client>>>,
    /// Counted without atomics, since every round takes it.
    #[expect(clippy::redundant_allocation, reason = "the store hands out an Arc, which other threads share")]
    config: RefCell<Rc<Arc<Config>>>,
    config_version: Cell<u64>,
    metrics: Arc<WorkerMetrics>,
    pub(super) wall_clock: WallClock,
}

impl Worker {
    /// Number `number` of the workers of `shared`, which has figures for it. It counts its connections in `connections`.
    fn new(number: usize, shared: Arc<Shared>, timers: Arc<Timers>, connections: Arc<AtomicUsize>, crowd: Arc<Crowd>) -> Worker {
        Worker {
            number,
            config_version: Cell::new(shared.config.version()),
            config: RefCell::new(Rc::new(shared.config.load())),
            metrics: shared.workers.own(number),
            shared,
            timers,
            inbox: Inbox::new(crowd),
            ready: Ready::default(),
            connections,
            clients: RefCell::default(),
            wall_clock: WallClock::default(),
        }
    }

    /// The options as of now; reloaded only when they changed.
    #[expect(clippy::redundant_allocation, reason = "see the field")]
    #[inline]
    pub(super) fn config(&self) -> Rc<Arc<Config>> {
        if self.config_changed() {
            self.load_config();
        }
        Rc::clone(&self.config.borrow())
    }

    #[cold]
    fn load_config(&self) {
        // The version first: what changes in between is loaded again.
        self.config_version.set(self.shared.config.version());
        *self.config.borrow_mut() = Rc::new(self.shared.config.load());
    }

    /// What a turn needs of its worker.
    #[inline]
    pub(super) fn turn(&self) -> (&Arc<Shared>, &WorkerMetrics) {
        (&self.shared, self.metrics())
    }

    /// Where this worker counts.
    #[inline]
    pub(super) fn metrics(&self) -> &WorkerMetrics {
        &self.metrics
    }

    /// Begins a round of work.
    #[inline]
    pub(super) fn begin_round(&self) -> RoundStart {
        self.shared.debug.sleep_if_told();
        RoundStart { ticks: clock::ticks(), commands: self.metrics().total_commands.load(Ordering::Relaxed) }
    }

    /// Counts a round that ends now.
    #[inline]
    pub(super) fn end_round(&self, started: RoundStart) {
        self.metrics().round(clock::elapsed_ns(started.ticks, clock::ticks()), started.commands);
    }

    /// True if the options changed since [`Worker::config`] was last asked for.
    #[inline]
    pub(super) fn config_changed(&self) -> bool {
        self.shared.config.version() != self.config_version.get()
    }

    /// Keeps all clients together within `maxmemory-clients`.
    pub(super) fn evict_clients(&self) {
        memory_limit::evict_clients(&self.shared, &self.config());
    }
}

fn spawn(number: usize, shared: Arc<Shared>, timers: Arc<Timers>) -> std::io::Result<WorkerHandle> {
    let (sockets, accepted) = mpsc::channel::<Accepted>(ACCEPT_QUEUE_LEN);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let run = move || {
        let crowd = Arc::new(Crowd::default());
        let looked = Arc::clone(&crowd);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().on_thread_park(move || looked.look()).build();
        let worker = Rc::new(Worker::new(number, shared, timers, counted, crowd));
        // What the runtime waits for is polled after each look for events: hence the serving in a task of its own.
        let serving = async move { tokio::task::spawn_local(serve(worker, accepted)).await };
        let served = LocalSet::new().block_on(&runtime.expect("a runtime needs only an epoll descriptor"), serving);
        served.expect("nobody aborts it, and a panic ends the node");
    };
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(run)?;
    Ok(WorkerHandle { sockets, connections, thread })
}

/// Serves the sockets that come, until no more can come and their connections are gone.
async fn serve(worker: Rc<Worker>, mut accepted: mpsc::Receiver<Accepted>) {
    cron::start(&worker);
    round::start(&worker);
    let settled = Rc::clone(&worker);
    tokio::task::spawn_local(async move { settled.shared.settle.serve(settled.number).await });
    while let Some(socket) = accepted.recv().await {
        connection::start(&worker, socket);
    }
    // The node is ending: the connections close themselves once their replies are sent.
    let deadline = clock::monotonic_ms() + END_WAIT_MS_MAX;
    while worker.connections.load(Ordering::Relaxed) > 0 && clock::monotonic_ms() < deadline {
        worker.shared.clients.all().iter().for_each(|client| client.outbox.wake());
        worker.timers.sleep(END_POLL).await;
    }
}
