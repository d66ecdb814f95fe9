//! A stripe: one lock-protected part of the keyspace, across all databases.
//!
//! Invariants: everything in it is reached through its lock's guard. There are, database by database, as many tables as a database has in
//! a stripe (one, or in cluster mode one per slot of the stripe), and only as far as databases were used. The first one is always there.

use super::blocked::BlockedTable;
use super::entry::{Entry, EntryRef};
use super::hash::{KeyHash, KeyHasher};
use super::local_names::LocalExpiries;
use super::table::{Position, Table};
use super::watch::WatchTable;

/// A table and what is counted of it.
#[derive(Debug, Default)]
pub struct Keys {
    /// The entries.
    pub table: Table,
    /// How many of them have an expiry.
    pub expiring: usize,
    /// How many of them have elements with expiries of their own.
    pub with_expiring: usize,
}

impl Keys {
    fn count_in(&mut self, entry: EntryRef<'_>) {
        self.expiring += usize::from(entry.expiry_ms().is_some());
        self.with_expiring += usize::from(entry.has_expiring_elements());
    }

    fn count_out(&mut self, entry: EntryRef<'_>) {
        self.expiring -= usize::from(entry.expiry_ms().is_some());
        self.with_expiring -= usize::from(entry.has_expiring_elements());
    }

    /// Notes that elements of the value at `position` have expiries from now on, or no longer.
    pub(super) fn count_with_expiring(&mut self, position: Position, has_expiring: bool) {
        if has_expiring {
            self.with_expiring += 1;
            self.table.mark_may_expire(position);
        } else {
            self.with_expiring -= 1;
        }
    }

    /// Adds an entry whose key is not there.
    pub(super) fn insert(&mut self, hash: KeyHash, entry: Entry, hasher: &KeyHasher) -> Position {
        self.count_in(entry.borrow());
        self.table.insert(hash, entry, hasher)
    }

    /// Puts an entry in place of another of the same key.
    pub(super) fn replace(&mut self, position: &mut Position, entry: Entry) -> Entry {
        self.count_in(entry.borrow());
        let old = self.table.replace(position, entry);
        self.count_out(old.borrow());
        old
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, position: Position, hasher: &KeyHasher) -> Entry {
        let old = self.table.remove(position, hasher);
        self.count_out(old.borrow());
        old
    }

    /// Sets or removes the expiry of the entry at `position`, which may be rebuilt for it.
    pub(super) fn set_expiry_ms(&mut self, position: &mut Position, expiry_ms: Option<i64>) {
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
// The order matters: see `crate::performance`, *Where things lie*.
#[derive(Debug, Default, Clone, Copy)]
#[repr(C)]
pub struct StripeStats {
    /// Changes since the start.
    pub changes: u64,
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
    /// Fields of hashes whose time had come.
    pub expired_fields: u64,
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
        self.expired_fields += other.expired_fields;
    }
}

/// See the module's page.
// The order matters: see `crate::performance`, *Where things lie*.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Stripe {
    first: Keys,
    /// Counters.
    pub stats: StripeStats,
    /// Something was changed since the last commit.
    pub written: bool,
    /// The offset of the write log behind the last change: what a reply to a read here depends on. 0 without a log.
    pub last_write_offset: u64,
    /// The tables after the first.
    others: Vec<Keys>,
    /// Watched keys.
    pub watched: WatchTable,
    /// Keys for which clients wait.
    pub blocked: BlockedTable,
    /// Keys that clients of a replica gave an expiry. In a box, since hardly a node has any.
    pub(super) local_expiries: Option<Box<LocalExpiries>>,
}

impl Stripe {
    /// A stripe with room for so many tables, so that the first key of a database costs what any other does.
    pub fn with_room(tables: usize) -> Stripe {
        Stripe { others: Vec::with_capacity(tables.saturating_sub(1)), ..Stripe::default() }
    }

    /// Forgets that a client of this replica gave the key an expiry.
    pub(super) fn forget_local_expiry(&mut self, db: u32, name: &[u8]) {
        self.local_expiries.take_if(|local| local.forget(db, name));
    }

    /// The table with this number, if it was ever used.
    #[inline]
    pub fn table(&self, number: usize) -> Option<&Keys> {
        if number == 0 { Some(&self.first) } else { self.others.get(number - 1) }
    }

    /// The table with this number, to be changed, if it was ever used.
    #[inline]
    pub(super) fn table_if_used(&mut self, number: usize) -> Option<&mut Keys> {
        if number == 0 { Some(&mut self.first) } else { self.others.get_mut(number - 1) }
    }

    /// The table with this number.
    #[inline]
    pub(super) fn table_mut(&mut self, number: usize) -> &mut Keys {
        if number == 0 { &mut self.first } else { self.other_mut(number - 1) }
    }

    fn other_mut(&mut self, at: usize) -> &mut Keys {
        if at >= self.others.len() {
            self.others.resize_with(at + 1, Keys::default);
        }
        &mut self.others[at]
    }

    /// All used tables with their numbers.
    pub fn tables(&self) -> impl Iterator<Item = (usize, &Keys)> {
        std::iter::once(&self.first).chain(&self.others).enumerate()
    }

    /// As [`Stripe::tables`], to be changed.
    pub(super) fn tables_mut(&mut self) -> impl Iterator<Item = (usize, &mut Keys)> {
        std::iter::once(&mut self.first).chain(&mut self.others).enumerate()
    }

    /// Exchanges two tables (SWAPDB).
    pub(super) fn swap(&mut self, one: usize, other: usize) {
        let (low, high) = (one.min(other), one.max(other));
        if low == high {
            return;
        }
        self.table_mut(high);
        if low == 0 {
            std::mem::swap(&mut self.first, &mut self.others[high - 1]);
        } else {
            self.others.swap(low - 1, high - 1);
        }
    }

    /// Empties a table and returns what it held.
    pub(super) fn take(&mut self, number: usize) -> Option<Keys> {
        self.table_if_used(number).map(std::mem::take)
    }

    /// Entry of a key.
    #[inline]
    pub fn find(&self, number: usize, hash: KeyHash, key: &[u8]) -> Option<EntryRef<'_>> {
        let keys = self.table(number)?;
        keys.table.find(hash, key).map(|position| keys.table.get(position))
    }
}
