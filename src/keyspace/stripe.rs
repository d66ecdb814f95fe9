//! A stripe: one lock-protected part of the keyspace, across all databases.
//!
//! Invariants: everything in it is reached through its lock's guard. `tables` holds, database by database, as many tables as a
//! database has in a stripe (one, or in cluster mode one per slot of the stripe), and only as far as databases were used.

use super::entry::{Entry, EntryRef};
use super::hash::{KeyHash, KeyHasher};
use super::table::{Position, Table};
use super::watch::WatchTable;

/// A table and what is counted of it.
#[derive(Debug, Default)]
pub struct Keys {
    /// The entries.
    pub table: Table,
    /// How many of them have an expiry.
    pub expiring: usize,
}

impl Keys {
    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, hash: KeyHash, entry: Entry, hasher: &KeyHasher) -> Position {
        self.expiring += usize::from(entry.borrow().expiry_ms().is_some());
        self.table.insert(hash, entry, hasher)
    }

    /// Puts an entry in place of another of the same key.
    pub fn replace(&mut self, position: &mut Position, entry: Entry) -> Entry {
        self.expiring += usize::from(entry.borrow().expiry_ms().is_some());
        let old = self.table.replace(position, entry);
        self.expiring -= usize::from(old.borrow().expiry_ms().is_some());
        old
    }

    /// Takes an entry out.
    pub fn remove(&mut self, position: Position, hasher: &KeyHasher) -> Entry {
        let old = self.table.remove(position, hasher);
        self.expiring -= usize::from(old.borrow().expiry_ms().is_some());
        old
    }

    /// Sets or removes the expiry of the entry at `position`, which may be rebuilt for it.
    pub fn set_expiry_ms(&mut self, position: &mut Position, expiry_ms: Option<i64>) {
        let had = self.table.get(*position).expiry_ms().is_some();
        self.expiring = self.expiring + usize::from(expiry_ms.is_some()) - usize::from(had);
        if !self.table.get_mut(*position).set_expiry_ms(expiry_ms) {
            self.table.rebuild(position, expiry_ms);
        }
        if expiry_ms.is_some() {
            self.table.mark_may_expire(*position);
        }
    }
}

/// What a stripe counts; INFO adds the stripes up, so that no command writes a counter that another worker writes.
#[derive(Debug, Default, Clone, Copy)]
pub struct StripeStats {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys whose time had come.
    pub expired: u64,
    /// Of these, found by the sweep rather than on access.
    pub expired_active: u64,
    /// Keys evicted.
    pub evicted: u64,
    /// Changes since the start.
    pub changes: u64,
}

impl StripeStats {
    /// Sets the counters to zero (CONFIG RESETSTAT), except that of changes.
    pub fn reset(&mut self) {
        *self = StripeStats { changes: self.changes, ..StripeStats::default() };
    }
}

impl std::ops::AddAssign for StripeStats {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.expired_active += other.expired_active;
        self.evicted += other.evicted;
        self.changes += other.changes;
    }
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Stripe {
    tables: Vec<Keys>,
    /// Watched keys.
    pub watched: WatchTable,
    /// Counters.
    pub stats: StripeStats,
}

impl Stripe {
    /// A stripe with room for so many tables, so that the first key of a database costs what any other does.
    pub fn with_room(tables: usize) -> Stripe {
        Stripe { tables: Vec::with_capacity(tables), ..Stripe::default() }
    }

    /// The table with this number, if it was ever used.
    #[inline]
    pub fn table(&self, number: usize) -> Option<&Keys> {
        self.tables.get(number)
    }

    /// The table with this number, to be changed, if it was ever used.
    #[inline]
    pub fn table_if_used(&mut self, number: usize) -> Option<&mut Keys> {
        self.tables.get_mut(number)
    }

    /// The table with this number.
    #[inline]
    pub fn table_mut(&mut self, number: usize) -> &mut Keys {
        if number >= self.tables.len() {
            self.tables.resize_with(number + 1, Keys::default);
        }
        &mut self.tables[number]
    }

    /// All used tables with their numbers.
    pub fn tables(&self) -> impl Iterator<Item = (usize, &Keys)> {
        self.tables.iter().enumerate()
    }

    /// Exchanges two tables (SWAPDB).
    pub fn swap(&mut self, one: usize, other: usize) {
        self.table_mut(one.max(other));
        self.tables.swap(one, other);
    }

    /// Empties a table and returns what it held.
    pub fn take(&mut self, number: usize) -> Option<Keys> {
        self.tables.get_mut(number).map(std::mem::take)
    }

    /// Entry of a key.
    #[inline]
    pub fn find(&self, number: usize, hash: KeyHash, key: &[u8]) -> Option<EntryRef<'_>> {
        let keys = self.tables.get(number)?;
        keys.table.find(hash, key).map(|position| keys.table.get(position))
    }
}
