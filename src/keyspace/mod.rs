//! The keyspace of a node (rank 2): keys, values, expiry, eviction, WATCH, notifications.
//!
//! Invariants:
//! * Data is reached only through a stripe's lock; locks are taken in ascending order and never held across an `.await`.
//! * Every change goes through [`key_mut::KeyMut`] (or, for whole databases, [`access`]), which records its effect.
//! * Time and randomness are arguments.

pub mod access;
mod bucket;
pub mod clock24;
pub mod effect;
pub mod entry;
pub mod hash;
pub mod key_mut;
pub mod string_value;
pub mod stripe;
pub mod table;
pub mod watch;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use self::hash::{KeyHash, KeyHasher};
use self::stripe::{Stripe, StripeStats};
use crate::base::limits::{STRIPES_MAX, STRIPES_MIN};
use crate::base::slot;

/// A stripe's lock on a cache line pair of its own, so that workers on neighbouring stripes do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(Mutex<Stripe>);

/// Settings that commands need under a lock: copies of options, changed by CONFIG SET.
#[derive(Debug)]
pub struct Settings {
    /// `notify-keyspace-events` as bits of [`effect::class`].
    pub notify: AtomicU32,
    /// True if `maxmemory-policy` is an LFU one.
    pub lfu: AtomicBool,
    /// `lfu-log-factor`.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time` in minutes.
    pub lfu_decay_minutes: AtomicU32,
    /// False after DEBUG SET-ACTIVE-EXPIRE 0: expired keys are then deleted only when somebody asks for them.
    pub active_expire: AtomicBool,
    /// True while CLIENT PAUSE holds writes back: expired keys are then hidden but not deleted.
    pub frozen: AtomicBool,
}

/// See the module's page.
#[derive(Debug)]
pub struct Keyspace {
    stripes: Box<[Padded]>,
    hasher: KeyHasher,
    by_slot: bool,
    databases: usize,
    tables_per_db: usize,
    /// See [`Settings`].
    pub settings: Settings,
    /// Changes since the last save (or start), beyond what the stripes count.
    pub saved_changes: AtomicU64,
}

/// The key holds another type than the command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// Where a key lies.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Hash of the key.
    pub hash: KeyHash,
    /// Number of the stripe.
    pub stripe: u32,
    /// Table within a database's tables of that stripe.
    pub table: u32,
}

impl Keyspace {
    /// A keyspace of `stripes` (a power of two) and `databases`; `by_slot` in cluster mode.
    pub fn new(stripes: usize, databases: usize, by_slot: bool, seed: u64) -> Self {
        assert!(stripes.is_power_of_two() && (STRIPES_MIN..=STRIPES_MAX).contains(&stripes), "checked by the configuration");
        Keyspace {
            stripes: (0..stripes).map(|_| Padded::default()).collect(),
            hasher: KeyHasher::new(seed),
            by_slot,
            databases,
            tables_per_db: if by_slot { usize::from(slot::SLOTS) / stripes } else { 1 },
            settings: Settings {
                notify: AtomicU32::new(0),
                lfu: AtomicBool::new(false),
                lfu_log_factor: AtomicU32::new(10),
                lfu_decay_minutes: AtomicU32::new(1),
                active_expire: AtomicBool::new(true),
                frozen: AtomicBool::new(false),
            },
            saved_changes: AtomicU64::new(0),
        }
    }

    /// Number of stripes.
    #[inline]
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.databases
    }

    /// True in cluster mode.
    pub fn by_slot(&self) -> bool {
        self.by_slot
    }

    /// The hash function of this keyspace.
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Where `key` lies.
    #[inline]
    pub fn place(&self, key: &[u8]) -> Place {
        let hash = self.hasher.hash(key);
        if self.by_slot {
            return self.place_in_slot(hash, slot::key_slot(key));
        }
        Place { hash, stripe: (hash.0 & (self.stripes.len() as u64 - 1)) as u32, table: 0 }
    }

    /// Where a key of this hash and slot lies in cluster mode.
    #[inline]
    pub fn place_in_slot(&self, hash: KeyHash, slot: u16) -> Place {
        let slot = u32::from(slot);
        let stripes = self.stripes.len() as u32;
        Place { hash, stripe: slot & (stripes - 1), table: slot / stripes }
    }

    /// Number of `place`'s table within its stripe, for database `db`.
    #[inline]
    pub fn table_number(&self, db: u32, place: Place) -> usize {
        db as usize * self.tables_per_db + place.table as usize
    }

    /// The table numbers that database `db` has in every stripe.
    pub fn tables_of(&self, db: u32) -> std::ops::Range<usize> {
        let first = db as usize * self.tables_per_db;
        first..first + self.tables_per_db
    }

    /// The database that a table number belongs to.
    pub fn db_of(&self, table: usize) -> u32 {
        (table / self.tables_per_db) as u32
    }

    /// Locks stripe `number`.
    #[inline]
    pub fn lock(&self, number: u32) -> MutexGuard<'_, Stripe> {
        self.stripes[number as usize].0.lock()
    }

    /// Locks stripe `number` if nobody holds it.
    #[inline]
    pub fn try_lock(&self, number: u32) -> Option<MutexGuard<'_, Stripe>> {
        self.stripes[number as usize].0.try_lock()
    }

    /// The counters of all stripes, added up. Locks them one after the other.
    pub fn stats(&self) -> StripeStats {
        let mut sum = StripeStats::default();
        for number in 0..self.stripes.len() as u32 {
            sum += self.lock(number).stats;
        }
        sum
    }

    /// Sets the counters to zero (CONFIG RESETSTAT), except that of changes.
    pub fn reset_stats(&self) {
        for number in 0..self.stripes.len() as u32 {
            self.lock(number).stats.reset();
        }
    }

    /// Keys of database `db`, and how many of them have an expiry. Locks stripe after stripe.
    pub fn db_size(&self, db: u32) -> (usize, usize) {
        let (mut keys, mut expiring) = (0, 0);
        for number in 0..self.stripes.len() as u32 {
            let stripe = self.lock(number);
            for table in self.tables_of(db) {
                if let Some(table) = stripe.table(table) {
                    keys += table.table.len();
                    expiring += table.expiring;
                }
            }
        }
        (keys, expiring)
    }

    /// Changes since the last save or start.
    pub fn changes(&self) -> u64 {
        self.stats().changes.saturating_sub(self.saved_changes.load(Ordering::Relaxed))
    }
}
