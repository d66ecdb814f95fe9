//! Giving a key another name or another database. The entry moves; nobody sees a moment in which it is in neither place or in both.

use super::access::KeyAccess;
use super::effect::{Cause, Effect, Reach, class};
use super::entry::Entry;
use super::key::Key;

impl KeyAccess<'_> {
    /// Gives `source`, which is there, the name `target`, in place of what had that name. Counts one change.
    pub fn rename(&mut self, source: Key<'_>, target: Key<'_>) {
        let Some(entry) = self.take(source) else { return };
        let mut renamed = self.open(target);
        renamed.put(entry);
        renamed.count_changes(1);
        drop(renamed);
        self.tell_moved(source, "rename_from");
        self.tell_moved(target, "rename_to");
    }

    /// Moves `key`, which is there, to database `target`, where it is not. Counts one change.
    pub fn move_to(&mut self, key: Key<'_>, target: u32) {
        let Some(entry) = self.take(key) else { return };
        self.in_db(target, |keys| {
            let mut moved = keys.open(key);
            moved.put(entry);
            moved.count_changes(1);
        });
        self.tell_moved(key, "move_from");
        self.in_db(target, |keys| keys.tell_moved(key, "move_to"));
    }

    /// Takes a live key out without telling anyone yet. Where it is put it begins as a new one, as far as its use is concerned.
    fn take(&mut self, key: Key<'_>) -> Option<Entry> {
        let position = self.locate(key)?;
        let number = self.keyspace.table_number(self.db, key.place());
        let hasher = self.keyspace.hasher();
        let fresh = self.clock().fresh();
        let mut entry = self.stripe(key.place().stripe).table_mut(number).remove(position, hasher);
        entry.borrow_mut().set_access_clock(fresh);
        Some(entry)
    }

    /// Tells everyone of a change of `key` that was made already, with this event.
    fn tell_moved(&mut self, key: Key<'_>, name: &'static str) {
        let exists = self.entry_as_it_is(self.db, key.place(), key.name()).is_some();
        let events = &[(class::GENERIC, name)];
        let effect = Effect {
            db: self.db,
            key: key.name(),
            cause: Cause::Command,
            created: false,
            exists,
            reach: Reach::Everybody,
            changes: 0,
            events,
        };
        self.drain(key.place().stripe, &effect);
    }
}

#[cfg(test)]
mod tests {
    use crate::keyspace::Keyspace;
    use crate::keyspace::key_mut::Expiry;
    use crate::keyspace::testing::{put, with_key};

    #[test]
    fn a_key_that_is_moved_counts_as_used_just_now() {
        let keyspace = Keyspace::new(16, 2, false, 7);
        let idle = |db, now_ms| {
            with_key(&keyspace, db, "a", now_ms, |keys, key| {
                let clock = keys.clock();
                keys.peek(key).map(|entry| clock.idle_seconds(entry.access_clock()))
            })
        };
        put(&keyspace, 0, "a", Expiry::Clear, 1000);
        assert_eq!(idle(0, 901_000), Some(900));
        with_key(&keyspace, 0, "a", 901_000, |keys, key| keys.move_to(key, 1));
        assert_eq!((idle(0, 901_000), idle(1, 901_000)), (None, Some(0)));
    }
}
