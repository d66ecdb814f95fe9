//! How commands reach keys: the locked stripes of one command (or one transaction), reads, and the drain of effects.
//!
//! Invariants:
//! * Guards are held in ascending order of stripes; a key of a stripe that is not held is a bug and aborts.
//! * What happens after unlocking (publishing notifications, serving blocked clients) is collected in [`KeyAccess::finish`]'s
//!   [`Outcome`], in the order of the changes.

use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::clock24::AccessClock;
use super::effect::{Cause, Effect, KeyEvent, ReadyKey, class};
use super::entry::{Entry, EntryMut, EntryRef};
use super::hash::KeyHash;
use super::key_mut::KeyMut;
use super::known::KnownPlaces;
use super::lock::StripeGuard;
use super::string_value;
use super::stripe::Stripe;
use super::table::{Position, Table};
use super::{Busy, Keyspace, Located, Place};
use crate::base::rng::Rng;

/// Numbers of stripes to lock.
pub type Stripes = SmallVec<[u32; 16]>;

/// How often all stripes of a command are tried for at once, before the first ones are kept while the others are waited for.
const ALL_OR_NONE_TRIES: usize = 64;

/// Ascending, each once.
fn in_order(mut stripes: Stripes) -> Stripes {
    stripes.sort_unstable();
    stripes.dedup();
    stripes
}

/// The stripes that are held.
#[derive(Debug)]
enum Locked<'a> {
    None,
    One(u32, StripeGuard<'a, Stripe>),
    /// Ascending by number.
    Many(Vec<(u32, StripeGuard<'a, Stripe>)>),
}

impl Locked<'_> {
    #[inline]
    fn stripe(&mut self, number: u32) -> &mut Stripe {
        if !matches!(self, Locked::One(held, _) if *held == number) {
            return self.stripe_of_many(number);
        }
        let Locked::One(_, guard) = self else { unreachable!("just looked at") };
        guard
    }

    #[inline(never)]
    fn stripe_of_many(&mut self, number: u32) -> &mut Stripe {
        let Locked::Many(held) = self else { panic!("a command touches only stripes that were locked for it") };
        let at = held.binary_search_by_key(&number, |(number, _)| *number);
        &mut held[at.expect("a command touches only stripes that were locked for it")].1
    }
}

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

/// What is left to do once the locks are released.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Notifications to publish, in order.
    pub events: Vec<KeyEvent>,
    /// Keys for which blocked clients may wait, in order.
    pub ready: Vec<ReadyKey>,
}

/// What becomes of a key whose time has come when a command meets it. To the command it is not there in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// It is deleted.
    Delete,
    /// It is deleted if the command writes: its real owner is another server, from which data is imported.
    DeleteToWrite,
    /// It stays: nothing may change now.
    Keep,
}

/// What all commands of a batch share: the time, and the settings that every access needs. Taken once per batch.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Unix milliseconds.
    pub now_ms: i64,
    clock: AccessClock,
    notify: u32,
    due: Due,
}

impl Moment {
    /// The keyspace's settings at `now_ms`.
    pub fn new(keyspace: &Keyspace, now_ms: i64) -> Self {
        let settings = &keyspace.settings;
        Moment {
            now_ms,
            clock: AccessClock::at(
                now_ms,
                settings.lfu.load(Ordering::Relaxed),
                settings.lfu_log_factor.load(Ordering::Relaxed),
                settings.lfu_decay_minutes.load(Ordering::Relaxed),
            ),
            notify: settings.notify.load(Ordering::Relaxed),
            due: match settings.import_mode.load(Ordering::Relaxed) {
                _ if settings.is_frozen(now_ms) => Due::Keep,
                true => Due::DeleteToWrite,
                false => Due::Delete,
            },
        }
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct KeyAccess<'a> {
    keyspace: &'a Keyspace,
    locked: Locked<'a>,
    /// The database that commands see.
    pub db: u32,
    /// Now, unix milliseconds; the same for all of one command.
    pub now_ms: i64,
    /// False for CLIENT NO-TOUCH: reads leave the access clock alone.
    pub touch: bool,
    clock: AccessClock,
    notify: u32,
    due: Due,
    /// Keys that expire before this have expired to this client: [`KeyAccess::now_ms`], or never.
    horizon_ms: i64,
    rng: Rng,
    known: KnownPlaces,
    /// Apart, since most commands leave nothing.
    outcome: Option<Box<Outcome>>,
}

impl<'a> KeyAccess<'a> {
    /// Access to `db` at `moment` with nothing locked yet. `seed` feeds sampling.
    #[inline(always)]
    pub fn new(keyspace: &'a Keyspace, db: u32, moment: &Moment, seed: u64) -> Self {
        KeyAccess {
            keyspace,
            locked: Locked::None,
            db,
            now_ms: moment.now_ms,
            touch: true,
            clock: moment.clock,
            notify: moment.notify,
            due: moment.due,
            horizon_ms: moment.now_ms,
            rng: Rng::from_state(seed),
            known: KnownPlaces::default(),
            outcome: None,
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

    /// Locks the stripe of the only key of a command. Where the key lies is remembered by its address, until [`Self::unlock`].
    ///
    /// # Errors
    /// If its holder keeps it for long.
    #[inline]
    pub fn try_lock_key(&mut self, key: &[u8], located: &Located) -> Result<(), Busy> {
        self.known.set_one(key, located);
        self.try_lock_one(located.place.stripe)
    }

    /// Locks one stripe, however long that takes. Nothing may be locked yet.
    #[inline]
    pub fn lock_one(&mut self, stripe: u32) {
        assert!(matches!(self.locked, Locked::None), "locks are taken once, in order");
        self.locked = Locked::One(stripe, self.keyspace.lock(stripe));
    }

    /// Locks one stripe. Nothing may be locked yet.
    ///
    /// # Errors
    /// If its holder keeps it for long.
    #[inline]
    pub fn try_lock_one(&mut self, stripe: u32) -> Result<(), Busy> {
        assert!(matches!(self.locked, Locked::None), "locks are taken once, in order");
        let guard = self.keyspace.lock_soon(stripe).ok_or(Busy(stripe))?;
        // There is nothing to drop, which the compiler does not see behind the call.
        std::mem::forget(std::mem::replace(&mut self.locked, Locked::One(stripe, guard)));
        Ok(())
    }

    /// Locks the stripes of all `keys`, in ascending order and however long that takes.
    pub fn lock_keys<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) {
        let stripes = self.remember_all(keys);
        self.lock_stripes(stripes);
    }

    /// Locks the stripes of all `keys`, in ascending order, and asks for all their entries before the command needs the first.
    ///
    /// # Errors
    /// If one of them is held for long: then none is locked.
    pub fn try_lock_keys<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) -> Result<(), Busy> {
        let stripes = self.remember_all(keys);
        let count = stripes.len();
        self.try_lock_stripes(stripes)?;
        if count > 1 {
            self.prefetch(Table::prefetch_bucket);
            self.prefetch(Table::prefetch_entry);
        }
        Ok(())
    }

    /// Remembers where each of `keys` lies. Returns their stripes.
    fn remember_all<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) -> Stripes {
        let mut stripes = Stripes::new();
        for key in keys {
            let place = self.keyspace.place(key);
            self.known.push(key, place);
            stripes.push(place.stripe);
        }
        stripes
    }

    fn prefetch<R>(&mut self, what: impl Fn(&Table, KeyHash) -> R) {
        for key in 0..self.known.len() {
            let place = self.known.place(key);
            let number = self.keyspace.table_number(self.db, place);
            if let Some(keys) = self.stripe(place.stripe).table(number) {
                what(&keys.table, place.hash);
            }
        }
    }

    /// Locks these stripes, in ascending order and however long that takes. What is free stays free for others while one that is held
    /// for long is waited for; only if that does not lead anywhere are the first ones kept meanwhile.
    pub fn lock_stripes(&mut self, stripes: Stripes) {
        for _ in 0..ALL_OR_NONE_TRIES {
            match self.try_lock_stripes(stripes.clone()) {
                Ok(()) => return,
                Err(Busy(number)) => drop(self.keyspace.lock(number)),
            }
        }
        self.locked = Locked::Many(in_order(stripes).into_iter().map(|number| (number, self.keyspace.lock(number))).collect());
    }

    /// Locks these stripes, in ascending order.
    ///
    /// # Errors
    /// If one of them is held for long: then none is locked.
    pub fn try_lock_stripes(&mut self, stripes: Stripes) -> Result<(), Busy> {
        assert!(matches!(self.locked, Locked::None), "locks are taken once, in order");
        let lock = |number| self.keyspace.lock_soon(number).map(|guard| (number, guard)).ok_or(Busy(number));
        self.locked = match in_order(stripes)[..] {
            [] => Locked::None,
            [one] => lock(one).map(|(number, guard)| Locked::One(number, guard))?,
            ref many => Locked::Many(many.iter().map(|number| lock(*number)).collect::<Result<_, _>>()?),
        };
        Ok(())
    }

    /// Locks every stripe, however long that takes.
    pub fn lock_all(&mut self) {
        self.lock_stripes(self.every_stripe());
    }

    /// Locks every stripe.
    ///
    /// # Errors
    /// If one of them is held for long: then none is locked.
    pub fn try_lock_all(&mut self) -> Result<(), Busy> {
        self.try_lock_stripes(self.every_stripe())
    }

    fn every_stripe(&self) -> Stripes {
        (0..self.keyspace.stripes() as u32).collect()
    }

    /// True if somebody waits for a held stripe for long already.
    pub fn is_wanted(&self) -> bool {
        match &self.locked {
            Locked::None => false,
            Locked::One(number, _) => self.keyspace.is_wanted(*number),
            Locked::Many(held) => held.iter().any(|(number, _)| self.keyspace.is_wanted(*number)),
        }
    }

    /// True if every stripe is held.
    pub fn holds_all(&self) -> bool {
        matches!(&self.locked, Locked::Many(held) if held.len() == self.keyspace.stripes())
    }

    /// Releases what is held.
    #[inline]
    pub fn unlock(&mut self) {
        if let Locked::Many(_) = self.locked {
            self.unlock_many();
        } else {
            self.locked = Locked::None;
        }
        self.known.clear();
    }

    #[inline(never)]
    fn unlock_many(&mut self) {
        self.locked = Locked::None;
    }

    /// Sets the access to a client's manners: its database, whether its reads advance the access clock, and whether it imports another
    /// server's data: then it sees what that server has, however old.
    pub fn begin(&mut self, db: u32, touch: bool, imports: bool) {
        self.db = db;
        self.horizon_ms = if imports && self.due == Due::DeleteToWrite { i64::MIN } else { self.now_ms };
        self.touch = touch;
        self.known.clear();
    }

    /// Releases what is held and returns what is left to do, if anything is.
    #[inline]
    pub fn finish(&mut self) -> Option<Outcome> {
        self.unlock();
        self.outcome.take().map(|outcome| *outcome)
    }

    /// True if something is left to do once the locks are released.
    #[inline]
    pub fn has_outcome(&self) -> bool {
        self.outcome.is_some()
    }

    /// A held stripe.
    #[inline]
    pub fn stripe(&mut self, number: u32) -> &mut Stripe {
        self.locked.stripe(number)
    }

    /// Calls `visit` with stripe `number`, which is locked for it unless it is held already.
    pub fn with_stripe<R>(&mut self, number: u32, visit: impl FnOnce(&mut Self) -> R) -> R {
        if !matches!(self.locked, Locked::None) {
            return visit(self);
        }
        self.lock_one(number);
        let result = visit(self);
        self.unlock();
        result
    }

    /// Where `key` lies.
    #[inline]
    pub fn place(&self, key: &[u8]) -> Place {
        self.known.find(key).unwrap_or_else(|| self.keyspace.place(key))
    }

    /// Finds a live key. An expired one is not found, and deleted on the way (with its effect) if that may be.
    #[inline]
    pub(super) fn locate(&mut self, place: Place, key: &[u8]) -> Option<Position> {
        let number = self.keyspace.table_number(self.db, place);
        let hint = self.known.find_with_hint(key).and_then(|(_, hint)| hint);
        let keys = self.locked.stripe(place.stripe).table(number)?;
        let position = keys.table.find_from(hint, place.hash, key)?;
        if !keys.table.get(position).is_expired(self.horizon_ms) {
            return Some(position);
        }
        self.expire_if_due(place, position, key, Due::Delete);
        None
    }

    /// As [`KeyAccess::locate`], for a command that writes: advances the access clock. With the key's place and the number of its table.
    // Inlined for the sake of what it returns: see [`KeyMut::new`].
    #[inline(always)]
    pub(super) fn locate_to_write(&mut self, key: &[u8]) -> (Place, usize, Option<Position>) {
        let (place, hint) = self.known.find_with_hint(key).unwrap_or_else(|| (self.keyspace.place(key), None));
        let number = self.keyspace.table_number(self.db, place);
        let found = self.locked.stripe(place.stripe).table_if_used(number);
        let Some((keys, position)) = found.and_then(|keys| keys.table.find_from(hint, place.hash, key).map(|position| (keys, position)))
        else {
            return (place, number, None);
        };
        let mut entry = keys.table.get_mut(position);
        if entry.as_ref().is_expired(self.horizon_ms) {
            self.expire_if_due(place, position, key, Due::DeleteToWrite);
            return (place, number, None);
        }
        if self.touch {
            touch(&mut entry, &self.clock, &mut self.rng);
        }
        (place, number, Some(position))
    }

    /// `delete_up_to`: the strictest rule under which an expired key is deleted here.
    #[cold]
    fn expire_if_due(&mut self, place: Place, position: Position, key: &[u8], delete_up_to: Due) {
        if self.due == Due::Delete || self.due == delete_up_to {
            self.expire(place, position, key);
        }
    }

    /// The time before which an expiry means that the key has expired to this client.
    pub fn horizon_ms(&self) -> i64 {
        self.horizon_ms
    }

    /// Deletes an expired key.
    #[cold]
    pub(super) fn expire(&mut self, place: Place, position: Position, key: &[u8]) {
        let number = self.keyspace.table_number(self.db, place);
        let hasher = self.keyspace.hasher();
        let entry = self.stripe(place.stripe).table_mut(number).remove(position, hasher);
        self.release(entry, Cause::Expired);
        // No change in the sense of `save`: nobody's data was altered, its time was over.
        let events = &[(class::EXPIRED, "expired")];
        let effect = Effect { db: self.db, key, cause: Cause::Expired, created: false, exists: false, changes: 0, events };
        self.drain(place.stripe, &effect);
    }

    /// Frees an entry that has left its table, in the background if it is large and the options say so.
    #[inline]
    pub(super) fn release(&self, entry: Entry, cause: Cause) {
        let settings = &self.keyspace.settings;
        let lazily = || match cause {
            Cause::Command => settings.lazy_server_del.load(Ordering::Relaxed),
            Cause::Expired => settings.lazy_expire.load(Ordering::Relaxed),
            Cause::Evicted => settings.lazy_eviction.load(Ordering::Relaxed),
        };
        self.keyspace.lazyfree.free_entry(entry, lazily);
    }

    /// Deletes the key if its time has come and deleting is allowed. True if it is gone.
    pub fn reclaim(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_none() && !self.is_expired_but_there(key)
    }

    /// Takes a live key out without telling anyone: the command then puts it elsewhere and tells through [`KeyAccess::signal`].
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.place(key);
        let position = self.locate(place, key)?;
        let number = self.keyspace.table_number(self.db, place);
        let hasher = self.keyspace.hasher();
        Some(self.stripe(place.stripe).table_mut(number).remove(position, hasher))
    }

    /// Tells everyone of a change of `key` that was made already, with this event.
    pub fn signal(&mut self, key: &[u8], event_class: u32, name: &'static str) {
        let place = self.place(key);
        let number = self.keyspace.table_number(self.db, place);
        let exists = self.stripe(place.stripe).find(number, place.hash, key).is_some();
        let events = &[(event_class, name)];
        let effect = Effect { db: self.db, key, cause: Cause::Command, created: false, exists, changes: 0, events };
        self.drain(place.stripe, &effect);
    }

    /// Calls `run` with `db` as the database that is seen. A key lies in the same stripe in every database.
    pub fn in_db<R>(&mut self, db: u32, run: impl FnOnce(&mut Self) -> R) -> R {
        let own = std::mem::replace(&mut self.db, db);
        let result = run(self);
        self.db = own;
        result
    }

    /// Looks a key up for a command that does not use its value: counts hit or miss, leaves the access clock alone.
    pub fn look_up(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.read_and_touch(key, false)
    }

    /// As [`KeyAccess::look_up`], without a `keymiss` notification (OBJECT).
    pub fn inspect(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let place = self.place(key);
        let position = self.locate(place, key);
        let number = self.keyspace.table_number(self.db, place);
        let stripe = self.stripe(place.stripe);
        stripe.stats.hits += u64::from(position.is_some());
        stripe.stats.misses += u64::from(position.is_none());
        position.and_then(|position| stripe.table(number).map(|keys| keys.table.get(position)))
    }

    /// Reads a key for a command: counts hit or miss, advances the access clock.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.read_and_touch(key, self.touch)
    }

    #[inline]
    fn read_and_touch(&mut self, key: &[u8], advance: bool) -> Option<EntryRef<'_>> {
        let (place, hint) = self.known.find_with_hint(key).unwrap_or_else(|| (self.keyspace.place(key), None));
        let number = self.keyspace.table_number(self.db, place);
        let horizon_ms = self.horizon_ms;
        let found = self.locked.stripe(place.stripe).table(number).and_then(|keys| {
            let position = keys.table.find_from(hint, place.hash, key)?;
            (!keys.table.get(position).is_expired(horizon_ms)).then_some(position)
        });
        let Some(position) = found else {
            self.miss(place, key);
            return None;
        };
        let stripe = self.locked.stripe(place.stripe);
        stripe.stats.hits += 1;
        let table = &mut stripe.table_if_used(number)?.table;
        if advance {
            touch(&mut table.get_mut(position), &self.clock, &mut self.rng);
        }
        Some(table.get(position))
    }

    /// A read that found nothing, or something whose time has come.
    #[cold]
    fn miss(&mut self, place: Place, key: &[u8]) {
        let still_there = self.locate(place, key);
        debug_assert!(still_there.is_none(), "read() would have found it");
        self.stripe(place.stripe).stats.misses += 1;
        if self.notify & class::KEY_MISS != 0 {
            self.notify_event(class::KEY_MISS, "keymiss", key);
        }
    }

    /// Looks at a key without counting or touching (OBJECT, DEBUG, TTL's NOTOUCH kin).
    pub fn peek(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let place = self.place(key);
        let position = self.locate(place, key)?;
        let number = self.keyspace.table_number(self.db, place);
        self.stripe(place.stripe).table(number).map(|keys| keys.table.get(position))
    }

    /// Bytes of the value under a key, whether or not its time has come; 0 if there is none.
    pub fn value_len(&mut self, key: &[u8]) -> usize {
        let place = self.place(key);
        let number = self.keyspace.table_number(self.db, place);
        let entry = self.stripe(place.stripe).find(number, place.hash, key);
        entry.and_then(|entry| string_value::of(entry).ok()).map_or(0, string_value::len)
    }

    /// Opens a key for changing. It may or may not exist.
    #[inline]
    pub fn open<'m, 'k>(&'m mut self, key: &'k [u8]) -> KeyMut<'m, 'a, 'k> {
        KeyMut::new(self, key)
    }

    /// Looks for a key that is there but whose time has come (WATCH needs to tell it from one that is not there).
    pub fn is_expired_but_there(&mut self, key: &[u8]) -> bool {
        let place = self.place(key);
        let number = self.keyspace.table_number(self.db, place);
        let horizon_ms = self.horizon_ms;
        self.stripe(place.stripe).find(number, place.hash, key).is_some_and(|entry| entry.is_expired(horizon_ms))
    }

    /// Collects a notification, if clients asked for its class.
    pub fn notify_event(&mut self, event_class: u32, name: &'static str, key: &[u8]) {
        if self.notify & event_class != 0 {
            self.outcome.get_or_insert_default().events.push(KeyEvent { db: self.db, class: event_class, name, key: key.to_vec() });
        }
    }

    /// Turns one effect into all that depends on it. The one place where that happens; the stripe is held.
    ///
    /// In this order: counters, WATCH, notifications. The write log, tracking, the tag index and blocked clients join here.
    #[inline]
    pub(super) fn drain(&mut self, stripe_number: u32, effect: &Effect<'_>) {
        let stripe = self.stripe(stripe_number);
        stripe.stats.changes += effect.changes;
        match effect.cause {
            Cause::Command => {}
            Cause::Expired => stripe.stats.expired += 1,
            Cause::Evicted => stripe.stats.evicted += 1,
        }
        if !stripe.watched.is_empty() {
            stripe.watched.touch(effect.db, effect.key, effect.exists);
        }
        if self.notify != 0 {
            if effect.created {
                self.notify_event(class::NEW, "new", effect.key);
            }
            for (event_class, name) in effect.events {
                self.notify_event(*event_class, name, effect.key);
            }
        }
    }
}
