//! Making room: deletes keys while more memory is used than `maxmemory` allows, as `maxmemory-policy` says.
//!
//! LRU, LFU and TTL policies choose by sampling: each round looks at `maxmemory-samples` keys of every database and keeps the best
//! candidates seen so far in a pool of [`POOL_LEN`], from which the best one goes. So a key's rank among 16 good candidates
//! decides, at the cost of a few samples (the idea of Redis 3.0). A candidate that was used since it was sampled is passed over.
//!
//! Invariants:
//! * The pool's lock is taken before a stripe's, never the other way round; one stripe is held at a time, for one sample or one deletion.
//!   A stripe that somebody else holds for long is passed over, so that nobody waits for it, or for the pool's lock, to make room.
//! * The time that a call may take follows from `maxmemory-eviction-tenacity`; what is left to do then goes on in the background.

use super::access::{KeyAccess, Moment};
use super::effect::{Cause, class};
use super::entry::EntryRef;
use super::evict_state::{Candidate, Pool};
use super::hash::KeyHash;
use super::{Busy, Keyspace};
use crate::base::limits::CACHE_LINE_WALK_MAX;
use crate::base::rng::Rng;
use crate::config::{Config, MaxmemoryPolicy};

/// Candidates remembered between rounds.
const POOL_LEN: usize = 16;
/// Keys evicted between two looks at the clock.
const KEYS_PER_LOOK: usize = 16;
/// Stripes that a sample is collected from once the first key was found: a small database has few keys in each.
const STRIPES_PER_SAMPLE: usize = 4;
/// Rounds after which the list of databases that have keys is made anew.
const ROUNDS_PER_LIST: u32 = 1024;
/// Rounds without a victim after which there is none. Each round samples anew, so one usually is enough.
const ROUNDS_MAX: usize = 64;
/// Longest wait for memory that is being freed in the background, between two looks.
const WAIT_MAX_US: u64 = 1000;

/// More memory is used than allowed, and nothing may be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory;

/// What [`make_room`] achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Enough,
    /// Keys were evicted, but its time is up before enough were, or what could be evicted lies where somebody is at work: somebody must
    /// go on in the background.
    Running,
}

/// How eviction sees the world.
#[expect(missing_debug_implementations, reason = "it consists of closures")]
pub struct World<'w> {
    /// Memory in use, exactly.
    pub used_bytes: &'w dyn Fn() -> usize,
    /// A clock.
    pub now_us: &'w dyn Fn() -> u64,
}

/// The time in microseconds that one call may take: linear up to 500 at a tenacity of 10, then 15 % more for each step, without limit
/// at 100.
fn time_limit_us(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => 50 * u64::from(tenacity),
        11..=99 => (500.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX,
    }
}

/// Sees to it that no more than `maxmemory` is used. Called before a command runs, with no lock held.
///
/// # Errors
/// If too much is used and nothing may be evicted: then commands that may use more memory must be refused.
pub fn make_room(keyspace: &Keyspace, config: &Config, moment: &Moment, seed: u64, world: &World<'_>) -> Result<Room, OutOfMemory> {
    let eviction = &keyspace.eviction;
    let is_over = |world: &World<'_>| config.maxmemory > 0 && (world.used_bytes)() as u64 > config.maxmemory;
    if keyspace.settings.keeps_all() {
        return Ok(Room::Enough);
    }
    if !is_over(world) {
        eviction.note(false, world.now_us);
        return Ok(Room::Enough);
    }
    eviction.note(true, world.now_us);
    if config.maxmemory_policy == MaxmemoryPolicy::Noeviction || config.import_mode {
        return Err(OutOfMemory);
    }
    let (limit_us, started_us) = (time_limit_us(config.maxmemory_eviction_tenacity), (world.now_us)());
    let elapsed_us = |world: &World<'_>| (world.now_us)().saturating_sub(started_us);
    let mut rng = Rng::new(seed);
    let mut evicted = 0;
    loop {
        match evict_one(keyspace, config, moment, &mut rng) {
            Evicted::One => evicted += 1,
            Evicted::Busy => return Ok(Room::Running),
            Evicted::None => break,
        }
        if !is_over(world) {
            eviction.note(false, world.now_us);
            return Ok(Room::Enough);
        }
        if evicted % KEYS_PER_LOOK == 0 && elapsed_us(world) > limit_us {
            return Ok(Room::Running);
        }
    }
    // Nothing is left to evict; but what was evicted may not be freed yet.
    while keyspace.lazyfree.pending() > 0 && elapsed_us(world) < limit_us {
        std::thread::sleep(std::time::Duration::from_micros(limit_us.min(WAIT_MAX_US)));
        if !is_over(world) {
            eviction.note(false, world.now_us);
            return Ok(Room::Enough);
        }
    }
    Err(OutOfMemory)
}

/// What came of evicting a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evicted {
    /// One is gone.
    One,
    /// There is none to evict, except perhaps in stripes that others hold for long.
    Busy,
    /// There is none to evict.
    None,
}

/// Evicts one key.
fn evict_one(keyspace: &Keyspace, config: &Config, moment: &Moment, rng: &mut Rng) -> Evicted {
    let policy = config.maxmemory_policy;
    let mut pool = keyspace.eviction.pool.lock();
    pool.busy = false;
    pool.prepare(keyspace, policy);
    for _ in 0..ROUNDS_MAX {
        let found = if matches!(policy, MaxmemoryPolicy::AllkeysRandom | MaxmemoryPolicy::VolatileRandom) {
            pool.choose_at_random(keyspace, moment, rng)
        } else {
            pool.populate(keyspace, config.maxmemory_samples as usize, moment, rng)
        };
        if found == 0 {
            if pool.refresh(keyspace) == 0 {
                break;
            }
            continue;
        }
        while let Some(candidate) = pool.candidates.pop() {
            let mut keys = KeyAccess::new(keyspace, candidate.db, moment, rng.next_u64());
            let evicted = keys.evict(&candidate, policy);
            keys.unlock();
            pool.spare = candidate.key;
            match evicted {
                Ok(true) => return Evicted::One,
                Ok(false) => {}
                Err(Busy(_)) => pool.busy = true,
            }
        }
    }
    if pool.busy { Evicted::Busy } else { Evicted::None }
}

impl Pool {
    /// Starts a round: scores of another policy mean nothing now, and the list of databases is renewed from time to time.
    fn prepare(&mut self, keyspace: &Keyspace, policy: MaxmemoryPolicy) {
        if self.policy != policy {
            self.candidates.clear();
            self.policy = policy;
            self.rounds_left = 0;
        }
        match self.rounds_left.checked_sub(1) {
            Some(left) => self.rounds_left = left,
            None => drop(self.refresh(keyspace)),
        }
    }

    /// Finds out which databases have keys to evict, and returns how many they are.
    fn refresh(&mut self, keyspace: &Keyspace) -> usize {
        self.rounds_left = ROUNDS_PER_LIST;
        self.databases.clear();
        let volatile = self.policy.is_volatile();
        for number in 0..keyspace.stripes() as u32 {
            let Some(stripe) = keyspace.lock_soon(number) else {
                // What lies there counts again with the next list.
                self.busy = true;
                continue;
            };
            for (table, keys) in stripe.tables() {
                let db = keyspace.db_of(table);
                let has_any = if volatile { keys.expiring > 0 } else { !keys.table.is_empty() };
                if has_any && !self.databases.contains(&db) {
                    self.databases.push(db);
                }
            }
        }
        self.databases.len()
    }

    /// Samples every database that has keys. Returns how many keys were looked at.
    fn populate(&mut self, keyspace: &Keyspace, samples: usize, moment: &Moment, rng: &mut Rng) -> usize {
        let mut total = 0;
        for at in 0..self.databases.len() {
            let db = self.databases[at];
            let mut keys = KeyAccess::new(keyspace, db, moment, rng.next_u64());
            let policy = self.policy;
            let clock = keys.clock();
            let mut busy = false;
            total += keys.sample(samples, policy.is_volatile(), rng, &mut busy, |hash, entry| {
                let score = match policy {
                    MaxmemoryPolicy::VolatileTtl => u64::MAX - entry.expiry_ms().unwrap_or(i64::MAX) as u64,
                    _ if clock.lfu => u64::from(255 - clock.frequency(entry.access_clock())),
                    _ => u64::from(clock.idle_seconds(entry.access_clock())),
                };
                self.offer(score, db, hash, entry.key());
            });
            self.busy |= busy;
        }
        total
    }

    /// Puts a key into the pool if it is better than the worst there, or there is room.
    fn offer(&mut self, score: u64, db: u32, hash: KeyHash, key: &[u8]) {
        if let Some(same) = self.candidates.iter().position(|candidate| candidate.hash == hash.0 && candidate.db == db) {
            self.spare = self.candidates.remove(same).key;
        } else if self.candidates.len() == POOL_LEN {
            if score <= self.candidates[0].score {
                return;
            }
            self.spare = self.candidates.remove(0).key;
        }
        let mut name = std::mem::take(&mut self.spare);
        name.clear();
        name.extend_from_slice(key);
        let at = self.candidates.partition_point(|candidate| candidate.score < score);
        self.candidates.insert(at, Candidate { score, db, hash: hash.0, key: name });
    }

    /// Makes a random key of the next database the only candidate. Returns how many there are: 0 or 1.
    fn choose_at_random(&mut self, keyspace: &Keyspace, moment: &Moment, rng: &mut Rng) -> usize {
        self.candidates.clear();
        for _ in 0..self.databases.len() {
            self.next_db = (self.next_db + 1) % self.databases.len();
            let db = self.databases[self.next_db];
            let mut keys = KeyAccess::new(keyspace, db, moment, rng.next_u64());
            let mut busy = false;
            let found = keys.sample(1, self.policy.is_volatile(), rng, &mut busy, |hash, entry| self.offer(0, db, hash, entry.key()));
            self.busy |= busy;
            if found > 0 {
                return 1;
            }
        }
        0
    }
}

impl KeyAccess<'_> {
    /// Looks at about `count` keys of the database (with `volatile`: of those with an expiry) from a random place on. Nothing may be
    /// held. Returns how many there were; 0 only if there is none outside the stripes that others hold for long. `busy`: there are such.
    fn sample(
        &mut self,
        count: usize,
        volatile: bool,
        rng: &mut Rng,
        busy: &mut bool,
        mut visit: impl FnMut(KeyHash, EntryRef<'_>),
    ) -> usize {
        let keyspace = self.keyspace();
        let stripes = keyspace.stripes();
        let first = rng.below(stripes as u64) as usize;
        // Few keys of many may have an expiry: first no stripe is held for a long search, then, if need be, it is.
        for buckets_max in [CACHE_LINE_WALK_MAX / 64, usize::MAX] {
            let (mut seen, mut stripes_left) = (0, STRIPES_PER_SAMPLE);
            for offset in 0..stripes {
                let number = ((first + offset) % stripes) as u32;
                if self.try_lock_one(number).is_err() {
                    *busy = true;
                    continue;
                }
                seen += self.sample_stripe(number, count - seen, volatile, buckets_max, rng, &mut visit);
                self.unlock();
                stripes_left -= usize::from(seen > 0);
                if seen >= count || stripes_left == 0 {
                    break;
                }
            }
            if seen > 0 {
                return seen;
            }
        }
        0
    }

    fn sample_stripe(
        &mut self,
        number: u32,
        count: usize,
        volatile: bool,
        buckets_max: usize,
        rng: &mut Rng,
        visit: &mut impl FnMut(KeyHash, EntryRef<'_>),
    ) -> usize {
        let keyspace = self.keyspace();
        let tables = keyspace.tables_of(self.db);
        let (len, start) = (tables.len(), rng.below(tables.len() as u64) as usize);
        let mut seen = 0;
        for offset in 0..len {
            let Some(keys) = self.stripe(number).table(tables.start + (start + offset) % len) else { continue };
            if if volatile { keys.expiring == 0 } else { keys.table.is_empty() } {
                continue;
            }
            seen += keys.table.sample(rng, count - seen, volatile, buckets_max, |entry| visit(keyspace.hasher().hash(entry.key()), entry));
            if seen >= count {
                break;
            }
        }
        seen
    }

    /// Evicts a candidate, unless (false) it is gone or has become a worse one since it was sampled. Nothing may be held.
    fn evict(&mut self, candidate: &Candidate, policy: MaxmemoryPolicy) -> Result<bool, Busy> {
        let place = self.keyspace().place(&candidate.key);
        self.try_lock_one(place.stripe)?;
        if self.keyspace().settings.keeps_all() {
            return Ok(false);
        }
        let number = self.keyspace().table_number(self.db, place);
        let clock = self.clock();
        let Some(keys) = self.stripe(place.stripe).table(number) else { return Ok(false) };
        let Some(position) = keys.table.find(place.hash, &candidate.key) else { return Ok(false) };
        let entry = keys.table.get(position);
        let fits = match policy {
            _ if policy.is_volatile() && entry.expiry_ms().is_none() => false,
            MaxmemoryPolicy::AllkeysRandom | MaxmemoryPolicy::VolatileRandom => true,
            MaxmemoryPolicy::VolatileTtl => entry.expiry_ms().is_some_and(|ms| u64::MAX - ms as u64 >= candidate.score),
            _ if clock.lfu => u64::from(255 - clock.frequency(entry.access_clock())) >= candidate.score,
            _ => u64::from(clock.idle_seconds(entry.access_clock())) >= candidate.score,
        };
        if !fits {
            return Ok(false);
        }
        self.delete_unasked(place, position, &candidate.key, Cause::Evicted, (class::EVICTED, "evicted"));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::config::ConfigStore;
    use crate::keyspace::key_mut::Expiry;
    use crate::keyspace::testing::{put, with_key};

    fn config(policy: &str, maxmemory: u64, samples: u32) -> Config {
        let args = ["--maxmemory-policy", policy, "--maxmemory", &maxmemory.to_string(), "--maxmemory-samples", &samples.to_string()];
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let (store, _) = ConfigStore::from_args(&args, &mut std::io::empty()).expect("valid options");
        let config = store.load();
        Config::clone(&config)
    }

    /// Whether the key was there; counts as a use.
    fn get(keyspace: &Keyspace, name: &str, now_ms: i64) -> bool {
        with_key(keyspace, 0, name, now_ms, |keys, key| keys.read(key).is_some())
    }

    fn evict(keyspace: &Keyspace, config: &Config, now_ms: i64, rng: &mut Rng) -> bool {
        evict_one(keyspace, config, &Moment::new(keyspace, now_ms), rng) == Evicted::One
    }

    /// Hit rate of a cache of `capacity` keys on a Zipf trace (exponent 1) of `requests` over `universe` keys.
    ///
    /// `step_ms` between requests: LRU tells apart what lies seconds apart, LFU forgets within minutes.
    fn hit_rate(trace: &[u32], capacity: usize, policy: &str, step_ms: i64) -> f64 {
        let keyspace = Keyspace::new(16, 1, false, 3);
        let config = config(policy, 1, 5);
        keyspace.apply(&config);
        let mut rng = Rng::new(11);
        let (mut hits, mut len) = (0, 0);
        for (step, number) in trace.iter().enumerate() {
            let now_ms = 1_700_000_000_000 + step as i64 * step_ms;
            let name = format!("key:{number}");
            if get(&keyspace, &name, now_ms) {
                hits += 1;
                continue;
            }
            while len >= capacity {
                assert!(evict(&keyspace, &config, now_ms, &mut rng));
                len -= 1;
            }
            put(&keyspace, 0, &name, Expiry::Clear, now_ms);
            len += 1;
        }
        f64::from(hits) / trace.len() as f64
    }

    fn exact_lru_hit_rate(trace: &[u32], capacity: usize) -> f64 {
        let mut last_use = std::collections::BTreeMap::new();
        let mut by_use = std::collections::BTreeMap::new();
        let mut hits = 0;
        for (step, number) in trace.iter().enumerate() {
            if let Some(before) = last_use.insert(*number, step) {
                by_use.remove(&before);
                hits += 1;
            } else if last_use.len() > capacity {
                let (_, oldest) = by_use.pop_first().expect("the cache is not empty");
                last_use.remove(&oldest);
            }
            by_use.insert(step, *number);
        }
        f64::from(hits) / trace.len() as f64
    }

    /// `requests` draws from 0..`universe`, where number n comes with probability proportional to 1 / (n + 1).
    fn zipf(requests: usize, universe: u32) -> Vec<u32> {
        let mut sums = Vec::new();
        let mut sum = 0.0;
        for number in 0..universe {
            sum += 1.0 / f64::from(number + 1);
            sums.push(sum);
        }
        let mut rng = Rng::new(5);
        let mut draw = || {
            let point = rng.next_u64() as f64 / u64::MAX as f64 * sum;
            (sums.partition_point(|sum| *sum < point) as u32).min(universe - 1)
        };
        (0..requests).map(|_| draw()).collect()
    }

    #[test]
    fn sampled_eviction_is_nearly_as_good_as_exact_lru() {
        let trace = zipf(if cfg!(miri) { 500 } else { 200_000 }, 20_000);
        let capacity = 2000;
        let exact = exact_lru_hit_rate(&trace, capacity);
        let lru = hit_rate(&trace, capacity, "allkeys-lru", 200);
        let lfu = hit_rate(&trace, capacity, "allkeys-lfu", 2);
        let random = hit_rate(&trace, capacity, "allkeys-random", 2);
        assert!(lru > exact * 0.98, "LRU {lru:.4}, exact {exact:.4}");
        assert!(lfu > exact * 1.0, "LFU {lfu:.4}, exact LRU {exact:.4}: on such a trace frequency tells more");
        assert!(random < lru, "random {random:.4}, LRU {lru:.4}");
    }

    #[test]
    fn each_policy_takes_what_it_may_in_every_database() {
        for policy in MaxmemoryPolicy::WORDS {
            let config = config(policy, 1, 5);
            if config.maxmemory_policy == MaxmemoryPolicy::Noeviction {
                continue;
            }
            for by_slot in [false, true] {
                let keyspace = Keyspace::new(16, 4, by_slot, 3);
                keyspace.apply(&config);
                let mut rng = Rng::new(1);
                assert!(!evict(&keyspace, &config, 2000, &mut rng), "{policy}: nothing is there");
                for number in 0..200 {
                    put(&keyspace, number % 2 * 3, &format!("plain:{number}"), Expiry::Clear, 1000);
                    if number < 20 {
                        put(&keyspace, number % 2 * 3, &format!("volatile:{number}"), Expiry::At(60_000 + i64::from(number)), 1000);
                    }
                }
                let expect = if config.maxmemory_policy.is_volatile() { 20 } else { 220 };
                for number in 0..expect {
                    assert!(evict(&keyspace, &config, 2000, &mut rng), "{policy}: {number} of {expect}");
                }
                assert!(!evict(&keyspace, &config, 2000, &mut rng), "{policy}: nothing is left");
                assert_eq!(keyspace.stats().evicted, expect);
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_stripe_that_is_held() {
        for policy in ["allkeys-lru", "allkeys-random", "volatile-ttl"] {
            let keyspace = Keyspace::new(16, 1, false, 3);
            let config = config(policy, 1, 10);
            keyspace.apply(&config);
            for number in 0..500 {
                put(&keyspace, 0, &format!("key:{number}"), Expiry::At(60_000), 1000);
            }
            let (moment, mut rng) = (Moment::new(&keyspace, 2000), Rng::new(7));
            let mut evict = || evict_one(&keyspace, &config, &moment, &mut rng);
            let held = keyspace.lock(5);
            while evict() == Evicted::One {}
            assert_eq!(evict(), Evicted::Busy, "{policy}");
            drop(held);
            let left = keyspace.db_size(0).0;
            assert!((1..100).contains(&left), "{policy}: {left}");
            (0..left).for_each(|_| assert_eq!(evict(), Evicted::One, "{policy}"));
            assert_eq!(evict(), Evicted::None, "{policy}");
        }
    }

    #[test]
    fn what_expires_first_goes_first() {
        let keyspace = Keyspace::new(16, 1, false, 3);
        let config = config("volatile-ttl", 1, 10);
        keyspace.apply(&config);
        for number in 0..1000 {
            put(&keyspace, 0, &format!("key:{number}"), Expiry::At(100_000 + number), 1000);
        }
        let mut rng = Rng::new(1);
        for _ in 0..300 {
            assert!(evict(&keyspace, &config, 2000, &mut rng));
        }
        let gone = |from: i64, to: i64| (from..to).filter(|number| !get(&keyspace, &format!("key:{number}"), 2000)).count();
        assert!(gone(0, 300) > 250 && gone(700, 1000) < 10, "{} {}", gone(0, 300), gone(700, 1000));
    }

    #[test]
    fn room_is_made_within_the_time_allowed_and_the_excess_is_timed() {
        let keyspace = Keyspace::new(16, 1, false, 3);
        let config = config("allkeys-random", 5000, 5);
        keyspace.apply(&config);
        for number in 0..100 {
            put(&keyspace, 0, &format!("key:{number}"), Expiry::Clear, 1000);
        }
        // Each key counts 100 bytes, and each look at the clock takes `step` microseconds.
        let (now, step) = (Cell::new(0u64), Cell::new(1));
        let used = || keyspace.db_size(0).0 * 100;
        let clock = || {
            now.set(now.get() + step.get());
            now.get()
        };
        let room = |config: &Config| {
            let world = World { used_bytes: &used, now_us: &clock };
            make_room(&keyspace, config, &Moment::new(&keyspace, 2000), 1, &world)
        };
        step.set(1000);
        assert_eq!(room(&config), Ok(Room::Running));
        assert_eq!(keyspace.db_size(0).0, 100 - KEYS_PER_LOOK);
        assert!(keyspace.eviction.current_exceeded_us(now.get()) > 0);
        step.set(1);
        assert_eq!(room(&config), Ok(Room::Enough));
        assert_eq!(keyspace.db_size(0).0, 50);
        assert_eq!(keyspace.eviction.current_exceeded_us(now.get()), 0);
        assert!(keyspace.eviction.total_exceeded_us(now.get()) > 1000);
        keyspace.settings.freeze(true);
        put(&keyspace, 0, "one more", Expiry::Clear, 1000);
        assert_eq!(room(&config), Ok(Room::Enough));
        keyspace.settings.freeze(false);
        assert_eq!(room(&self::config("noeviction", 5000, 5)), Err(OutOfMemory));
        assert_eq!(room(&self::config("volatile-lru", 5000, 5)), Err(OutOfMemory));
    }

    #[test]
    fn tenacity_sets_the_time_limit() {
        assert_eq!([0, 5, 10].map(time_limit_us), [0, 250, 500]);
        assert!((115_000_000..130_000_000).contains(&time_limit_us(99)) || time_limit_us(99) > 100_000_000);
        assert_eq!(time_limit_us(100), u64::MAX);
    }
}
