//! Keys that clients of a replica gave an expiry (`replica-read-only no`): they go when their time comes, as on a primary, while the keys of the
//! primary wait for it to say so. Valkey's `replicaKeysWithExpire`.
//!
//! Invariants:
//! * A name is noted while its key is there with an expiry that a client of this node gave it. It is forgotten when the key is deleted or the
//!   primary changes it, and when the sweep finds it without an expiry: so there are no more names than keys.
//! * What ends here ends for this node alone: the log is the primary's.

use std::sync::atomic::Ordering;

use super::Keyspace;
use super::access::{KeyAccess, Moment};
use super::key::Key;
use super::liveness::Liveness;

/// Keys looked at under one lock hold.
const HOLD_KEYS: usize = 64;

impl KeyAccess<'_> {
    /// Notes that this key, which is there, got an expiry. Of use where the node follows another one, and a client did it.
    #[inline]
    pub(super) fn note_expiry(&mut self, key: Key<'_>) {
        if self.keyspace().settings.follows() && self.liveness() != Liveness::EVERYTHING {
            self.note_local_expiry(key);
        }
    }

    #[cold]
    fn note_local_expiry(&mut self, key: Key<'_>) {
        let db = self.db;
        self.keyspace().has_local_expiries.store(true, Ordering::Relaxed);
        let local = self.stripe(key.place().stripe).local_expiries.get_or_insert_default();
        local.note(db, key.name());
    }

    /// Looks at some of a stripe's keys, and ends those whose time has come. False if there are none left.
    fn end_local(&mut self, number: u32) -> bool {
        let Some(local) = &mut self.stripe(number).local_expiries else { return false };
        for (db, name) in local.next(HOLD_KEYS) {
            self.in_db(db, |keys| {
                let resolved = keys.resolve(&name).expect("it lies in the stripe that is held");
                // One whose time has come goes when it is opened, and is forgotten with that.
                let is_there = keys.open(Key::new(&name, &resolved)).exists();
                keys.stripe(number).stats.expired_active += u64::from(!is_there);
                if is_there && keys.open(Key::new(&name, &resolved)).expiry_ms().is_none() {
                    keys.stripe(number).forget_local_expiry(db, &name);
                }
            });
        }
        self.stripe(number).local_expiries.is_some()
    }

    /// Forgets all names of these databases; every stripe is held.
    pub fn forget_local_expiries(&mut self, databases: std::ops::Range<u32>) {
        if !self.keyspace().has_local_expiries.load(Ordering::Relaxed) {
            return;
        }
        for number in 0..self.keyspace().stripes() as u32 {
            let Some(local) = &mut self.stripe(number).local_expiries else { continue };
            let gone = local.forget_all(databases.clone());
            let is_empty = local.is_empty();
            self.stripe(number).local_expiries.take_if(|_| is_empty);
            self.free_parts(Box::new(gone));
        }
    }

    /// Exchanges two databases; every stripe is held.
    pub(super) fn swap_local_expiries(&mut self, one: u32, other: u32) {
        for number in 0..self.keyspace().stripes() as u32 {
            self.stripe(number).local_expiries.iter_mut().for_each(|local| local.swap(one, other));
        }
    }
}

impl Keyspace {
    /// Ends the keys whose time has come and that clients of this replica gave an expiry. Looks at some of each stripe's; one that somebody holds
    /// for long is passed over.
    pub fn end_local_keys(&self, now_ms: i64) {
        // Before looking: who notes one meanwhile has it looked at the next time.
        if !self.has_local_expiries.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut access = KeyAccess::new(self, 0, &Moment::new(self, now_ms), 0);
        access.begin(0, false, false);
        for number in 0..self.stripes() as u32 {
            let has_more = access.with_stripe_if_free(number, |keys| keys.end_local(number));
            if has_more.unwrap_or(true) {
                self.has_local_expiries.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::freeze;
    use crate::keyspace::key_mut::{Expiry, KeyMut};
    use crate::keyspace::testing::{change, put, with_key};

    fn replica() -> Keyspace {
        let keyspace = Keyspace::new(16, 4, false, 7);
        keyspace.settings.freeze_for(freeze::FOLLOW, true);
        keyspace
    }

    /// The primary changes a key.
    fn primary(keyspace: &Keyspace, db: u32, name: &str, change: impl FnOnce(&mut KeyMut<'_, '_, '_>)) {
        with_key(keyspace, db, name, 1000, |keys, key| {
            keys.see_everything();
            let mut key = keys.open(key);
            change(&mut key);
            key.count_changes(1);
        });
    }

    fn all(keyspace: &Keyspace, run: impl FnOnce(&mut KeyAccess<'_>)) {
        let mut keys = KeyAccess::new(keyspace, 0, &Moment::new(keyspace, 1000), 0);
        keys.with_all(run);
    }

    fn is_there(keyspace: &Keyspace, db: u32, name: &str) -> bool {
        with_key(keyspace, db, name, 1000, |keys, key| keys.entry_as_it_is(db, key.place(), key.name()).is_some())
    }

    fn names(keyspace: &Keyspace) -> usize {
        let mut count = 0;
        all(keyspace, |keys| {
            for number in 0..16 {
                let local = keys.stripe(number).local_expiries.as_ref();
                count += local.map_or(0, |local| local.len());
            }
        });
        count
    }

    /// Until each was looked at.
    fn sweep(keyspace: &Keyspace, now_ms: i64) {
        (0..20).for_each(|_| keyspace.end_local_keys(now_ms));
    }

    fn set(key: &mut KeyMut<'_, '_, '_>) {
        key.set_text(b"value", Expiry::At(2000));
    }

    #[test]
    fn what_clients_gave_an_expiry_ends_and_what_the_primary_gave_one_does_not() {
        let keyspace = replica();
        for name in ["set", "expire", "persist", "overwritten", "deleted", "moved"] {
            put(&keyspace, 0, name, Expiry::At(2000), 1000);
        }
        primary(&keyspace, 0, "primary's", set);
        primary(&keyspace, 1, "given", |key| key.set_text(b"value", Expiry::Clear));
        change(&keyspace, 1, "given", 1000, |key| key.set_expiry_ms(Some(2000)));
        change(&keyspace, 0, "persist", 1000, |key| key.set_expiry_ms(None));
        change(&keyspace, 0, "deleted", 1000, |key| _ = key.delete());
        with_key(&keyspace, 0, "moved", 1000, |keys, key| keys.move_to(key, 2));
        primary(&keyspace, 0, "overwritten", set);
        assert_eq!(names(&keyspace), 5, "set, expire, persist, moved and given");
        sweep(&keyspace, 2000);
        assert_eq!(names(&keyspace), 4, "what has no expiry any more is forgotten");
        assert!(is_there(&keyspace, 0, "set"));
        sweep(&keyspace, 2001);
        let left: Vec<_> = [(0, "set"), (0, "expire"), (2, "moved"), (1, "given"), (0, "persist"), (0, "overwritten"), (0, "primary's")]
            .into_iter()
            .filter(|(db, name)| is_there(&keyspace, *db, name))
            .map(|(_, name)| name)
            .collect();
        assert_eq!((left, names(&keyspace)), (vec!["persist", "overwritten", "primary's"], 0));
        assert!(!keyspace.has_local_expiries.load(Ordering::Relaxed));
    }

    #[test]
    fn each_is_looked_at_however_many_there_are() {
        let keyspace = replica();
        for number in 0..5000 {
            put(&keyspace, number % 3, &format!("key:{number}"), Expiry::At(if number % 7 == 0 { 2000 } else { 9000 }), 1000);
        }
        sweep(&keyspace, 2001);
        assert_eq!(names(&keyspace), 5000 - 5000_usize.div_ceil(7));
        sweep(&keyspace, 9001);
        assert_eq!(names(&keyspace), 0);
    }

    #[test]
    fn names_go_with_their_databases() {
        let keyspace = replica();
        for db in 0..3 {
            put(&keyspace, db, &format!("key:{db}"), Expiry::At(2000), 1000);
        }
        all(&keyspace, |keys| keys.swap_databases(0, 3));
        all(&keyspace, |keys| keys.flush(1..2, false));
        assert_eq!(names(&keyspace), 2);
        sweep(&keyspace, 2001);
        assert!(!is_there(&keyspace, 3, "key:0") && !is_there(&keyspace, 2, "key:2") && names(&keyspace) == 0);
        put(&keyspace, 0, "later", Expiry::At(3000), 2500);
        all(&keyspace, |keys| keys.forget_local_expiries(0..4));
        keyspace.settings.freeze_for(freeze::FOLLOW, false);
        put(&keyspace, 0, "on a primary", Expiry::At(3000), 2500);
        assert_eq!(names(&keyspace), 0);
    }
}
