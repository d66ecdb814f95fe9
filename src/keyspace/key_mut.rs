//! The only way in which a command changes one key. When a [`KeyMut`] is dropped, what was done through it becomes one
//! [`Effect`], which the drain spreads to everything that depends on it.
//!
//! Invariant: every mutator marks the key as changed ([`KeyMut::mark_dirty`]). A change of which the command tells nothing, neither an
//! event nor a count, is a bug: tests abort on it.

use smallvec::SmallVec;

use super::access::KeyAccess;
use super::effect::{Cause, Effect, Reach, class};
use super::entry::{Entry, EntryMut, EntryRef, NewValue, Value};
use super::handover::Message;
use super::key::Key;
use super::stripe::Keys;
use super::table::Position;

/// What a new value does with the key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Leaves it.
    Keep,
    /// Removes it.
    Clear,
    /// Sets it, unix milliseconds.
    At(i64),
}

impl<'a> KeyAccess<'a> {
    /// Opens a key for changing. It may or may not exist.
    // Inlined: see `crate::performance`, *Memory on its way through the processor*.
    #[inline(always)]
    pub fn open<'m, 'k>(&'m mut self, key: Key<'k>) -> KeyMut<'m, 'a, 'k> {
        KeyMut::new(self, key)
    }
}

/// A key opened for changing. See the module's page.
#[derive(Debug)]
pub struct KeyMut<'m, 'a, 'k> {
    access: &'m mut KeyAccess<'a>,
    pub(super) key: Key<'k>,
    table: usize,
    position: Option<Position>,
    existed: bool,
    dirty: bool,
    /// A collection became empty, and its key is gone.
    emptied: bool,
    reach: Reach,
    cause: Cause,
    changes: u64,
    events: SmallVec<[(u32, &'static str); 2]>,
}

impl<'m, 'a, 'k> KeyMut<'m, 'a, 'k> {
    // Inlined: see `crate::performance`, *Memory on its way through the processor*.
    #[inline(always)]
    pub(super) fn new(access: &'m mut KeyAccess<'a>, key: Key<'k>) -> Self {
        let (table, position) = access.locate_to_write(key);
        KeyMut {
            access,
            key,
            table,
            position,
            existed: position.is_some(),
            dirty: false,
            emptied: false,
            reach: Reach::Everybody,
            cause: Cause::Command,
            changes: 0,
            events: SmallVec::new(),
        }
    }

    /// Notes that the key changes: called by every mutator.
    #[inline]
    pub(super) fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    /// Notes that nothing was changed after all.
    pub fn mark_unchanged(&mut self) {
        self.dirty = false;
    }

    /// Says who is told of the change; without it, everybody.
    pub fn set_reach(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// Has parts of the value that were taken out freed once the locks are released, in the background if the options say so.
    pub fn free_later(&mut self, parts: Box<dyn std::any::Any + Send>) {
        self.access.free_parts(parts);
    }

    #[inline]
    fn keys(&mut self) -> &mut Keys {
        self.access.held.stripe(self.key.place().stripe).table_mut(self.table)
    }

    /// True if the key is there now.
    #[inline]
    pub fn exists(&self) -> bool {
        self.position.is_some()
    }

    /// The entry as it is now.
    #[inline]
    pub fn entry(&mut self) -> Option<EntryRef<'_>> {
        let position = self.position?;
        Some(self.keys().table.get(position))
    }

    /// When the key expires, unix milliseconds.
    pub fn expiry_ms(&mut self) -> Option<i64> {
        self.entry().and_then(EntryRef::expiry_ms)
    }

    /// Counts one change and records its event for keyspace notifications.
    #[inline]
    pub fn change_event(&mut self, event_class: u32, name: &'static str) {
        self.changes += 1;
        self.further_event(event_class, name);
    }

    /// Records a further event of a change that was counted already.
    #[inline]
    pub fn further_event(&mut self, event_class: u32, name: &'static str) {
        if self.access.wants_events() {
            self.events.push((event_class, name));
        }
    }

    /// Counts further changes without an event.
    pub fn count_changes(&mut self, changes: u64) {
        self.changes += changes;
    }

    /// Sets the value. In place where it fits, else a new entry.
    #[inline]
    pub fn set(&mut self, value: NewValue<'_>, expiry: Expiry) {
        self.mark_dirty();
        if let Expiry::At(_) = expiry {
            self.access.note_expiry(self.key);
        }
        let fresh = self.access.clock().fresh();
        let (key, hash) = (self.key.name(), self.key.place().hash);
        let Some(position) = self.position else {
            let expiry_ms = if let Expiry::At(ms) = expiry { Some(ms) } else { None };
            let hasher = self.access.keyspace().hasher();
            let entry = Entry::new(key, value, expiry_ms, fresh);
            self.position = Some(self.keys().insert(hash, entry, hasher));
            return;
        };
        let keys = self.keys();
        let old_expiry = keys.table.get(position).expiry_ms();
        let expiry_ms = match expiry {
            Expiry::Keep => old_expiry,
            Expiry::Clear => None,
            Expiry::At(ms) => Some(ms),
        };
        // A copy that can be changed is made only where it must be: see `crate::performance`, *Memory on its way through the processor*.
        if keys.table.get_mut(position).overwrite(&value) {
            if expiry_ms != old_expiry {
                let mut position = position;
                keys.set_expiry_ms(&mut position, expiry_ms);
                self.position = Some(position);
            }
            return;
        }
        let clock = keys.table.get(position).access_clock();
        let mut position = position;
        let old = keys.replace(&mut position, Entry::new(key, value, expiry_ms, clock));
        self.position = Some(position);
        self.access.free(old, Cause::Command);
    }

    /// Sets or removes the expiry of a key that is there.
    pub fn set_expiry_ms(&mut self, expiry_ms: Option<i64>) {
        self.mark_dirty();
        let mut position = self.position.expect("only an existing key has an expiry");
        self.keys().set_expiry_ms(&mut position, expiry_ms);
        self.position = Some(position);
        if expiry_ms.is_some() {
            self.access.note_expiry(self.key);
        }
    }

    /// Takes the key out. The entry is returned, so that it can be freed later or put elsewhere.
    pub fn take(&mut self) -> Option<Entry> {
        let position = self.position.take()?;
        self.mark_dirty();
        let hasher = self.access.keyspace().hasher();
        Some(self.keys().remove(position, hasher))
    }

    /// Takes a key out whose collection has become empty: `del` is the last event.
    pub(super) fn take_empty(&mut self) {
        if let Some(entry) = self.take() {
            self.access.free(entry, Cause::Command);
            self.emptied = true;
        }
    }

    /// Deletes the key with the event `del`. False if it was not there.
    pub fn delete(&mut self) -> bool {
        self.delete_as(class::GENERIC, "del", Cause::Command)
    }

    /// Deletes the key with the event `del`, because the user asked for just that. `in_background`: a large value is freed there.
    pub fn delete_for_user(&mut self, in_background: bool) -> bool {
        let Some(entry) = self.take() else { return false };
        self.access.free_for_user(entry, in_background);
        self.change_event(class::GENERIC, "del");
        true
    }

    /// Deletes the key with this event and cause, and counts one change.
    pub fn delete_as(&mut self, event_class: u32, name: &'static str, cause: Cause) -> bool {
        let Some(entry) = self.take() else { return false };
        self.access.free(entry, cause);
        self.cause = cause;
        self.change_event(event_class, name);
        true
    }

    /// Puts an entry taken from elsewhere under this key, in place of what is there: to the world that is a new key.
    pub fn put(&mut self, entry: Entry) {
        self.mark_dirty();
        self.existed = false;
        if entry.borrow().expiry_ms().is_some() {
            self.access.note_expiry(self.key);
        }
        let (key, hash) = (self.key.name(), self.key.place().hash);
        let entry = if entry.borrow().key() == key { entry } else { entry.with_key(key) };
        if let Some(tag) = entry.borrow().boxed().and_then(Value::saving_tag)
            && let Some(queue) = self.access.keyspace().handover.current()
        {
            queue.put([Message::Moved(tag, key.into())]);
        }
        let hasher = self.access.keyspace().hasher();
        match self.position {
            Some(mut position) => {
                let old = self.keys().replace(&mut position, entry);
                self.position = Some(position);
                self.access.free(old, Cause::Command);
            }
            None => self.position = Some(self.keys().insert(hash, entry, hasher)),
        }
    }

    /// Notes that elements of the value have expiries from now on, or no longer.
    #[cold]
    pub(super) fn count_with_expiring(&mut self, has_expiring: bool) {
        if let Some(position) = self.position {
            self.keys().count_with_expiring(position, has_expiring);
        }
    }

    /// The entry, to change its value in place.
    #[inline]
    pub(super) fn entry_mut(&mut self) -> Option<EntryMut<'_>> {
        let position = self.position?;
        Some(self.keys().table.get_mut(position))
    }
}

impl Drop for KeyMut<'_, '_, '_> {
    #[inline]
    fn drop(&mut self) {
        if self.emptied && self.position.is_none() {
            self.further_event(class::GENERIC, "del");
        }
        let tells = self.changes > 0 || !self.events.is_empty();
        // Where events are not wanted, only `changes` tells (see `wants_events`): then this is asked in tests, where they are.
        debug_assert!(tells || !self.dirty || std::thread::panicking(), "a command changed {:?} and told nobody", self.key.name());
        if !tells && !self.dirty {
            return;
        }
        let effect = Effect {
            db: self.access.db,
            key: self.key.name(),
            cause: self.cause,
            created: !self.existed && self.position.is_some(),
            exists: self.position.is_some(),
            reach: self.reach,
            changes: self.changes,
            events: &self.events,
        };
        self.access.drain(self.key.place().stripe, &effect);
    }
}
