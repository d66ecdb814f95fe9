//! What eviction keeps between calls: its pool of candidates, and its figures.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::config::MaxmemoryPolicy;

/// What eviction keeps between calls, and its figures.
#[derive(Debug, Default)]
pub struct Eviction {
    pub(super) pool: Mutex<Pool>,
    /// Since when memory has been above its limit, microseconds of [`super::evict::World::now_us`] plus one; 0: it is not.
    exceeded_since_us: AtomicU64,
    exceeded_total_us: AtomicU64,
}

impl Eviction {
    /// True if memory was above its limit when it was last looked at.
    #[inline]
    pub fn is_exceeded(&self) -> bool {
        self.exceeded_since_us.load(Ordering::Relaxed) != 0
    }

    /// How long memory has been above its limit, in microseconds (`current_eviction_exceeded_time`).
    pub fn current_exceeded_us(&self, now_us: u64) -> u64 {
        match self.exceeded_since_us.load(Ordering::Relaxed) {
            0 => 0,
            since => (now_us + 1).saturating_sub(since),
        }
    }

    /// How long it has been so in total, in microseconds (`total_eviction_exceeded_time`).
    pub fn total_exceeded_us(&self, now_us: u64) -> u64 {
        self.exceeded_total_us.load(Ordering::Relaxed) + self.current_exceeded_us(now_us)
    }

    /// Sets the total to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&self) {
        self.exceeded_since_us.store(0, Ordering::Relaxed);
        self.exceeded_total_us.store(0, Ordering::Relaxed);
    }

    /// Notes whether memory is above its limit.
    pub(super) fn note(&self, exceeded: bool, now_us: &dyn Fn() -> u64) {
        let since = self.exceeded_since_us.load(Ordering::Relaxed);
        if exceeded == (since != 0) {
            return;
        }
        let new = if exceeded { now_us() + 1 } else { 0 };
        // One of several workers that see the change adds it up.
        if self.exceeded_since_us.compare_exchange(since, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() && !exceeded {
            self.exceeded_total_us.fetch_add((now_us() + 1).saturating_sub(since), Ordering::Relaxed);
        }
    }
}

/// A key that may be evicted.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    /// The higher, the better it is gone.
    pub(super) score: u64,
    pub(super) db: u32,
    pub(super) hash: u64,
    pub(super) key: Vec<u8>,
}

/// The candidates, and how far the search for more has come.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Ascending by score.
    pub(super) candidates: Vec<Candidate>,
    pub(super) policy: MaxmemoryPolicy,
    /// Databases that had keys to evict when this was last looked at.
    pub(super) databases: Vec<u32>,
    pub(super) rounds_left: u32,
    pub(super) next_db: usize,
    /// A stripe was passed over because somebody holds it for long.
    pub(super) busy: bool,
    /// A buffer to be used again.
    pub(super) spare: Vec<u8>,
}
