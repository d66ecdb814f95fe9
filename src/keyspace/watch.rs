//! WATCH: which clients asked to hear of a change of which key.
//!
//! Invariants:
//! * A stripe's table holds only keys of that stripe, and is changed and read only under its lock.
//! * The flag is read by the watching client's worker at any time. It counts the client's rounds of watching: a watcher of an earlier
//!   round is dead. So a client ends a round without any lock, and never waits for a stripe; what it leaves in the tables is taken out
//!   when its stripe is free ([`super::Keyspace::forget_dead_watchers`]), when the key changes, or when a table has doubled since it was
//!   last looked through.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Watchers in a table below which it is not looked through for dead ones.
const SWEEP_LEN_MIN: usize = 64;

/// Set when a key that the client watches has changed: its EXEC then answers null.
#[derive(Debug)]
pub struct WatchFlag {
    /// Number of the client's round of watching, from 1.
    round: AtomicU64,
    /// The last round in which a watched key changed.
    broken: AtomicU64,
}

impl Default for WatchFlag {
    fn default() -> Self {
        WatchFlag { round: AtomicU64::new(1), broken: AtomicU64::new(0) }
    }
}

impl WatchFlag {
    /// Ends a round of watching (EXEC, DISCARD, UNWATCH): what changes from here on concerns nobody.
    pub fn forget(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// True if a watched key changed.
    pub fn is_set(&self) -> bool {
        self.broken.load(Ordering::Relaxed) == self.round()
    }

    fn round(&self) -> u64 {
        self.round.load(Ordering::Relaxed)
    }

    /// Marks a round as broken. A later one that is broken already stays so.
    fn set(&self, round: u64) {
        self.broken.fetch_max(round, Ordering::Relaxed);
    }
}

/// One client that watches a key.
#[derive(Debug)]
struct Watcher {
    flag: Arc<WatchFlag>,
    round: u64,
    /// The key was there at WATCH but its time had come: that it then vanishes, or stays like that, is no change.
    expired: bool,
}

impl Watcher {
    fn is_of(&self, flag: &Arc<WatchFlag>) -> bool {
        Arc::ptr_eq(&self.flag, flag) && self.round == flag.round()
    }

    fn is_dead(&self) -> bool {
        self.round != self.flag.round()
    }

    fn tell(&self) {
        self.flag.set(self.round);
    }
}

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

type WatchedKeys = HashMap<Box<[u8]>, Vec<Watcher>, foldhash::fast::RandomState>;

/// The watched keys of one stripe.
#[derive(Debug, Default)]
pub struct WatchTable {
    /// By database, so that a key is found by its bytes alone, without a copy.
    databases: HashMap<u32, WatchedKeys, foldhash::fast::RandomState>,
    /// Watchers in all, dead ones included.
    watchers: usize,
    /// At so many of them dead ones are looked for.
    sweep_len: usize,
}

impl WatchTable {
    /// True if nobody watches anything: the check that every write makes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.watchers == 0
    }

    /// Number of watched keys.
    pub fn len(&self) -> usize {
        self.databases.values().map(HashMap::len).sum()
    }

    /// Adds a watcher of a key that may be there though `expired`. False if it watches the key already.
    pub fn add(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>, expired: bool) -> bool {
        if self.watchers >= self.sweep_len.max(SWEEP_LEN_MIN) {
            self.sweep();
        }
        let keys = self.databases.entry(db).or_default();
        let watchers = match keys.get_mut(key) {
            Some(watchers) => watchers,
            None => keys.entry(key.into()).or_default(),
        };
        let is_new = !watchers.iter().any(|watcher| watcher.is_of(flag));
        if is_new {
            watchers.push(Watcher { flag: Arc::clone(flag), round: flag.round(), expired });
            self.watchers += 1;
        }
        is_new
    }

    /// Takes a client's watcher of a key out, and dead ones with it.
    pub fn remove(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) {
        self.retain(db, key, |watcher| !Arc::ptr_eq(&watcher.flag, flag));
    }

    /// Keeps those watchers of a key that are alive and of which `keep` is true.
    fn retain(&mut self, db: u32, key: &[u8], keep: impl Fn(&Watcher) -> bool) {
        let Some(keys) = self.databases.get_mut(&db) else { return };
        let Some(watchers) = keys.get_mut(key) else { return };
        let before = watchers.len();
        watchers.retain(|watcher| !watcher.is_dead() && keep(watcher));
        self.watchers -= before - watchers.len();
        if watchers.is_empty() {
            keys.remove(key);
            if keys.is_empty() {
                self.databases.remove(&db);
            }
        }
    }

    /// Takes all dead watchers out.
    pub(super) fn sweep(&mut self) {
        for keys in self.databases.values_mut() {
            keys.retain(|_, watchers| {
                watchers.retain(|watcher| !watcher.is_dead());
                !watchers.is_empty()
            });
        }
        self.databases.retain(|_, keys| !keys.is_empty());
        self.watchers = self.databases.values().flat_map(HashMap::values).map(Vec::len).sum();
        self.sweep_len = 2 * self.watchers;
    }

    fn watchers(&mut self, db: u32, key: &[u8]) -> &mut [Watcher] {
        self.databases.get_mut(&db).and_then(|keys| keys.get_mut(key)).map_or(&mut [], |watchers| &mut watchers[..])
    }

    /// True if this watcher's key counts as expired since WATCH, so that its being expired is no change.
    pub fn was_expired(&mut self, db: u32, key: &[u8], flag: &Arc<WatchFlag>) -> bool {
        self.watchers(db, key).iter().any(|watcher| watcher.is_of(flag) && watcher.expired)
    }

    /// Tells the watchers of a key that changed, and is there or not afterwards.
    pub fn touch(&mut self, db: u32, key: &[u8], exists: bool) {
        let mut has_dead = false;
        for watcher in self.watchers(db, key) {
            has_dead |= watcher.is_dead();
            if watcher.expired && !exists {
                watcher.expired = false;
            } else {
                watcher.tell();
            }
        }
        if has_dead {
            self.retain(db, key, |_| true);
        }
    }

    /// Tells the watchers of a key whose database was emptied or exchanged. `existed`: it was there before.
    pub fn touch_replaced(&mut self, db: u32, key: &[u8], existed: bool, replacement: Replacement) {
        if !existed && replacement == Replacement::None {
            return;
        }
        for watcher in self.watchers(db, key) {
            match replacement {
                Replacement::None if watcher.expired => watcher.expired = false,
                Replacement::Expired if watcher.expired => {}
                Replacement::Expired if !existed => watcher.expired = true,
                _ => watcher.tell(),
            }
        }
    }

    /// The watched keys of a database.
    pub fn keys_of(&self, db: u32) -> Vec<Box<[u8]>> {
        self.databases.get(&db).into_iter().flat_map(HashMap::keys).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Op {
        Watch {
            client: usize,
            key: u8,
        },
        /// The client forgets; with `cleans` its stripe is free, so that its watchers go at once.
        Forget {
            client: usize,
            cleans: bool,
        },
        Touch {
            key: u8,
            exists: bool,
        },
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            3 => (0..4usize, 0..6u8).prop_map(|(client, key)| Op::Watch { client, key }),
            1 => (0..4usize, any::<bool>()).prop_map(|(client, cleans)| Op::Forget { client, cleans }),
            2 => (0..6u8, any::<bool>()).prop_map(|(key, exists)| Op::Touch { key, exists }),
        ];
        prop::collection::vec(op, 0..200)
    }

    proptest! {
        #[test]
        fn a_flag_is_set_when_a_watched_key_changed_and_only_then(ops in ops()) {
            let mut table = WatchTable::default();
            let flags: Vec<Arc<WatchFlag>> = (0..4).map(|_| Arc::default()).collect();
            let mut watched: Vec<Vec<u8>> = vec![Vec::new(); 4];
            let mut broken = [false; 4];
            for op in ops {
                match op {
                    Op::Watch { client, key } => {
                        let is_new = table.add(0, &[key], &flags[client], false);
                        prop_assert_eq!(is_new, !watched[client].contains(&key));
                        if is_new {
                            watched[client].push(key);
                        }
                    }
                    Op::Forget { client, cleans } => {
                        flags[client].forget();
                        broken[client] = false;
                        for key in std::mem::take(&mut watched[client]) {
                            if cleans {
                                table.remove(0, &[key], &flags[client]);
                            }
                        }
                    }
                    Op::Touch { key, exists } => {
                        table.touch(0, &[key], exists);
                        (0..4).for_each(|client| broken[client] |= watched[client].contains(&key));
                    }
                }
                for client in 0..4 {
                    prop_assert_eq!(flags[client].is_set(), broken[client]);
                }
                let alive: usize = watched.iter().map(Vec::len).sum();
                prop_assert!(table.watchers >= alive);
            }
            table.sweep();
            let alive: usize = watched.iter().map(Vec::len).sum();
            prop_assert_eq!((table.watchers, table.is_empty()), (alive, alive == 0));
        }
    }

    #[test]
    fn what_forgetful_clients_leave_is_bounded() {
        let mut table = WatchTable::default();
        let flag = Arc::default();
        for round in 0..10_000u32 {
            assert!(table.add(0, &round.to_le_bytes(), &flag, false));
            flag.forget();
        }
        assert!(table.watchers <= 2 * SWEEP_LEN_MIN, "{}", table.watchers);
    }

    #[test]
    fn a_key_that_was_expired_may_vanish_unnoticed() {
        let (mut table, flag) = (WatchTable::default(), Arc::default());
        table.add(3, b"k", &flag, true);
        assert!(table.was_expired(3, b"k", &flag) && !table.was_expired(2, b"k", &flag));
        table.touch(3, b"k", false);
        assert!(!flag.is_set());
        table.touch(3, b"k", false);
        assert!(flag.is_set(), "it came back and went again");
    }
}
