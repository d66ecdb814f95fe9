//! What a change of a key causes: the one place where an [`Effect`] becomes everything that depends on it, and where entries leave
//! their tables for other reasons than a command.

use std::sync::atomic::Ordering;

use super::KeyPlace;
use super::access::KeyAccess;
use super::blocked::ReadyKey;
use super::effect::{Cause, Effect, KeyEvent, Reach, class};
use super::entry::Entry;
use super::handover::Message;
use super::liveness::Liveness;
use super::table::Position;
use crate::base::limits::LAZYFREE_EFFORT_MIN;

impl KeyAccess<'_> {
    /// Turns one effect into all that depends on it. The stripe is held.
    ///
    /// In this order: counters, WATCH, those who wait for keys, notifications. Tracking and the tag index join here. The record of the write log
    /// is made of the command, where that ends ([`super::records`]): an effect does not say what the key holds now.
    // Inlined, so that an effect of which nobody wants to hear is never put together.
    #[inline(always)]
    pub(super) fn drain(&mut self, stripe_number: u32, effect: &Effect<'_>) {
        self.wrote = true;
        let is_heard = self.is_logging | (self.notify != 0) | (effect.cause != Cause::Command);
        let stripe = self.held.stripe(stripe_number);
        stripe.stats.changes += effect.changes;
        if is_heard | !stripe.watched.is_empty() | !stripe.blocked.is_empty() | stripe.local_expiries.is_some() {
            self.tell(stripe_number, effect);
        }
    }

    /// Tells those who want to hear of an effect.
    #[inline(never)]
    fn tell(&mut self, stripe_number: u32, effect: &Effect<'_>) {
        let is_logging = self.is_logging;
        let stripe = self.held.stripe(stripe_number);
        // Of no use without a log: see `crate::performance`, *Where things lie*.
        if is_logging {
            stripe.written = true;
            self.logging.is_unlogged = true;
        }
        if !effect.exists || self.liveness() == Liveness::EVERYTHING {
            self.held.stripe(stripe_number).forget_local_expiry(effect.db, effect.key);
        }
        let stripe = self.held.stripe(stripe_number);
        match effect.cause {
            Cause::Command => {}
            Cause::Expired => stripe.stats.expired += 1,
            Cause::Evicted => stripe.stats.evicted += 1,
        }
        if !stripe.watched.is_empty() && effect.reach == Reach::Everybody {
            stripe.watched.touch(effect.db, effect.key, effect.exists);
        }
        if effect.reach != Reach::Nobody && !stripe.blocked.is_empty() && stripe.blocked.has(effect.db, effect.key) {
            self.tell_waiters(stripe_number, effect);
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

    /// Notes a key if it has become something that somebody waits for: what it was in between takes no place in the order.
    #[cold]
    fn tell_waiters(&mut self, stripe_number: u32, effect: &Effect<'_>) {
        let place = self.keyspace.place(effect.key);
        let number = self.keyspace.table_number(effect.db, place);
        let stripe = self.held.stripe(stripe_number);
        let kind = stripe.table(number).and_then(|keys| {
            let position = keys.table.find(place.hash, effect.key)?;
            Some(keys.table.get(position).kind())
        });
        if stripe.blocked.next(effect.db, effect.key, 0, kind).is_some() {
            self.note_ready(effect.db, effect.key.to_vec());
        }
    }

    /// Notes a key that somebody waits for: it is looked at once the locks are released.
    #[cold]
    pub(super) fn note_ready(&mut self, db: u32, key: Vec<u8>) {
        let ready = ReadyKey { db, key };
        if self.ready.last() != Some(&ready) {
            self.ready.push(ready);
        }
    }

    /// True if the events of changes are of use: for notifications, and for tests, which abort on a change of which nothing was told.
    #[inline(always)]
    pub(super) fn wants_events(&self) -> bool {
        cfg!(debug_assertions) || self.notify != 0
    }

    /// Collects a notification, if clients asked for its class.
    pub fn notify_event(&mut self, event_class: u32, name: &'static str, key: &[u8]) {
        if self.notify & event_class != 0 {
            let event = KeyEvent { db: self.db, class: event_class, name, key: key.to_vec() };
            self.changes().events.push(event);
        }
    }

    /// Deletes an expired key. No change in the sense of `save`: nobody's data was altered, its time was over.
    #[cold]
    pub(super) fn expire(&mut self, place: KeyPlace, position: Position, key: &[u8]) {
        self.delete_unasked(place, position, key, Cause::Expired, (class::EXPIRED, "expired"));
    }

    /// Deletes a key for which no command asked.
    pub(super) fn delete_unasked(&mut self, place: KeyPlace, position: Position, key: &[u8], cause: Cause, event: (u32, &'static str)) {
        let number = self.keyspace.table_number(self.db, place);
        let hasher = self.keyspace.hasher();
        let entry = self.stripe(place.stripe).table_mut(number).remove(position, hasher);
        self.free(entry, cause);
        let effect =
            Effect { db: self.db, key, cause, created: false, exists: false, reach: Reach::Everybody, changes: 0, events: &[event] };
        // Of what the command itself has changed so far the record is still to come.
        let is_unlogged = self.logging.is_unlogged;
        self.drain(place.stripe, &effect);
        self.logging.is_unlogged = is_unlogged;
        if self.is_logging {
            self.log_deletion(key, self.frees_in_background(cause));
        }
    }

    /// True if what is taken out for this reason is freed in the background, as far as the options go.
    fn frees_in_background(&self, cause: Cause) -> bool {
        let settings = &self.keyspace.settings;
        let in_background = match cause {
            Cause::Command => &settings.lazy_server_del,
            Cause::Expired => &settings.lazy_expire,
            Cause::Evicted => &settings.lazy_eviction,
        };
        in_background.load(Ordering::Relaxed)
    }

    /// Frees an entry that has left its table: at once if that is quick, else once the locks are released, in the background if the
    /// options say so.
    #[inline]
    pub(super) fn free(&mut self, entry: Entry, cause: Cause) {
        let Some(entry) = self.hand_over(entry) else { return };
        if entry.borrow().free_effort() > LAZYFREE_EFFORT_MIN {
            let in_background = self.frees_in_background(cause);
            self.changes().free_later(entry, in_background);
        }
    }

    /// Frees parts of a value once the locks are released.
    #[cold]
    pub(super) fn free_parts(&mut self, parts: Box<dyn std::any::Any + Send>) {
        let in_background = self.keyspace.settings.lazy_server_del.load(Ordering::Relaxed);
        self.changes().free_parts_later(parts, in_background);
    }

    /// As [`KeyAccess::free`], because the user asked for just that.
    pub(super) fn free_for_user(&mut self, entry: Entry, in_background: bool) {
        let Some(entry) = self.hand_over(entry) else { return };
        if entry.borrow().free_effort() > LAZYFREE_EFFORT_MIN {
            self.changes().free_later(entry, in_background);
        }
    }

    /// Leaves an entry to the snapshot that does not have all of its value yet. Others are given back.
    #[inline]
    fn hand_over(&self, entry: Entry) -> Option<Entry> {
        if !entry.borrow().is_being_saved() {
            return Some(entry);
        }
        if let Some(queue) = self.keyspace.handover.current() {
            queue.put([Message::Orphan(entry)]);
        }
        None
    }
}
