//! WATCH: which clients asked to hear of a change of which key.
//!
//! Invariant: a stripe's table holds only keys of that stripe, and is changed and read only under its lock; the flag itself is
//! read by the watching client's worker at any time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when a key that the client watches has changed: its EXEC then answers null.
#[derive(Debug, Default)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// Marks the client's transaction as broken.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Makes it whole again (EXEC, DISCARD, UNWATCH).
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// True if a watched key changed.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

type Watchers = Vec<Arc<WatchFlag>>;

/// The watched keys of one stripe.
#[derive(Debug, Default)]
pub struct WatchTable {
    keys: HashMap<(u32, Box<[u8]>), Watchers, foldhash::fast::RandomState>,
}

impl WatchTable {
    /// True if nobody watches anything: the check that every write makes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Number of watched keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds a watcher; adding it twice has no further effect.
    pub fn add(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) {
        let watchers = self.keys.entry((db, key.into())).or_default();
        if !watchers.iter().any(|existing| Arc::ptr_eq(existing, flag)) {
            watchers.push(Arc::clone(flag));
        }
    }

    /// Removes a watcher.
    pub fn remove(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) {
        let name = (db, key.into());
        if let Some(watchers) = self.keys.get_mut(&name) {
            watchers.retain(|existing| !Arc::ptr_eq(existing, flag));
            if watchers.is_empty() {
                self.keys.remove(&name);
            }
        }
    }

    /// Tells the watchers of a key.
    pub fn touch(&mut self, db: u32, key: &[u8]) {
        if let Some(watchers) = self.keys.get(&(db, key.into())) {
            watchers.iter().for_each(|flag| flag.set());
        }
    }

    /// Calls `visit` with each watched key of a database and its watchers.
    pub fn for_each(&self, mut visit: impl FnMut(u32, &[u8], &[Arc<WatchFlag>])) {
        for ((db, key), watchers) in &self.keys {
            visit(*db, key, watchers);
        }
    }
}
