//! What the tests of this folder share: a key, locked and unlocked; a sink that keeps what it was told.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Keyspace;
use super::access::{KeyAccess, Moment};
use super::changes::{ChangeSink, Changes};
use super::key::{Key, ResolvedKey};
use super::key_mut::{Expiry, KeyMut};
use super::records::Records;
use super::scan::Pace;

/// A pace at which each look at the clock says the same.
pub(super) struct Steady {
    is_over: bool,
}

impl Steady {
    /// Of a walk for which nobody waits.
    pub(super) fn at_leisure() -> Self {
        Steady { is_over: false }
    }

    /// Of a walk that somebody waits for at every look at the clock.
    pub(super) fn in_haste() -> Self {
        Steady { is_over: true }
    }
}

impl Pace for Steady {
    type End = std::convert::Infallible;

    fn begin_step(&mut self) -> Result<(), Self::End> {
        Ok(())
    }

    fn is_step_over(&mut self) -> bool {
        self.is_over
    }
}

/// Runs with a key of database `db` whose stripe is held.
pub(super) fn with_key<R>(keyspace: &Keyspace, db: u32, name: &str, now_ms: i64, run: impl FnOnce(&mut KeyAccess<'_>, Key<'_>) -> R) -> R {
    let mut keys = KeyAccess::new(keyspace, db, &Moment::new(keyspace, now_ms), now_ms as u64);
    let resolved = ResolvedKey { place: keyspace.place(name.as_bytes()), ..ResolvedKey::default() };
    keys.lock_keys(&[resolved]);
    let result = run(&mut keys, Key::new(name.as_bytes(), &resolved));
    keys.end_of_command(&[b"CHANGE", name.as_bytes()], true);
    keys.unlock();
    result
}

/// Changes a key, and counts one change.
pub(crate) fn change(keyspace: &Keyspace, db: u32, name: &str, now_ms: i64, change: impl FnOnce(&mut KeyMut<'_, '_, '_>)) {
    with_key(keyspace, db, name, now_ms, |keys, key| {
        let mut key = keys.open(key);
        change(&mut key);
        key.count_changes(1);
    });
}

/// Sets a key to a short string.
pub(super) fn put(keyspace: &Keyspace, db: u32, name: &str, expiry: Expiry, now_ms: i64) {
    change(keyspace, db, name, now_ms, |key| key.set_text(b"value", expiry));
}

/// Keeps the notifications, each as `event key`; with a log, numbers the commits.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    events: Arc<Mutex<Vec<String>>>,
    /// The offset of the log so far, if there is one.
    log: Option<Arc<Mutex<u64>>>,
}

impl Told {
    /// Has a keyspace tell it everything.
    pub(super) fn by(keyspace: &Keyspace) -> Told {
        let told = Told::default();
        keyspace.tell(Box::new(told.clone()));
        told
    }

    /// The same, and every commit makes the log ten bytes longer.
    pub(super) fn and_logged_by(keyspace: &Keyspace) -> Told {
        let told = Told { log: Some(Arc::default()), ..Told::default() };
        keyspace.tell(Box::new(told.clone()));
        let mut keys = KeyAccess::new(keyspace, 0, &Moment::new(keyspace, 0), 0);
        keys.lock_all();
        keys.set_logging(true);
        keys.unlock();
        told
    }

    /// What it was told since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock())
    }
}

impl ChangeSink for Told {
    fn commit(&self, _: u32, records: &mut Records, changes: &mut Changes) -> u64 {
        records.clear();
        let text = |event: &super::effect::KeyEvent| format!("{} {}", event.name, String::from_utf8_lossy(&event.key));
        self.events.lock().extend(changes.events.iter().map(text));
        let Some(log) = &self.log else { return 0 };
        let mut offset = log.lock();
        *offset += 10;
        *offset
    }
}
