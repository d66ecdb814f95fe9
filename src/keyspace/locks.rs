//! How the stripes of a command are locked, and how they are released.
//!
//! Invariants:
//! * Locks are taken once, in ascending order.
//! * [`KeyAccess::unlock`] is the one way to release them: it commits what was changed first and delivers it afterwards.

use super::access::KeyAccess;
use super::hash::KeyHash;
use super::held::{Held, Stripes};
use super::key::ResolvedKey;
use super::stripe::Stripe;
use super::table::Table;
use super::{Busy, KeyPlace};

/// How often all stripes of a command are tried for at once, before the first ones are kept while the others are waited for.
const ALL_OR_NONE_TRIES: usize = 64;

/// Ascending, each once.
fn in_order(mut stripes: Stripes) -> Stripes {
    stripes.sort_unstable();
    stripes.dedup();
    stripes
}

impl KeyAccess<'_> {
    /// Locks one stripe, however long that takes. Nothing may be locked yet.
    #[inline]
    pub fn lock_one(&mut self, stripe: u32) {
        assert!(matches!(self.held, Held::None), "locks are taken once, in order");
        self.held = Held::One(stripe, self.keyspace.lock(stripe));
        self.is_logging = self.keyspace.is_logging();
    }

    /// Locks one stripe. Nothing may be locked yet.
    ///
    /// # Errors
    /// If its holder keeps it for long.
    #[inline]
    pub fn try_lock_one(&mut self, stripe: u32) -> Result<(), Busy> {
        assert!(matches!(self.held, Held::None), "locks are taken once, in order");
        let guard = self.keyspace.lock_soon(stripe).ok_or(Busy(stripe))?;
        // There is nothing to drop: see `crate::performance`, *Memory on its way through the processor*.
        std::mem::forget(std::mem::replace(&mut self.held, Held::One(stripe, guard)));
        self.is_logging = self.keyspace.is_logging();
        Ok(())
    }

    /// Locks the stripes of all `keys`, in ascending order and however long that takes.
    pub fn lock_keys(&mut self, keys: &[ResolvedKey]) {
        self.lock_stripes(keys.iter().map(|key| key.place.stripe).collect());
    }

    /// Locks the stripes of all `keys`, in ascending order, and asks for all their entries before the command needs the first.
    ///
    /// # Errors
    /// If one of them is held for long: then none is locked.
    pub fn try_lock_keys(&mut self, keys: &[ResolvedKey]) -> Result<(), Busy> {
        if let [only] = keys {
            return self.try_lock_one(only.place.stripe);
        }
        self.try_lock_stripes(keys.iter().map(|key| key.place.stripe).collect())?;
        self.prefetch(keys, Table::prefetch_bucket);
        self.prefetch(keys, Table::prefetch_entry);
        Ok(())
    }

    fn prefetch<R>(&mut self, keys: &[ResolvedKey], what: impl Fn(&Table, KeyHash) -> R) {
        for key in keys {
            let number = self.keyspace.table_number(self.db, key.place);
            if let Some(keys) = self.stripe(key.place.stripe).table(number) {
                what(&keys.table, key.place.hash);
            }
        }
    }

    /// Locks these stripes, in ascending order and however long that takes. What is free stays free for others while one that is held
    /// for long is waited for; only if that does not lead anywhere are the first ones kept meanwhile.
    pub fn lock_stripes(&mut self, stripes: Stripes) {
        if let [one] = stripes[..] {
            return self.lock_one(one);
        }
        for _ in 0..ALL_OR_NONE_TRIES {
            match self.try_lock_stripes(stripes.clone()) {
                Ok(()) => return,
                Err(Busy(number)) => drop(self.keyspace.lock(number)),
            }
        }
        self.held = Held::Many(in_order(stripes).into_iter().map(|number| (number, self.keyspace.lock(number))).collect());
        self.is_logging = self.keyspace.is_logging();
    }

    /// Locks these stripes, in ascending order.
    ///
    /// # Errors
    /// If one of them is held for long: then none is locked.
    pub fn try_lock_stripes(&mut self, stripes: Stripes) -> Result<(), Busy> {
        assert!(matches!(self.held, Held::None), "locks are taken once, in order");
        let lock = |number| self.keyspace.lock_soon(number).map(|guard| (number, guard)).ok_or(Busy(number));
        self.held = match in_order(stripes)[..] {
            [] => Held::None,
            [one] => lock(one).map(|(number, guard)| Held::One(number, guard))?,
            ref many => Held::Many(many.iter().map(|number| lock(*number)).collect::<Result<_, _>>()?),
        };
        self.is_logging = self.keyspace.is_logging();
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
        match &self.held {
            Held::None => false,
            Held::One(number, _) => self.keyspace.is_wanted(*number),
            Held::Many(held) => held.iter().any(|(number, _)| self.keyspace.is_wanted(*number)),
        }
    }

    /// True if nothing is held: so it must be wherever something is waited for.
    pub fn holds_nothing(&self) -> bool {
        matches!(self.held, Held::None)
    }

    /// True if every stripe is held.
    pub fn holds_all(&self) -> bool {
        matches!(&self.held, Held::Many(held) if held.len() == self.keyspace.stripes())
    }

    /// True if the stripe of `place` is held.
    pub fn holds(&self, place: KeyPlace) -> bool {
        self.held.has(place.stripe)
    }

    /// A held stripe.
    #[inline]
    pub fn stripe(&mut self, number: u32) -> &mut Stripe {
        self.held.stripe(number)
    }

    /// Calls `visit` with stripe `number`, which is locked for it unless it is held already.
    pub fn with_stripe<R>(&mut self, number: u32, visit: impl FnOnce(&mut Self) -> R) -> R {
        if !matches!(self.held, Held::None) {
            return visit(self);
        }
        self.lock_one(number);
        let result = visit(self);
        self.unlock();
        result
    }

    /// As [`KeyAccess::with_stripe`]. `None` if its holder keeps it for long.
    pub fn with_stripe_if_free<R>(&mut self, number: u32, visit: impl FnOnce(&mut Self) -> R) -> Option<R> {
        if matches!(self.held, Held::None) {
            self.try_lock_one(number).ok()?;
            let result = visit(self);
            self.unlock();
            return Some(result);
        }
        Some(visit(self))
    }

    /// Calls `visit` with every stripe held: as in [`KeyAccess::with_stripe`].
    pub fn with_all<R>(&mut self, visit: impl FnOnce(&mut Self) -> R) -> R {
        if self.holds_all() {
            return visit(self);
        }
        self.lock_all();
        let result = visit(self);
        self.unlock();
        result
    }

    /// Commits what was changed, releases what is held, and delivers what others are told.
    #[inline]
    pub fn unlock(&mut self) {
        if self.is_logging || self.changes.is_some() {
            self.commit();
        }
        if let Held::Many(_) = self.held {
            self.unlock_many();
        } else {
            self.held = Held::None;
        }
        if self.changes.is_some() {
            self.deliver();
        }
    }

    #[inline(never)]
    fn unlock_many(&mut self) {
        self.held = Held::None;
    }

    /// Releases what a command that only reads holds, as soon as it has what it needs: a transaction keeps it to its end.
    pub fn unlock_early(&mut self) {
        if !self.keeps_locks {
            self.unlock();
        }
    }

    /// Has every change from now on become a record of the write log, or none any more. Every stripe is held: nobody changes anything half
    /// with and half without it.
    pub fn set_logging(&mut self, yes: bool) {
        assert!(self.holds_all(), "who holds a stripe may rely on what it was told");
        self.keyspace.logging.store(yes, std::sync::atomic::Ordering::Relaxed);
    }

    /// Hands what was changed to those who are told of changes, in the order of the changes. The stripes are held.
    #[inline(never)]
    fn commit(&mut self) {
        debug_assert!(!self.logging.is_unlogged || std::thread::panicking(), "something was changed that no record tells of");
        let Some(sink) = self.keyspace.sink.get() else { return };
        let mut committed = None;
        if self.wrote || self.changes.is_some() {
            let changes = self.changes.get_or_insert_default();
            committed = Some(sink.commit(self.notify, &mut self.logging.records, changes));
            changes.events.clear();
        }
        if self.wrote
            && self.is_logging
            && let Some(offset) = committed
        {
            self.wrote_to = offset;
        }
        self.wrote = false;
        let mut needed = self.required_offset;
        self.held.for_each(|stripe| {
            if let Some(offset) = committed.filter(|_| std::mem::take(&mut stripe.written)) {
                stripe.last_write_offset = offset;
            }
            needed = needed.max(stripe.last_write_offset);
        });
        self.required_offset = needed;
    }

    /// Has what was changed so far enter the log: before the node's role changes, which says what enters it from then on.
    #[cold]
    pub fn commit_before_role_changes(&mut self) {
        assert!(self.holds_all(), "the role changes under all stripes");
        self.commit();
    }

    #[cold]
    fn deliver(&mut self) {
        if let Some(changes) = self.changes.take() {
            changes.deliver(&self.keyspace.lazyfree);
        }
    }
}

impl Drop for KeyAccess<'_> {
    fn drop(&mut self) {
        // A command that was stopped by a panic ends the process; everywhere else the scope has released what it held.
        if !matches!(self.held, Held::None) {
            self.unlock();
        }
        if !self.ready.is_empty() {
            self.keyspace.waits.leave(std::mem::take(&mut self.ready));
        }
    }
}
