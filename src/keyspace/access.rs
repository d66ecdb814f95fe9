//! How commands reach keys: the access of one command (or one transaction) to the stripes that it holds, and what it reads there.
//!
//! Invariant: a [`Key`] is read or opened only while its stripe is held.

use std::sync::atomic::Ordering;

use super::blocked::ReadyKey;
use super::changes::Changes;
use super::clock24::AccessClock;
use super::effect::class;
use super::entry::{EntryMut, EntryRef};
use super::held::Held;
use super::key::{Key, ResolvedKey};
use super::liveness::Liveness;
use super::records::Logging;
use super::table::Position;
use super::{KeyPlace, Keyspace};
use crate::base::rng::Rng;

/// Advances an entry's access clock.
#[inline]
fn touch(entry: &mut EntryMut<'_>, clock: &AccessClock, rng: &mut Rng) {
    let old = entry.as_ref().access_clock();
    let new = clock.touched(old, rng);
    // Most entries of a busy node were used within the same second: their line stays clean.
    if new != old {
        entry.set_access_clock(new);
    }
}

/// What becomes of a key whose time has come when a command reads it. To the command it is not there in any case; one that opens it to
/// write always deletes it first, or there would be two entries of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiredKeyPolicy {
    /// It is deleted.
    Delete,
    /// It stays: nothing may change now, or its real owner is another server, from which data is imported.
    Keep,
}

/// What all commands of a batch share: the time, and the settings that every access needs. Taken once per batch.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Unix milliseconds.
    pub now_ms: i64,
    clock: AccessClock,
    notify: u32,
    expired_keys: ExpiredKeyPolicy,
    is_importing: bool,
}

impl Moment {
    /// The keyspace's settings at `now_ms`.
    pub fn new(keyspace: &Keyspace, now_ms: i64) -> Self {
        let settings = &keyspace.settings;
        let is_importing = settings.import_mode.load(Ordering::Relaxed);
        let keeps = is_importing || settings.keeps_all();
        Moment {
            now_ms,
            clock: AccessClock::at(
                now_ms,
                settings.lfu.load(Ordering::Relaxed),
                settings.lfu_log_factor.load(Ordering::Relaxed),
                settings.lfu_decay_minutes.load(Ordering::Relaxed),
            ),
            notify: settings.notify.load(Ordering::Relaxed),
            expired_keys: if keeps { ExpiredKeyPolicy::Keep } else { ExpiredKeyPolicy::Delete },
            is_importing,
        }
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct KeyAccess<'a> {
    pub(super) keyspace: &'a Keyspace,
    pub(super) held: Held<'a>,
    /// The database that commands see.
    pub db: u32,
    /// Now, unix milliseconds; the same for all of one command.
    pub now_ms: i64,
    /// False for CLIENT NO-TOUCH: reads leave the access clock alone.
    pub touch: bool,
    /// The locks are kept until the end, whoever asks for less: a transaction is one.
    pub keeps_locks: bool,
    clock: AccessClock,
    pub(super) notify: u32,
    expired_keys: ExpiredKeyPolicy,
    is_importing: bool,
    /// As it is since the stripes are held.
    pub(super) is_logging: bool,
    /// Something was changed since the last commit.
    pub(super) wrote: bool,
    /// Who is alive to this client.
    liveness: Liveness,
    rng: Rng,
    /// The offset of the write log that a reply to what was read and written so far depends on; 0 without a log.
    pub required_offset: u64,
    /// The offset of the write log behind what was written; 0 if nothing was.
    pub wrote_to: u64,
    /// Apart, since most commands leave nothing.
    pub(super) changes: Option<Box<Changes>>,
    /// What becomes part of the write log.
    pub(super) logging: Logging,
    /// Keys that were changed while somebody waited for them, in order.
    pub(super) ready: Vec<ReadyKey>,
}

impl<'a> KeyAccess<'a> {
    /// Access to `db` at `moment` with nothing locked yet. `seed` feeds sampling.
    #[inline(always)]
    pub fn new(keyspace: &'a Keyspace, db: u32, moment: &Moment, seed: u64) -> Self {
        KeyAccess {
            keyspace,
            held: Held::None,
            db,
            now_ms: moment.now_ms,
            touch: true,
            keeps_locks: false,
            clock: moment.clock,
            notify: moment.notify,
            expired_keys: moment.expired_keys,
            is_importing: moment.is_importing,
            is_logging: false,
            wrote: false,
            liveness: Liveness::at(moment.now_ms),
            rng: Rng::from_state(seed),
            required_offset: 0,
            wrote_to: 0,
            changes: None,
            logging: Logging::default(),
            ready: Vec::new(),
        }
    }

    /// The keyspace.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// The access clock as the policy wants it.
    pub fn clock(&self) -> AccessClock {
        self.clock
    }

    /// Randomness for sampling.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Who is alive to this client.
    pub fn liveness(&self) -> Liveness {
        self.liveness
    }

    /// Sets the access to a client's manners: its database, whether its reads advance the access clock, and whether it imports another
    /// server's data: then it sees what that server has, however old.
    pub fn begin(&mut self, db: u32, touch: bool, imports: bool) {
        self.db = db;
        self.liveness = if imports && self.is_importing { Liveness::EVERYTHING } else { Liveness::at(self.now_ms) };
        self.touch = touch;
    }

    /// Shows everything that is there, however old: to who applies a log, whose writer says when keys and fields end.
    pub fn see_everything(&mut self) {
        self.liveness = Liveness::EVERYTHING;
    }

    /// What the commit tells others of, and what is done once the locks are released: for those who add to it.
    pub fn changes(&mut self) -> &mut Changes {
        self.changes.get_or_insert_default()
    }

    /// True if keys were changed that somebody waits for.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Hands them out, in the order in which they were changed.
    pub fn take_ready(&mut self) -> Vec<ReadyKey> {
        std::mem::take(&mut self.ready)
    }

    /// Finds a key that the command's specification does not name. `None` if its stripe is not held.
    pub fn resolve(&self, name: &[u8]) -> Option<ResolvedKey> {
        let place = self.keyspace.place(name);
        self.holds(place).then_some(ResolvedKey { place, hint: None, argument: 0 })
    }

    /// Finds a live key. An expired one is not found, and deleted on the way (with its effect) if that may be.
    #[inline]
    pub(super) fn locate(&mut self, key: Key<'_>) -> Option<Position> {
        let place = key.place();
        let number = self.keyspace.table_number(self.db, place);
        let keys = self.held.stripe(place.stripe).table(number)?;
        let position = keys.table.find_from(key.hint(), place.hash, key.name())?;
        if self.liveness.is_alive(keys.table.get(position)) {
            return Some(position);
        }
        // The data may have been frozen since the batch began: a walk over all keys takes long, a transaction may freeze it itself.
        if self.expired_keys == ExpiredKeyPolicy::Delete && !self.keyspace.settings.keeps_all() {
            self.expire(place, position, key.name());
        }
        None
    }

    /// As [`KeyAccess::locate`], for a command that writes: advances the access clock. With the number of the key's table.
    // Inlined: see `crate::performance`, *Memory on its way through the processor*.
    #[inline(always)]
    pub(super) fn locate_to_write(&mut self, key: Key<'_>) -> (usize, Option<Position>) {
        let place = key.place();
        let number = self.keyspace.table_number(self.db, place);
        let found = self.held.stripe(place.stripe).table_if_used(number);
        let Some((keys, position)) =
            found.and_then(|keys| keys.table.find_from(key.hint(), place.hash, key.name()).map(|position| (keys, position)))
        else {
            return (number, None);
        };
        let mut entry = keys.table.get_to_touch(position);
        if !self.liveness.is_alive(entry.as_ref()) {
            self.expire(place, position, key.name());
            return (number, None);
        }
        if self.touch {
            touch(&mut entry, &self.clock, &mut self.rng);
        }
        (number, Some(position))
    }

    /// Deletes the key if its time has come and deleting is allowed. True if it is gone.
    pub fn reclaim(&mut self, key: Key<'_>) -> bool {
        self.peek(key).is_none() && !self.is_expired_but_there(key)
    }

    /// Calls `run` with `db` as the database that is seen. A key lies in the same stripe in every database.
    pub fn in_db<R>(&mut self, db: u32, run: impl FnOnce(&mut Self) -> R) -> R {
        let own = std::mem::replace(&mut self.db, db);
        let result = run(self);
        self.db = own;
        result
    }

    /// Looks a key up for a command that does not use its value: counts hit or miss, leaves the access clock alone.
    pub fn look_up(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        self.read_and_touch(key, false)
    }

    /// As [`KeyAccess::look_up`], without a `keymiss` notification (OBJECT).
    pub fn inspect(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let position = self.locate(key);
        let (place, number) = (key.place(), self.keyspace.table_number(self.db, key.place()));
        let stripe = self.stripe(place.stripe);
        stripe.stats.hits += u64::from(position.is_some());
        stripe.stats.misses += u64::from(position.is_none());
        position.and_then(|position| stripe.table(number).map(|keys| keys.table.get(position)))
    }

    /// Reads a key for a command: counts hit or miss, advances the access clock.
    #[inline]
    pub fn read(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        self.read_and_touch(key, self.touch)
    }

    #[inline]
    fn read_and_touch(&mut self, key: Key<'_>, advance: bool) -> Option<EntryRef<'_>> {
        let place = key.place();
        let number = self.keyspace.table_number(self.db, place);
        let liveness = self.liveness;
        let found = self.held.stripe(place.stripe).table(number).and_then(|keys| {
            let position = keys.table.find_from(key.hint(), place.hash, key.name())?;
            liveness.is_alive(keys.table.get(position)).then_some(position)
        });
        let Some(position) = found else {
            self.miss(key);
            return None;
        };
        let stripe = self.held.stripe(place.stripe);
        stripe.stats.hits += 1;
        let table = &mut stripe.table_if_used(number)?.table;
        if advance {
            touch(&mut table.get_to_touch(position), &self.clock, &mut self.rng);
        }
        Some(table.get(position))
    }

    /// A key that a command has read will be read again: that counts once.
    pub fn take_back_hit(&mut self, key: Key<'_>) {
        let stats = &mut self.stripe(key.place().stripe).stats;
        stats.hits = stats.hits.saturating_sub(1);
    }

    /// A read that found nothing, or something whose time has come.
    #[cold]
    fn miss(&mut self, key: Key<'_>) {
        let still_there = self.locate(key);
        debug_assert!(still_there.is_none(), "read() would have found it");
        self.stripe(key.place().stripe).stats.misses += 1;
        if self.notify & class::KEY_MISS != 0 {
            self.notify_event(class::KEY_MISS, "keymiss", key.name());
        }
    }

    /// Looks at a key without counting or touching: for MEMORY USAGE, and for [`KeyAccess::reclaim`] (RANDOMKEY).
    pub fn peek(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let position = self.locate(key)?;
        let number = self.keyspace.table_number(self.db, key.place());
        self.stripe(key.place().stripe).table(number).map(|keys| keys.table.get(position))
    }

    /// A live key's entry, to be looked at beside others: who counts and touches calls [`KeyAccess::read`] first.
    pub fn beside(&self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let place = key.place();
        let number = self.keyspace.table_number(self.db, place);
        let entry = self.held.stripe_to_read(place.stripe).find(number, place.hash, key.name())?;
        self.liveness.is_alive(entry).then_some(entry)
    }

    /// The entry of a key, alive or not.
    pub(super) fn entry_as_it_is(&mut self, db: u32, place: KeyPlace, name: &[u8]) -> Option<EntryRef<'_>> {
        let number = self.keyspace.table_number(db, place);
        self.stripe(place.stripe).find(number, place.hash, name)
    }

    /// What a command looks at that looks at the whole value under a key, whether or not its time has come; 0 if there is none.
    pub fn value_len(&mut self, key: Key<'_>) -> usize {
        self.entry_as_it_is(self.db, key.place(), key.name()).map_or(0, EntryRef::scan_len)
    }

    /// Looks for a key that is there but whose time has come (WATCH needs to tell it from one that is not there).
    pub fn is_expired_but_there(&mut self, key: Key<'_>) -> bool {
        let liveness = self.liveness;
        self.entry_as_it_is(self.db, key.place(), key.name()).is_some_and(|entry| !liveness.is_alive(entry))
    }
}
