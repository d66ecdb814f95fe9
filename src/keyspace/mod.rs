//! The keyspace of a node (rank 2): keys, values, expiry, eviction, WATCH, notifications.
//!
//! Invariants:
//! * Data is reached only through a stripe's lock; locks are taken in ascending order and never held across an `.await`.
//! * Every change of a key goes through [`key_mut::KeyMut`], or through the typed operations of [`access::KeyAccess`] for what is no
//!   command's change of one key (expiry, eviction, RENAME, MOVE, whole databases). All of them end in the drain.
//! * Changes are committed before the stripe is released, and delivered after it ([`changes`]).
//! * Time and randomness are arguments.

pub mod access;
pub mod blocked;
mod bucket;
pub mod changes;
pub mod clock24;
pub mod collection;
mod collection_mut;
mod databases;
mod drain;
pub mod effect;
pub mod entry;
pub mod evict;
pub mod evict_state;
pub mod expire;
pub mod expire_fields;
mod handover;
pub mod hash;
pub mod held;
pub mod key;
pub mod key_mut;
pub mod lazyfree;
pub mod liveness;
pub mod loading;
pub mod local_expiry;
pub mod local_names;
pub mod lock;
mod locks;
mod logging;
mod marks;
mod place_marks;
pub mod random_key;
pub mod records;
mod relocate;
pub mod scan;
pub mod snapshot;
mod string_mut;
pub mod string_value;
pub mod stripe;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod value;
pub mod watch;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use self::blocked::Waits;
use self::changes::ChangeSink;
use self::evict_state::Eviction;
use self::handover::Handover;
use self::hash::{KeyHash, KeyHasher};
use self::lazyfree::Lazyfree;
use self::lock::{StripeGuard, StripeMutex};
use self::stripe::{Stripe, StripeStats};
use crate::base::limits::{STRIPES_MAX, STRIPES_MIN};
use crate::base::slot;
use crate::config::Config;

/// Databases that have room in every stripe from the start: the default of `databases`, 48 bytes each.
const DATABASES_AT_START: usize = 16;

/// How long a command that held stripes for long is remembered: those who send such commands usually send more.
const LONG_HOLD_MEMORY_MS: u64 = 1000;

/// A stripe's lock on a cache line pair of its own, so that workers on neighbouring stripes do not disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(StripeMutex<Stripe>);

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
    /// `lazyfree-lazy-server-del`: overwritten values are freed in the background.
    pub lazy_server_del: AtomicBool,
    /// `lazyfree-lazy-expire`.
    pub lazy_expire: AtomicBool,
    /// `lazyfree-lazy-eviction`.
    pub lazy_eviction: AtomicBool,
    /// `import-mode`: another server, whose data is copied in, says when keys end.
    pub import_mode: AtomicBool,
    /// DEBUG SET-ACTIVE-EXPIRE: expired keys are looked for in the background.
    pub active_expire: AtomicBool,
    /// Why expired keys are hidden but not deleted, as bits of [`freeze`].
    frozen: AtomicU8,
}

/// Reasons why data does not change by itself.
pub mod freeze {
    /// CLIENT PAUSE holds writes back.
    pub const PAUSE: u8 = 1;
    /// It is loaded from a log, which says when keys end.
    pub const LOADING: u8 = 1 << 1;
    /// Too much of the write log waits for the disk.
    pub const LOG: u8 = 1 << 2;
    /// The node follows a primary, which says when keys end.
    pub const FOLLOW: u8 = 1 << 3;
    /// The node hands over to one of its replicas.
    pub const FAILOVER: u8 = 1 << 4;
    /// The node is about to end.
    pub const END: u8 = 1 << 5;
}

impl Settings {
    /// True while nothing may be changed, not even by expiry and eviction.
    #[inline]
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed) & !freeze::FOLLOW != 0
    }

    /// True if the node follows another one.
    #[inline]
    pub fn follows(&self) -> bool {
        self.frozen.load(Ordering::Relaxed) & freeze::FOLLOW != 0
    }

    /// True while nothing is to go that no command has deleted: neither by its time nor for its memory.
    #[inline]
    pub fn keeps_all(&self) -> bool {
        self.frozen.load(Ordering::Relaxed) != 0
    }

    /// Freezes or thaws the data for CLIENT PAUSE.
    pub fn freeze(&self, yes: bool) {
        self.freeze_for(freeze::PAUSE, yes);
    }

    /// Freezes the data for this reason, or takes that back: it is thawed once there is none.
    pub fn freeze_for(&self, reason: u8, yes: bool) {
        if yes {
            self.frozen.fetch_or(reason, Ordering::Relaxed);
        } else {
            self.frozen.fetch_and(!reason, Ordering::Relaxed);
        }
    }
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
    /// Mean time to live of each database's keys that expire, milliseconds, as the sweep saw it; 0: unknown.
    average_ttl_ms: Box<[AtomicI64]>,
    /// Databases of which a table was given back because it was empty.
    emptied: Box<[AtomicBool]>,
    /// See [`Keyspace::most_keys`].
    most_keys: Box<[AtomicU64]>,
    /// The bits of [`Keyspace::stale_percent`].
    stale_percent: AtomicU64,
    /// What eviction keeps between calls.
    pub eviction: Eviction,
    /// Where large values are freed.
    pub lazyfree: Lazyfree,
    /// To whom what changes is handed over while a snapshot is taken.
    handover: Handover,
    /// Changes since the last save (or start), beyond what the stripes count.
    pub saved_changes: AtomicU64,
    /// Until when the last command that held stripes for long is remembered, by the clock that nobody sets.
    long_hold_until_ms: AtomicU64,
    /// Watchers were left in stripes that somebody held.
    dead_watchers: AtomicBool,
    /// A stripe may have some ([`local_expiry`]).
    has_local_expiries: AtomicBool,
    /// What those have in common who wait for keys.
    pub waits: Waits,
    /// Who is told of changes.
    sink: OnceLock<Box<dyn ChangeSink>>,
    /// Every change becomes a record of a write log. Changed under all locks, and asked under one's own.
    logging: AtomicBool,
}

/// The key holds another type than the command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// The number of a stripe that is held for much longer than usual: nobody should stand still for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy(pub u32);

/// Where a key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyPlace {
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
        // A slot's table is small and there are many: those of a cluster come when they are used.
        let room = if by_slot { 0 } else { databases.min(DATABASES_AT_START) };
        Keyspace {
            stripes: (0..stripes).map(|_| Padded(StripeMutex::new(Stripe::with_room(room)))).collect(),
            hasher: KeyHasher::new(seed),
            by_slot,
            databases,
            tables_per_db: if by_slot { usize::from(slot::SLOTS) / stripes } else { 1 },
            settings: Settings {
                notify: AtomicU32::new(0),
                lfu: AtomicBool::new(false),
                lfu_log_factor: AtomicU32::new(10),
                lfu_decay_minutes: AtomicU32::new(1),
                lazy_server_del: AtomicBool::new(true),
                lazy_expire: AtomicBool::new(true),
                lazy_eviction: AtomicBool::new(true),
                import_mode: AtomicBool::new(false),
                active_expire: AtomicBool::new(true),
                frozen: AtomicU8::new(0),
            },
            average_ttl_ms: (0..databases).map(|_| AtomicI64::new(0)).collect(),
            emptied: (0..databases).map(|_| AtomicBool::new(false)).collect(),
            most_keys: (0..databases).map(|_| AtomicU64::new(0)).collect(),
            stale_percent: AtomicU64::new(0),
            eviction: Eviction::default(),
            lazyfree: Lazyfree::default(),
            handover: Handover::default(),
            saved_changes: AtomicU64::new(0),
            long_hold_until_ms: AtomicU64::new(0),
            dead_watchers: AtomicBool::new(false),
            has_local_expiries: AtomicBool::new(false),
            waits: Waits::default(),
            sink: OnceLock::new(),
            logging: AtomicBool::new(false),
        }
    }

    /// Copies the options that commands need under a lock into [`Settings`]: at the start and whenever options change.
    pub fn apply(&self, config: &Config) {
        let settings = &self.settings;
        settings.notify.store(config.notify_keyspace_events.bits(), Ordering::Relaxed);
        settings.lfu.store(config.maxmemory_policy.is_lfu(), Ordering::Relaxed);
        settings.lfu_log_factor.store(config.lfu_log_factor, Ordering::Relaxed);
        settings.lfu_decay_minutes.store(config.lfu_decay_time, Ordering::Relaxed);
        settings.import_mode.store(config.import_mode, Ordering::Relaxed);
        settings.lazy_server_del.store(config.lazyfree_lazy_server_del, Ordering::Relaxed);
        settings.lazy_expire.store(config.lazyfree_lazy_expire, Ordering::Relaxed);
        settings.lazy_eviction.store(config.lazyfree_lazy_eviction, Ordering::Relaxed);
    }

    /// Says who is told of changes: once, before the first command. Without it nobody is.
    pub fn tell(&self, sink: Box<dyn ChangeSink>) {
        assert!(self.sink.set(sink).is_ok(), "it is said once");
    }

    /// True if every change becomes a record of a write log. It stays so for who holds a stripe.
    #[inline]
    pub fn is_logging(&self) -> bool {
        self.logging.load(Ordering::Relaxed)
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
    // Inlined: see `crate::performance`, *Memory on its way through the processor*.
    #[inline(always)]
    pub fn place(&self, key: &[u8]) -> KeyPlace {
        let hash = self.hasher.hash(key);
        if self.by_slot {
            return self.place_in_slot(hash, slot::key_slot(key));
        }
        KeyPlace { hash, stripe: (hash.0 & (self.stripes.len() as u64 - 1)) as u32, table: 0 }
    }

    /// Where a key of this hash and slot lies in cluster mode.
    #[inline]
    pub fn place_in_slot(&self, hash: KeyHash, slot: u16) -> KeyPlace {
        let slot = u32::from(slot);
        let stripes = self.stripes.len() as u32;
        KeyPlace { hash, stripe: slot & (stripes - 1), table: slot / stripes }
    }

    /// The slot of what lies there, in cluster mode.
    #[inline]
    pub fn slot_of(&self, place: KeyPlace) -> u16 {
        (place.table * self.stripes.len() as u32 + place.stripe) as u16
    }

    /// Stripe of a slot, and its table within a database's tables there.
    pub fn slot_table(&self, slot: u16) -> (u32, u32) {
        let (slot, stripes) = (u32::from(slot), self.stripes.len() as u32);
        (slot & (stripes - 1), slot / stripes)
    }

    /// Tables that a database has in each stripe.
    pub fn tables_per_db(&self) -> usize {
        self.tables_per_db
    }

    /// Number of `place`'s table within its stripe, for database `db`.
    #[inline]
    pub fn table_number(&self, db: u32, place: KeyPlace) -> usize {
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

    /// Asks the processor to load what a lookup needs first of a stripe: its lock and its counters, which will be written.
    #[inline]
    pub fn prefetch_stripe(&self, number: u32) {
        let stripe: *const u8 = std::ptr::from_ref(&self.stripes[number as usize]).cast();
        bucket::prefetch(stripe);
        bucket::prefetch(stripe.wrapping_add(64));
    }

    /// Locks stripe `number`.
    #[inline]
    pub fn lock(&self, number: u32) -> StripeGuard<'_, Stripe> {
        self.stripes[number as usize].0.lock()
    }

    /// Locks stripe `number`, unless its holder keeps it for much longer than usual.
    #[inline]
    pub fn lock_soon(&self, number: u32) -> Option<StripeGuard<'_, Stripe>> {
        lock::lock_soon(&self.stripes[number as usize].0)
    }

    /// Waits until stripe `number` was free for a moment; may miss that moment.
    pub async fn freed(&self, number: u32) {
        lock::freed(&self.stripes[number as usize].0).await;
    }

    /// True if somebody waits for stripe `number` for long already.
    #[inline]
    pub fn is_wanted(&self, number: u32) -> bool {
        lock::is_wanted(&self.stripes[number as usize].0)
    }

    /// Notes that a command held stripes for long. The time is one of the clock that nobody sets: by the wall clock, one that is put back an
    /// hour would have all walks leave their workers for that hour.
    pub fn note_long_hold(&self, monotonic_ms: u64) {
        self.long_hold_until_ms.store(monotonic_ms + LONG_HOLD_MEMORY_MS, Ordering::Relaxed);
    }

    /// As if no command had held a stripe for long.
    #[cfg(test)]
    pub fn forget_long_hold(&self) {
        self.long_hold_until_ms.store(0, Ordering::Relaxed);
    }

    /// True if somebody holds a stripe for much longer than usual, or did of late and so may again.
    pub fn is_busy(&self, monotonic_ms: u64) -> bool {
        self.long_hold_until_ms.load(Ordering::Relaxed) > monotonic_ms || self.is_held()
    }

    /// True if somebody holds a stripe for much longer than usual.
    pub fn is_held(&self) -> bool {
        let is_held = |number: u32| self.stripes[number as usize].0.is_locked() && self.lock_soon(number).is_none();
        (0..self.stripes.len() as u32).any(is_held)
    }

    /// How many keys of `db` the stripe that has most of them had when they were counted last. A hint: see [`random_key`].
    pub(super) fn most_keys(&self, db: u32) -> u64 {
        self.most_keys[db as usize].load(Ordering::Relaxed)
    }

    /// Notes what [`Keyspace::most_keys`] tells.
    pub(super) fn note_most_keys(&self, db: u32, most: u64) {
        self.most_keys[db as usize].store(most, Ordering::Relaxed);
    }

    /// Notes that a client could not take its watchers, or itself as one who waits, out of a stripe that somebody held.
    pub fn note_dead_watchers(&self) {
        self.dead_watchers.store(true, Ordering::Release);
    }

    /// Takes out the watchers and waiters that clients left behind, where nobody holds the stripe.
    pub fn forget_dead_watchers(&self) {
        if !self.dead_watchers.swap(false, Ordering::AcqRel) {
            return;
        }
        for number in 0..self.stripes.len() as u32 {
            match self.lock_soon(number) {
                Some(mut stripe) => {
                    stripe.watched.sweep();
                    stripe.blocked.sweep();
                }
                None => self.note_dead_watchers(),
            }
        }
    }

    /// Locks stripe `number` if nobody holds it.
    #[inline]
    pub fn try_lock(&self, number: u32) -> Option<StripeGuard<'_, Stripe>> {
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

    /// Mean time to live of the keys of `db` that expire, in milliseconds; 0 if unknown.
    pub fn average_ttl_ms(&self, db: u32) -> i64 {
        self.average_ttl_ms[db as usize].load(Ordering::Relaxed)
    }

    /// The share of expired keys among those that the sweep looked at of late, in percent.
    pub fn stale_percent(&self) -> f64 {
        f64::from_bits(self.stale_percent.load(Ordering::Relaxed))
    }

    /// True if `db` had keys since it was last flushed, but lost some of them so long ago that their table is gone.
    pub fn was_emptied(&self, db: u32) -> bool {
        self.emptied[db as usize].load(Ordering::Relaxed)
    }

    fn forget_ttl(&self, db: u32) {
        self.average_ttl_ms[db as usize].store(0, Ordering::Relaxed);
    }

    fn swap_ttl(&self, one: u32, other: u32) {
        let former = self.average_ttl_ms[one as usize].swap(self.average_ttl_ms(other), Ordering::Relaxed);
        self.average_ttl_ms[other as usize].store(former, Ordering::Relaxed);
    }

    /// Changes since the last save or start. `None` if a stripe is held for long: who asks regularly then asks again later.
    pub fn changes_soon(&self) -> Option<u64> {
        let all = (0..self.stripes.len() as u32).try_fold(0, |sum, number| Some(sum + self.lock_soon(number)?.stats.changes))?;
        Some(all.saturating_sub(self.saved_changes.load(Ordering::Relaxed)))
    }
}
