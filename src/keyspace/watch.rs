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

/// One client that watches a key.
#[derive(Debug)]
struct Watcher {
    flag: Arc<WatchFlag>,
    /// The key was there at WATCH but its time had come: that it then vanishes, or stays like that, is no change.
    expired: bool,
}

type Watchers = Vec<Watcher>;

/// What is in the place of a watched key once its database was emptied or exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// Nothing.
    None,
    /// A key whose time has come.
    Expired,
    /// A key.
    Live,
}

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

    /// Adds a watcher of a key that may be there though `expired`; adding it twice has no further effect.
    pub fn add(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>, expired: bool) {
        let watchers = self.keys.entry((db, key.into())).or_default();
        if !watchers.iter().any(|existing| Arc::ptr_eq(&existing.flag, flag)) {
            watchers.push(Watcher { flag: Arc::clone(flag), expired });
        }
    }

    /// Removes a watcher.
    pub fn remove(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) {
        let name = (db, key.into());
        if let Some(watchers) = self.keys.get_mut(&name) {
            watchers.retain(|existing| !Arc::ptr_eq(&existing.flag, flag));
            if watchers.is_empty() {
                self.keys.remove(&name);
            }
        }
    }

    /// True if this watcher's key counts as expired since WATCH, so that its being expired is no change.
    pub fn was_expired(&self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) -> bool {
        let watchers = self.keys.get(&(db, key.into()));
        watchers.is_some_and(|watchers| watchers.iter().any(|watcher| Arc::ptr_eq(&watcher.flag, flag) && watcher.expired))
    }

    /// Tells the watchers of a key that changed, and is there or not afterwards.
    pub fn touch(&mut self, db: u32, key: &[u8], exists: bool) {
        for watcher in self.keys.get_mut(&(db, key.into())).into_iter().flatten() {
            if watcher.expired && !exists {
                watcher.expired = false;
            } else {
                watcher.flag.set();
            }
        }
    }

    /// Tells the watchers of a key whose database was emptied or exchanged. `existed`: it was there before.
    pub fn touch_replaced(&mut self, db: u32, key: &[u8], existed: bool, replacement: Replacement) {
        if !existed && replacement == Replacement::None {
            return;
        }
        for watcher in self.keys.get_mut(&(db, key.into())).into_iter().flatten() {
            match replacement {
                Replacement::None if watcher.expired => watcher.expired = false,
                Replacement::Expired if watcher.expired => {}
                Replacement::Expired if !existed => watcher.expired = true,
                _ => watcher.flag.set(),
            }
        }
    }

    /// The watched keys of a database.
    pub fn keys_of(&self, db: u32) -> Vec<Box<[u8]>> {
        self.keys.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.clone()).collect()
    }
}
