//! Workers: one OS thread each, with a tokio `current_thread` runtime. A connection lives on one of them.
//!
//! Invariant: a worker runs until the node ends. With fewer workers (`io-threads` made smaller) the surplus ones get no new
//! connections but serve those they have; with more again they are the first to be used.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::accepted::Accepted;
use super::connection::Connection;
use super::gather::{Gather, ReadyEstimate, Round};
use super::worker::Worker;
use super::{cron, task};
use crate::base::clock;
use crate::base::limits::WORKERS_MAX;
use crate::engine::shared::Shared;

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

/// A connection that counts already, and may yet not get there.
struct Counted(Option<Arc<AtomicUsize>>);

impl Counted {
    fn one(connections: Arc<AtomicUsize>) -> Counted {
        connections.fetch_add(1, Ordering::Relaxed);
        Counted(Some(connections))
    }

    /// From here on its worker counts it.
    fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(connections) = &self.0 {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// All workers of a node.
#[derive(Debug)]
pub struct Workers {
    shared: Arc<Shared>,
    /// Requests of connections that are ready together run together.
    gathers: bool,
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
        Workers::start_with(shared, count, true)
    }

    /// The same. With `gathers` off every connection runs its own requests at once ([`super::gather`]).
    pub(super) fn start_with(shared: &Arc<Shared>, count: usize, gathers: bool) -> std::io::Result<Workers> {
        shared.timers.start()?;
        let workers = Workers { shared: Arc::clone(shared), gathers, handles: RwLock::default(), active: AtomicUsize::new(0) };
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
            let handle = spawn(handles.len(), Arc::clone(&self.shared), self.gathers)?;
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
        // Counted before it waits for room, so that nobody is let in meanwhile who finds no place. The worker only goes away when the node
        // ends.
        let counted = Counted::one(connections);
        if let Ok(place) = sockets.reserve().await {
            place.send(socket);
            counted.stays();
        }
    }

    /// Connections of all workers, with those on the way to them.
    pub(super) fn connections(&self) -> usize {
        self.handles.read().iter().map(|worker| worker.connections.load(Ordering::Relaxed)).sum()
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

fn spawn(number: usize, shared: Arc<Shared>, gathers: bool) -> std::io::Result<WorkerHandle> {
    let (sockets, accepted) = mpsc::channel::<Accepted>(ACCEPT_QUEUE_LEN);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let run = move || {
        let estimate = Arc::new(ReadyEstimate::default());
        let looked = Arc::clone(&estimate);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().on_thread_park(move || looked.look()).build();
        let worker = Rc::new(Worker::new(number, shared, counted, Gather::new(estimate, gathers)));
        // What the runtime waits for is polled after each look for events: hence the serving in a task of its own.
        let serving = async move { tokio::task::spawn_local(serve(worker, accepted)).await };
        let served = LocalSet::new().block_on(&runtime.expect("a runtime needs only an epoll descriptor"), serving);
        served.expect("nobody aborts it, and a panic ends the node");
    };
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(run)?;
    Ok(WorkerHandle { sockets, connections, thread })
}

async fn run_rounds(worker: Rc<Worker>, round: Rc<Round<Connection>>) {
    let begin = || {
        let begun = worker.begin_round();
        (begun.ticks, begun)
    };
    round.run(begin, |begun| worker.end_round(begun)).await;
}

/// Serves the sockets that come, until no more can come and their connections are gone.
async fn serve(worker: Rc<Worker>, mut accepted: mpsc::Receiver<Accepted>) {
    cron::start(&worker);
    let round = Rc::new(Round::default());
    tokio::task::spawn_local(run_rounds(Rc::clone(&worker), Rc::clone(&round)));
    let settled = Rc::clone(&worker);
    tokio::task::spawn_local(async move { settled.shared.settle.serve(settled.number).await });
    while let Some(socket) = accepted.recv().await {
        task::start(&worker, &round, socket);
    }
    // The node is ending: the connections close themselves once their replies are sent.
    let deadline = clock::monotonic_ms() + END_WAIT_MS_MAX;
    while worker.connections.load(Ordering::Relaxed) > 0 && clock::monotonic_ms() < deadline {
        worker.shared.clients.all().iter().for_each(|client| client.outbox.wake());
        worker.shared.timers.sleep(END_POLL).await;
    }
}
