//! The figures of all workers, and of the link to a primary, which applies what that writes on a thread of its own. A node may get more
//! workers while it runs (`io-threads`), never fewer figures: what a worker counted stays counted after it stopped taking connections.
//!
//! Invariant: figures are numbered as their workers, without a gap, and stay where they are once made.

use std::ops::Index;
use std::sync::{Arc, OnceLock};

use super::command_stats::WorkerMetrics;
use crate::base::limits::WORKERS_MAX;

/// See the module's page.
#[derive(Debug)]
pub struct WorkerSet {
    /// Commands that each worker counts.
    rows: usize,
    slots: Box<[OnceLock<Arc<WorkerMetrics>>]>,
    link: WorkerMetrics,
}

impl WorkerSet {
    /// For workers that count `rows` commands each; none yet.
    pub fn new(rows: usize) -> WorkerSet {
        WorkerSet { rows, slots: (0..WORKERS_MAX).map(|_| OnceLock::new()).collect(), link: WorkerMetrics::new(rows) }
    }

    /// Makes figures for the first `count` workers, where there are none yet.
    pub fn grow(&self, count: usize) {
        for slot in &self.slots[..count] {
            slot.get_or_init(|| Arc::new(WorkerMetrics::new(self.rows)));
        }
    }

    /// Figures of every worker there is or was, by number.
    pub fn iter(&self) -> impl Iterator<Item = &WorkerMetrics> {
        self.slots.iter().map_while(OnceLock::get).map(Arc::as_ref)
    }

    /// Figures of all who run commands: these workers, and the link to a primary.
    pub fn all(&self) -> impl Iterator<Item = &WorkerMetrics> {
        self.iter().chain([&self.link])
    }

    /// Figures of the link to a primary: who applies what comes by it writes them, with a stripe held, and so one thread at a time.
    pub fn link(&self) -> &WorkerMetrics {
        &self.link
    }
}

impl WorkerSet {
    /// Figures of worker `number`, to be kept by it.
    pub fn own(&self, number: usize) -> Arc<WorkerMetrics> {
        Arc::clone(self.slots[number].get().expect("a worker's figures are made before it starts"))
    }
}

impl Index<usize> for WorkerSet {
    type Output = WorkerMetrics;

    #[inline]
    fn index(&self, number: usize) -> &WorkerMetrics {
        self.slots[number].get().expect("a worker's figures are made before it starts")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn figures_survive_growth() {
        let set = WorkerSet::new(3);
        set.grow(2);
        WorkerMetrics::add(&set[1].reads, 5);
        set.grow(4);
        set.grow(1);
        assert_eq!(set.iter().count(), 4);
        assert_eq!(set[1].reads.load(Ordering::Relaxed), 5);
        assert_eq!(set[3].commands.len(), 3);
    }
}
