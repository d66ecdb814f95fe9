//! Looking for expired keys that nobody asks for.
//!
//! The sweep walks each database's buckets, skipping by their flag those without an expiry, and deletes what has expired. One step
//! looks at a few keys; while more than a certain share of them had expired, the cycle goes on with the same database, because there
//! is memory to win; else it leaves the database for the next cycle, which goes on where this one stopped. So the work follows the
//! number of dead keys, and `active-expire-effort` sets how small their share is kept. Slow cycles come `hz` times per second
//! and may take up to a share of that period; fast ones come in between while the last ones found much to do
//! (Valkey's scheme, which its configuration file describes).
//!
//! Hashes whose fields have expiries lie in buckets with the same flag, and lose what has ended of them on the way
//! ([`super::expire_fields`]). The sweep also gives the room of emptied tables back.
//!
//! Invariants:
//! * A stripe is held for at most [`HOLD_BUCKETS`] buckets, or [`HOLD_KEYS`] keys and the rest of a bucket. One that somebody else holds
//!   for long is passed over.
//! * Time is an argument; the caller measures what a cycle takes and ends it ([`Sweep::end`]).

use std::sync::atomic::Ordering;

use super::access::{KeyAccess, Moment};
use super::key::Key;
use super::{Keyspace, expire_fields};
use crate::base::limits::CACHE_LINE_WALK_MAX;

/// Keys looked at in one step, at the lowest effort.
const KEYS_PER_STEP: u64 = 20;
/// Share of expired keys, in percent, above which a database is worth another step, at the lowest effort.
const ACCEPTABLE_STALE_PERCENT: u64 = 10;
/// Longest fast cycle at the lowest effort.
const FAST_CYCLE_US: u64 = 1000;
/// Share of a period that a slow cycle may take, in percent, at the lowest effort.
const SLOW_CYCLE_PERCENT: u64 = 25;
/// Databases that one cycle deals with, unless the last one ran out of time.
const DATABASES_PER_CYCLE: usize = 16;
/// Buckets passed under one lock hold.
const HOLD_BUCKETS: usize = 512;
/// Keys with an expiry looked at under one lock hold.
const HOLD_KEYS: u64 = 64;
/// Weight of a new sample in the running mean of the share of expired keys.
const STALE_WEIGHT: f64 = 0.05;
/// Weight of a new sample in the running mean of the time to live.
const TTL_WEIGHT: f64 = 0.02;

/// How much a cycle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The regular one, `hz` times per second.
    Slow,
    /// A short one in between.
    Fast,
}

/// What follows from `active-expire-effort` and `hz`.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// `active-expire-effort` less one: 0 to 9.
    level: u64,
    hz: u64,
}

impl Effort {
    /// Of the options.
    pub fn new(active_expire_effort: u32, hz: u32) -> Effort {
        Effort { level: u64::from(active_expire_effort.clamp(1, 10)) - 1, hz: u64::from(hz.max(1)) }
    }

    fn keys_per_step(self) -> u64 {
        KEYS_PER_STEP + KEYS_PER_STEP / 4 * self.level
    }

    fn acceptable_stale_percent(self) -> u64 {
        ACCEPTABLE_STALE_PERCENT - self.level
    }

    /// Longest time that a cycle may take.
    pub fn limit_us(self, pace: Pace) -> u64 {
        match pace {
            Pace::Fast => FAST_CYCLE_US + FAST_CYCLE_US / 4 * self.level,
            Pace::Slow => (SLOW_CYCLE_PERCENT + 2 * self.level) * 10_000 / self.hz,
        }
    }

    /// Time between the starts of two fast cycles, so that they take half of a thread's time at most.
    pub fn fast_period_us(self) -> u64 {
        2 * self.limit_us(Pace::Fast)
    }
}

/// Where the sweep of a database goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    stripe: u32,
    table: usize,
    bucket: usize,
}

/// What the sweep remembers from cycle to cycle.
#[derive(Debug)]
pub struct Sweep {
    places: Vec<Place>,
    next_db: usize,
    ran_out_of_time: bool,
    stale: f64,
}

/// One cycle under way.
#[derive(Debug)]
pub struct Cycle {
    effort: Effort,
    db: u32,
    /// The step is the first one in `db`.
    entered: bool,
    databases_left: usize,
    with_keys_left: usize,
    sampled: u64,
    expired: u64,
    ttl: TtlMean,
}

/// Time to live of the keys seen since it was last published.
#[derive(Debug, Default)]
struct TtlMean {
    sum_ms: i64,
    keys: i64,
    steps: i32,
}

/// What one step saw.
#[derive(Debug, Default)]
struct Seen {
    sampled: u64,
    expired: u64,
    ttl_sum_ms: i64,
    ttl_keys: i64,
    /// The step came to the end of the database; the next one begins with it anew.
    wrapped: bool,
    /// It also began with it.
    whole: bool,
    /// A table that was passed has keys with an expiry.
    any: bool,
}

impl Sweep {
    /// A sweep that begins with database 0.
    pub fn new(databases: usize) -> Sweep {
        Sweep { places: vec![Place::default(); databases], next_db: 0, ran_out_of_time: false, stale: 0.0 }
    }

    /// The share of looked-at keys that had expired, as a running mean, in percent (`expired_stale_perc`).
    pub fn stale_percent(&self) -> f64 {
        self.stale * 100.0
    }

    /// True if a fast cycle is worth its time: the last cycle did not get done, or much is expired.
    pub fn wants_fast_cycle(&self, effort: Effort) -> bool {
        self.ran_out_of_time || self.stale_percent() >= effort.acceptable_stale_percent() as f64
    }

    /// Begins a cycle.
    pub fn begin(&mut self, effort: Effort) -> Cycle {
        let databases = self.places.len();
        // After a cycle that did not get done every database gets a turn, so that none of them starves.
        let with_keys_left = if self.ran_out_of_time { databases } else { databases.min(DATABASES_PER_CYCLE) };
        self.ran_out_of_time = false;
        Cycle { effort, db: 0, entered: true, databases_left: databases, with_keys_left, sampled: 0, expired: 0, ttl: TtlMean::default() }
    }

    /// One step: a few keys of one database. False once the cycle is done.
    pub fn step(&mut self, cycle: &mut Cycle, keyspace: &Keyspace, now_ms: i64) -> bool {
        if cycle.entered {
            if cycle.databases_left == 0 || cycle.with_keys_left == 0 {
                return false;
            }
            cycle.databases_left -= 1;
            cycle.db = self.next_db as u32;
            // Now, so that a cycle that runs out of time here goes on with the next database.
            self.next_db = (self.next_db + 1) % self.places.len();
        }
        let seen = self.look(keyspace, cycle.db, cycle.effort.keys_per_step(), now_ms);
        if cycle.entered && (seen.any || seen.sampled > 0) {
            cycle.with_keys_left -= 1;
        }
        cycle.sampled += seen.sampled;
        cycle.expired += seen.expired;
        cycle.ttl.sum_ms += seen.ttl_sum_ms;
        cycle.ttl.keys += seen.ttl_keys;
        cycle.ttl.steps += i32::from(seen.ttl_keys > 0);
        let again = !seen.wrapped && seen.expired * 100 > seen.sampled * cycle.effort.acceptable_stale_percent();
        if !again {
            if seen.wrapped && seen.whole && !seen.any {
                keyspace.forget_ttl(cycle.db);
            }
            std::mem::take(&mut cycle.ttl).publish(keyspace, cycle.db);
        }
        cycle.entered = !again;
        true
    }

    /// Ends a cycle, because it is done or (`ran_out_of_time`) took its time.
    pub fn end(&mut self, cycle: Cycle, keyspace: &Keyspace, ran_out_of_time: bool) {
        self.ran_out_of_time = ran_out_of_time;
        let share = if cycle.sampled == 0 { 0.0 } else { cycle.expired as f64 / cycle.sampled as f64 };
        self.stale = share * STALE_WEIGHT + self.stale * (1.0 - STALE_WEIGHT);
        keyspace.stale_percent.store(self.stale_percent().to_bits(), Ordering::Relaxed);
        cycle.ttl.publish(keyspace, cycle.db);
    }

    /// Looks at about `keys` keys from where the sweep of `db` stopped, and at no more than [`CACHE_LINE_WALK_MAX`] buckets.
    fn look(&mut self, keyspace: &Keyspace, db: u32, keys: u64, now_ms: i64) -> Seen {
        let place = &mut self.places[db as usize];
        let mut seen = Seen { whole: *place == Place::default(), ..Seen::default() };
        let mut buckets = CACHE_LINE_WALK_MAX;
        // One for all stripes: most of them have nothing for the sweep, and are passed in less time than it takes to make one.
        let mut access = KeyAccess::new(keyspace, db, &Moment::new(keyspace, now_ms), 0);
        while seen.sampled < keys && buckets > 0 {
            if access.try_lock_one(place.stripe).is_ok() {
                let passed = access.expire_buckets(place, keys - seen.sampled, buckets.min(HOLD_BUCKETS), &mut seen);
                buckets = buckets.saturating_sub(passed.max(1));
            } else {
                // Its turn comes again with the next round.
                seen.any = true;
                *place = Place { stripe: place.stripe + 1, ..Place::default() };
            }
            access.unlock();
            if place.stripe as usize == keyspace.stripes() {
                *place = Place::default();
                seen.wrapped = true;
                break;
            }
        }
        seen
    }
}

impl TtlMean {
    /// Works the mean into the database's running mean, once for each step that contributed.
    fn publish(self, keyspace: &Keyspace, db: u32) {
        if self.keys == 0 {
            return;
        }
        let mean = self.sum_ms as f64 / self.keys as f64;
        let old = keyspace.average_ttl_ms(db) as f64;
        let new = if old == 0.0 { mean } else { mean + (old - mean) * (1.0 - TTL_WEIGHT).powi(self.steps) };
        keyspace.average_ttl_ms[db as usize].store(new as i64, Ordering::Relaxed);
    }
}

impl KeyAccess<'_> {
    /// Walks on in the stripe of `place`, which is held, until `keys` keys were looked at, `buckets` passed or the stripe is done
    /// (then `place` names the next one). Returns how many buckets were passed.
    fn expire_buckets(&mut self, place: &mut Place, keys: u64, buckets: usize, seen: &mut Seen) -> usize {
        let (number, now_ms, liveness) = (place.stripe, self.now_ms, self.liveness());
        let tables = self.keyspace().tables_of(self.db);
        let enough = seen.sampled + keys.min(HOLD_KEYS);
        let mut passed = 0;
        let mut dead: Vec<Vec<u8>> = Vec::new();
        let mut due: Vec<Vec<u8>> = Vec::new();
        while tables.start + place.table < tables.end {
            let table = tables.start + place.table;
            let stripe = self.stripe(number);
            let Some(keys) = stripe.table_if_used(table) else { break };
            let emptied = keys.table.release_if_empty();
            let len = if keys.expiring + keys.with_expiring > 0 { keys.table.buckets() } else { 0 };
            if emptied {
                self.keyspace().emptied[self.db as usize].store(true, Ordering::Relaxed);
            }
            seen.any |= len > 0;
            while place.bucket < len {
                if passed >= buckets || seen.sampled >= enough {
                    return passed;
                }
                passed += 1;
                self.stripe(number).table_mut(table).table.visit_expiring(place.bucket, |entry| {
                    let has_expiring = entry.has_expiring_elements();
                    if has_expiring && expire_fields::is_due(entry, liveness) {
                        due.push(entry.key().to_vec());
                    }
                    let Some(expiry_ms) = entry.expiry_ms() else { return has_expiring };
                    seen.sampled += 1;
                    if !liveness.holds(expiry_ms) {
                        dead.push(entry.key().to_vec());
                    } else if expiry_ms > now_ms {
                        seen.ttl_sum_ms = seen.ttl_sum_ms.saturating_add(expiry_ms - now_ms);
                        seen.ttl_keys += 1;
                    }
                    true
                });
                for key in dead.drain(..) {
                    let resolved = self.resolve(&key).expect("it lies in the stripe that is held");
                    let deleted = self.reclaim(Key::new(&key, &resolved));
                    seen.expired += u64::from(deleted);
                    self.stripe(number).stats.expired_active += u64::from(deleted);
                }
                let mut is_done = true;
                for key in due.drain(..) {
                    let resolved = self.resolve(&key).expect("it lies in the stripe that is held");
                    let swept = self.expire_fields(Key::new(&key, &resolved));
                    seen.sampled += 1;
                    seen.expired += u64::from(swept.expired > 0);
                    is_done &= swept.is_done;
                }
                if !is_done {
                    // A large hash is gone through in several steps, all of them here.
                    return passed;
                }
                place.bucket += 1;
            }
            place.table += 1;
            place.bucket = 0;
        }
        *place = Place { stripe: number + 1, ..Place::default() };
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::effect::class;
    use crate::keyspace::key::ResolvedKey;
    use crate::keyspace::key_mut::Expiry;
    use crate::keyspace::testing::{self, Told};

    fn put(keyspace: &Keyspace, db: u32, name: &str, expiry: Expiry) {
        testing::put(keyspace, db, name, expiry, 1000);
    }

    /// Runs one cycle to its end. Returns the number of steps.
    fn cycle(sweep: &mut Sweep, keyspace: &Keyspace, effort: Effort, now_ms: i64) -> usize {
        let mut cycle = sweep.begin(effort);
        let mut steps = 0;
        while sweep.step(&mut cycle, keyspace, now_ms) {
            steps += 1;
            assert!(steps < 1_000_000, "a cycle ends");
        }
        sweep.end(cycle, keyspace, false);
        steps
    }

    #[test]
    fn a_stripe_that_is_held_is_passed_over() {
        let keyspace = Keyspace::new(16, 1, false, 7);
        (0..1000).for_each(|number| put(&keyspace, 0, &format!("dead:{number}"), Expiry::At(1001)));
        let (mut sweep, effort) = (Sweep::new(1), Effort::new(1, 10));
        let held = keyspace.lock(5);
        for _ in 0..50 {
            cycle(&mut sweep, &keyspace, effort, 2000);
        }
        drop(held);
        let left = keyspace.db_size(0).0;
        assert!((1..200).contains(&left), "{left}");
        for _ in 0..50 {
            cycle(&mut sweep, &keyspace, effort, 2000);
        }
        assert_eq!(keyspace.db_size(0), (0, 0));
    }

    #[test]
    fn dead_keys_go_and_live_ones_stay_in_every_database() {
        for by_slot in [false, true] {
            let keyspace = Keyspace::new(16, 3, by_slot, 7);
            keyspace.settings.notify.store(class::EXPIRED, Ordering::Relaxed);
            let told = Told::by(&keyspace);
            for number in 0..3000 {
                put(&keyspace, number % 2, &format!("plain:{number}"), Expiry::Clear);
                put(&keyspace, number % 2, &format!("live:{number}"), Expiry::At(61_000));
                put(&keyspace, number % 2, &format!("dead:{number}"), Expiry::At(1001));
            }
            let mut sweep = Sweep::new(3);
            let effort = Effort::new(1, 10);
            cycle(&mut sweep, &keyspace, effort, 1001);
            assert!(told.take().is_empty(), "up to its last millisecond a key lives");
            let mut cycles = 0;
            while keyspace.stats().expired < 3000 {
                cycle(&mut sweep, &keyspace, effort, 1002);
                cycles += 1;
                assert!(cycles < 10_000, "the sweep gets around");
            }
            assert_eq!(keyspace.db_size(0), (3000, 1500));
            assert_eq!(keyspace.db_size(1), (3000, 1500));
            let events = told.take();
            assert_eq!((events.len(), keyspace.stats().expired_active), (3000, 3000));
            assert!(events.iter().all(|event| event.starts_with("expired dead:")));
            let ttl = keyspace.average_ttl_ms(0);
            assert!((59_000..=60_000).contains(&ttl), "{ttl}");
            assert_eq!(keyspace.average_ttl_ms(2), 0);
            assert!(sweep.stale_percent() > 0.0);
        }
    }

    #[test]
    fn a_cycle_goes_on_while_much_is_dead_and_ends_soon_when_little_is() {
        let keyspace = Keyspace::new(16, 1, false, 7);
        for number in 0..5000 {
            put(&keyspace, 0, &format!("key:{number}"), Expiry::At(if number % 2 == 0 { 1001 } else { 61_000 }));
        }
        let mut sweep = Sweep::new(1);
        let effort = Effort::new(1, 10);
        let steps = cycle(&mut sweep, &keyspace, effort, 5000);
        let expired = keyspace.stats().expired;
        assert!(steps > 50 && expired > 1500, "half of the keys are dead: {steps} steps, {expired} expired");
        while keyspace.stats().expired < 2500 {
            cycle(&mut sweep, &keyspace, effort, 5000);
        }
        let steps: Vec<usize> = (0..10).map(|_| cycle(&mut sweep, &keyspace, effort, 5000)).collect();
        assert_eq!(steps, [1; 10], "nothing is dead any more");
    }

    #[test]
    fn nothing_is_deleted_during_a_pause() {
        let keyspace = Keyspace::new(16, 1, false, 7);
        put(&keyspace, 0, "key", Expiry::At(1001));
        keyspace.settings.freeze(true);
        let mut sweep = Sweep::new(1);
        cycle(&mut sweep, &keyspace, Effort::new(10, 10), 5000);
        assert_eq!(keyspace.db_size(0), (1, 1));
    }

    /// A walk over all keys keeps its access while the node serves others, and a transaction may pause writes itself.
    #[test]
    fn nothing_is_deleted_by_an_access_that_is_older_than_the_pause() {
        let keyspace = Keyspace::new(16, 1, false, 7);
        put(&keyspace, 0, "key", Expiry::At(1001));
        testing::with_key(&keyspace, 0, "key", 5000, |keys, key| {
            keyspace.settings.freeze(true);
            assert!(keys.read(key).is_none());
            assert!(!keys.reclaim(key));
        });
        assert_eq!(keyspace.db_size(0), (1, 1));
    }

    #[test]
    fn what_an_importing_client_sees_and_others_do_not() {
        let keyspace = Keyspace::new(16, 1, false, 7);
        keyspace.settings.import_mode.store(true, Ordering::Relaxed);
        put(&keyspace, 0, "key", Expiry::At(1001));
        for (imports, there) in [(true, true), (false, false), (true, true)] {
            let mut keys = KeyAccess::new(&keyspace, 0, &Moment::new(&keyspace, 5000), 1);
            keys.begin(0, true, imports);
            assert_eq!(keys.scan(0, None, 10, |_| true, |_| assert!(there), &mut testing::Steady::at_leisure()), Ok(0));
            let resolved = ResolvedKey { place: keyspace.place(b"key"), ..ResolvedKey::default() };
            let key = Key::new(b"key", &resolved);
            keys.lock_keys(&[resolved]);
            assert_eq!((keys.read(key).is_some(), keys.peek(key).is_some()), (there, there));
        }
        assert_eq!(keyspace.db_size(0), (1, 1), "reading does not delete it");
        assert!(!testing::with_key(&keyspace, 0, "key", 5000, |keys, key| keys.open(key).exists()));
        assert_eq!(keyspace.db_size(0), (0, 0), "writing does");
    }

    #[test]
    fn effort_shortens_what_may_stay_and_lengthens_cycles() {
        let (low, high) = (Effort::new(1, 10), Effort::new(10, 10));
        assert_eq!((low.keys_per_step(), low.acceptable_stale_percent()), (20, 10));
        assert_eq!((high.keys_per_step(), high.acceptable_stale_percent()), (65, 1));
        assert_eq!((low.limit_us(Pace::Slow), low.limit_us(Pace::Fast)), (25_000, 1000));
        assert_eq!((high.limit_us(Pace::Slow), high.limit_us(Pace::Fast)), (43_000, 3250));
    }
}
