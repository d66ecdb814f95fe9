//! What the connections of one worker share: all of it stays on the worker's thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gather::Gather;
use super::portions::Portions;
use crate::base::clock::{self, WallClock};
use crate::clients::Client;
use crate::config::Config;
use crate::engine::memory_limit;
use crate::engine::shared::Shared;
use crate::metrics::WorkerMetrics;

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
    pub(super) gather: Gather,
    pub(super) connections: Arc<AtomicUsize>,
    /// Its clients by number.
    pub(super) clients: RefCell<BTreeMap<u64, Arc<Client>>>,
    /// See [`crate::performance`], *Options without atomics*.
    #[expect(clippy::redundant_allocation, reason = "the store hands out an Arc, which other threads share")]
    config: RefCell<Rc<Arc<Config>>>,
    config_version: Cell<u64>,
    metrics: Arc<WorkerMetrics>,
    pub(super) wall_clock: WallClock,
    /// Room that is set aside for announced arguments: see [`crate::base::limits::ANNOUNCED_LEN_MAX`].
    pub(super) announced_len: Cell<usize>,
    /// Clients whose waiting for keys has ended.
    pub(super) answers: Portions,
}

impl Worker {
    /// Number `number` of the workers of `shared`, which has figures for it. It counts its connections in `connections`.
    pub(super) fn new(number: usize, shared: Arc<Shared>, connections: Arc<AtomicUsize>, gather: Gather) -> Worker {
        Worker {
            number,
            config_version: Cell::new(shared.config.version()),
            config: RefCell::new(Rc::new(shared.config.load())),
            metrics: shared.workers.own(number),
            shared,
            gather,
            connections,
            clients: RefCell::default(),
            wall_clock: WallClock::default(),
            announced_len: Cell::new(0),
            answers: Portions::default(),
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
