//! A hash table whose buckets are packed: what large sets and hashes consist of.
//!
//! Linear hashing, as in [`crate::keyspace::table`], over buckets of some twenty records. A bucket is one allocation; no record has one
//! of its own unless it is long, and nothing points at records. A record is a key and what belongs to it, as items
//! ([`crate::datatypes::items`]): key \[value\] \[expiry\], as [`super::packed_bucket`] describes. With 16-byte keys that is 18 bytes per record, 1.4 for the bucket, and what
//! the allocator rounds up.
//!
//! Invariants:
//! * No key is there twice.
//! * All segments but the last are full; only the first one grows.
//! * Buckets are changed by [`PackedTable::edit`] alone, which gives them to a snapshot first. Those that come while one is taken take their
//!   records from others, which were given, or have the number of one that was.
//! * A [`Place`] is valid until the table changes.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, Chunked, Records, Saving, Tag, Taker};
use super::packed_bucket::Bucket;
pub use super::packed_bucket::{Record, push_expiry};
use crate::base::alloc;
use crate::base::rng::Rng;
use crate::keyspace::bucket::prefetch;
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// Buckets of a segment.
const SEGMENT: usize = 64;
/// Mean records per bucket at which a bucket is added.
const FILL: usize = 24;
/// Mean records per bucket below which one is taken away.
const SPARSE: usize = 10;
/// Records of a bucket that raise its chance to be chosen at random: more than twice [`FILL`], so that being split or not makes no
/// difference.
const FAIR_LEN: u64 = 80;
/// Random buckets tried before one is taken as it comes.
const RANDOM_TRIES: usize = 1000;

/// Where a record lies.
#[derive(Debug, Clone)]
pub struct Place {
    bucket: usize,
    index: usize,
    record: Range<usize>,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct PackedTable {
    segments: Vec<Vec<Bucket>>,
    buckets: usize,
    len: usize,
    /// Bytes that the buckets own, as the allocator rounds them.
    bytes: usize,
    arity: usize,
    /// What freeing records costs that have allocations of their own.
    extra_effort: usize,
    saving: Option<Box<Saving>>,
}

impl Clone for PackedTable {
    fn clone(&self) -> Self {
        // With room where the original has it: it is counted.
        let copy = |segment: &Vec<Bucket>| {
            let mut copy = Vec::with_capacity(segment.capacity());
            copy.extend_from_slice(segment);
            copy
        };
        PackedTable {
            segments: self.segments.iter().map(copy).collect(),
            buckets: self.buckets,
            len: self.len,
            bytes: self.bytes,
            arity: self.arity,
            extra_effort: self.extra_effort,
            saving: None,
        }
    }
}

impl PackedTable {
    /// An empty table whose records have so many items.
    pub fn new(arity: usize) -> Self {
        PackedTable { arity, ..PackedTable::default() }
    }

    /// Number of records.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Items per record.
    pub fn arity(&self) -> usize {
        self.arity
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        self.buckets + self.extra_effort
    }

    /// Memory that it takes beside itself.
    pub fn bytes(&self) -> usize {
        let segment_len = |buckets: usize| alloc::block_len(buckets * size_of::<Bucket>());
        let segments = self.segments.first().map_or(0, |first| segment_len(first.capacity()))
            + self.segments.len().saturating_sub(1) * segment_len(SEGMENT);
        self.bytes + segments + alloc::block_len(self.segments.capacity() * size_of::<Vec<Bucket>>())
    }

    #[inline]
    fn home(&self, hash: KeyHash) -> usize {
        let span = self.buckets.next_power_of_two();
        let at = hash.bucket_bits() as usize & (span - 1);
        if at < self.buckets { at } else { at - span / 2 }
    }

    #[inline]
    fn bucket(&self, at: usize) -> &Bucket {
        &self.segments[at / SEGMENT][at % SEGMENT]
    }

    #[inline]
    fn bucket_mut(&mut self, at: usize) -> &mut Bucket {
        &mut self.segments[at / SEGMENT][at % SEGMENT]
    }

    /// Gives a bucket to the snapshot that is being taken, if it does not have it.
    #[cold]
    #[inline(never)]
    fn give(&mut self, at: usize) {
        let Some(saving) = &mut self.saving else { return };
        let bucket = &self.segments[at / SEGMENT][at % SEGMENT];
        if saving.claim(at) && bucket.count() > 0 {
            saving.give(Chunk::Records(Records { bucket: bucket.packed(), arity: self.arity }));
        }
    }

    /// Changes a bucket, and counts what it then takes.
    fn edit<R>(&mut self, at: usize, edit: impl FnOnce(&mut Bucket) -> R) -> R {
        if self.saving.is_some() {
            self.give(at);
        }
        let bucket = self.bucket_mut(at);
        let before = (bucket.owned(), bucket.effort());
        let result = edit(bucket);
        let after = (bucket.owned(), bucket.effort());
        self.bytes = self.bytes + after.0 - before.0;
        self.extra_effort = self.extra_effort + after.1 - before.1;
        result
    }

    /// Asks the processor for what a look for this key needs: first (0) for its bucket, then (1) for what is in there.
    #[inline]
    pub fn prefetch(&self, hash: KeyHash, step: usize) {
        if self.buckets == 0 {
            return;
        }
        let bucket = self.bucket(self.home(hash));
        match step {
            0 => prefetch(std::ptr::from_ref(bucket).cast()),
            1 => bucket.prefetch(),
            _ => {}
        }
    }

    /// Finds the record whose key has this form.
    #[inline]
    pub fn find(&self, hash: KeyHash, key: &[u8]) -> Option<Place> {
        if self.buckets == 0 {
            return None;
        }
        let bucket = self.home(hash);
        let (index, record) = self.bucket(bucket).find(hash.fingerprint(), key, self.arity)?;
        Some(Place { bucket, index, record })
    }

    /// The record there.
    #[inline]
    pub fn get(&self, place: &Place) -> Record<'_> {
        self.bucket(place.bucket).record(place.record.clone())
    }

    /// Adds a record whose key is not there.
    pub fn insert(&mut self, hash: KeyHash, record: &[u8], hasher: &KeyHasher) {
        if self.len >= self.buckets * FILL {
            self.grow(hasher);
        }
        self.len += 1;
        let home = self.home(hash);
        self.edit(home, |bucket| bucket.push(hash, record));
    }

    /// Replaces what follows the key of a record, whose hash this is.
    pub fn set_rest(&mut self, hash: KeyHash, place: &Place, rest: &[u8]) {
        self.edit(place.bucket, |bucket| bucket.set_rest(hash, place.record.clone(), rest));
    }

    /// Takes a record out.
    pub fn remove(&mut self, place: &Place, hasher: &KeyHasher) {
        self.edit(place.bucket, |bucket| bucket.remove(place.index, place.record.clone()));
        self.len -= 1;
        if self.buckets > 1 && self.len < self.buckets * SPARSE {
            self.shrink(hasher);
        }
    }

    /// Adds a bucket and splits the one whose hashes it takes over.
    fn grow(&mut self, hasher: &KeyHasher) {
        let new = self.buckets;
        if new.is_multiple_of(SEGMENT) {
            self.segments.push(Vec::with_capacity(if new == 0 { 1 } else { SEGMENT }));
        }
        if let Some(last) = self.segments.last_mut() {
            last.push(Bucket::default());
        }
        self.buckets += 1;
        if new > 0 {
            let old = new - (new + 1).next_power_of_two() / 2;
            let whole = self.edit(old, std::mem::take);
            let (mut stay, mut leave) = (Bucket::default(), Bucket::default());
            whole.split(self.arity, hasher, |hash| self.home(hash) == new, [&mut stay, &mut leave]);
            self.edit(old, |bucket| *bucket = stay);
            self.edit(new, |bucket| *bucket = leave);
        }
    }

    /// Takes the last bucket away; its records go back to the one it was split from.
    fn shrink(&mut self, hasher: &KeyHasher) {
        let (last, arity) = (self.buckets - 1, self.arity);
        let old = last - self.buckets.next_power_of_two() / 2;
        let whole = self.edit(last, std::mem::take);
        self.edit(old, |bucket| whole.split(arity, hasher, |_| false, [bucket, &mut Bucket::default()]));
        self.buckets -= 1;
        if let Some(segment) = self.segments.last_mut() {
            segment.pop();
            if segment.is_empty() {
                self.segments.pop();
            }
        }
    }

    /// Visits all records.
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(Record<'a>)) {
        for at in 0..self.buckets {
            self.visit_bucket(at, &mut visit);
        }
    }

    /// Number of buckets.
    pub fn buckets(&self) -> usize {
        self.buckets
    }

    /// Visits the records of bucket `at`.
    pub fn visit_bucket<'a>(&'a self, at: usize, visit: &mut impl FnMut(Record<'a>)) {
        self.bucket(at).for_each(self.arity, |_, record| visit(record));
    }

    /// Visits the records of the buckets that `cursor` names and returns the next cursor, 0 at the end: see
    /// [`crate::keyspace::table::Table::scan`], whose guarantee holds here, too.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(Record<'a>)) -> u64 {
        if self.buckets == 0 {
            return 0;
        }
        let span = if self.buckets.is_power_of_two() { self.buckets } else { self.buckets.next_power_of_two() / 2 };
        let mask = (span - 1) as u64;
        let mut at = (cursor & mask) as usize;
        while at < self.buckets {
            self.visit_bucket(at, &mut visit);
            at += span;
        }
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    /// A record chosen at random, each equally likely.
    pub fn random(&self, rng: &mut Rng) -> Option<Place> {
        if self.len == 0 {
            return None;
        }
        let mut last = None;
        for _ in 0..RANDOM_TRIES {
            let at = rng.below(self.buckets as u64) as usize;
            let count = self.bucket(at).count() as u64;
            let index = rng.below(FAIR_LEN.max(count));
            if count > 0 {
                last = Some((at, rng.below(count) as usize));
            }
            if index < count {
                last = Some((at, index as usize));
                break;
            }
        }
        let (bucket, index) = last.or_else(|| (0..self.buckets).find(|at| self.bucket(*at).count() > 0).map(|at| (at, 0)))?;
        Some(Place { bucket, index, record: self.bucket(bucket).range(index, self.arity) })
    }
}

impl Chunked for PackedTable {
    fn parts(&self) -> usize {
        self.buckets
    }

    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag) {
        self.saving = Some(Box::new(Saving::new(taker, tag, self.buckets)));
    }

    fn saving(&self) -> Option<&Saving> {
        self.saving.as_deref()
    }

    fn save_next(&mut self, out: &mut dyn FnMut(Chunk)) -> bool {
        let Some(at) = self.saving.as_mut().and_then(|saving| saving.claim_next()) else {
            self.saving = None;
            return false;
        };
        // One that is gone was given when it went.
        if at < self.buckets && self.bucket(at).count() > 0 {
            out(Chunk::Records(Records { bucket: self.bucket(at).packed(), arity: self.arity }));
        }
        true
    }

    fn stop_saving(&mut self) {
        self.saving = None;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::rng::Rng;
    use crate::datatypes::items;

    fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        items::push(&mut record, key);
        items::push(&mut record, value);
        record
    }

    #[derive(Debug, Clone)]
    enum Step {
        Set(u16, usize),
        Remove(u16),
        RemoveRandom(u64),
        ScanAcross(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => (0..600u16, 490..530usize).prop_map(|(key, len)| Step::Set(key, len)),
            8 => (0..600u16, 0..60usize).prop_map(|(key, len)| Step::Set(key, len)),
            3 => (0..600u16).prop_map(Step::Remove),
            3 => any::<u64>().prop_map(Step::RemoveRandom),
            1 => (0..20usize).prop_map(Step::ScanAcross),
        ]
    }

    fn key(number: u16) -> Vec<u8> {
        if number.is_multiple_of(3) { number.to_string().into_bytes() } else { format!("key:{number}").into_bytes() }
    }

    struct Model {
        table: PackedTable,
        model: HashMap<Vec<u8>, Vec<u8>>,
        hasher: KeyHasher,
    }

    impl Model {
        fn set(&mut self, key: &[u8], value: &[u8]) {
            let form = items::packed(key);
            let hash = self.hasher.hash(&form);
            match self.table.find(hash, &form) {
                Some(place) => self.table.set_rest(hash, &place, &items::packed(value)),
                None => self.table.insert(hash, &record(key, value), &self.hasher),
            }
            self.model.insert(key.to_vec(), value.to_vec());
        }

        fn remove(&mut self, key: &[u8]) {
            let form = items::packed(key);
            let place = self.table.find(self.hasher.hash(&form), &form);
            assert_eq!(place.is_some(), self.model.remove(key).is_some());
            if let Some(place) = place {
                self.table.remove(&place, &self.hasher);
            }
        }

        fn check(&self) {
            let mut seen = HashMap::new();
            self.table.for_each(|record| {
                let before = seen.insert(record.key().to_vec(), items::read(record.rest()).to_vec());
                assert!(before.is_none(), "each once");
            });
            assert!(seen == self.model);
            assert_eq!(self.table.len(), self.model.len());
            let owned: usize = (0..self.table.buckets).map(|at| self.table.bucket(at).owned()).sum();
            assert_eq!(self.table.bytes, owned);
            let effort: usize = (0..self.table.buckets).map(|at| self.table.bucket(at).effort() - 1).sum();
            assert_eq!(self.table.extra_effort, effort);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_is_what_a_map_would_be(steps in prop::collection::vec(step(), 1..600)) {
            let mut model = Model { table: PackedTable::new(2), model: HashMap::new(), hasher: KeyHasher::new(7) };
            for step in steps {
                match step {
                    Step::Set(number, len) => model.set(&key(number), &vec![b'v'; len]),
                    Step::Remove(number) => model.remove(&key(number)),
                    Step::RemoveRandom(seed) => {
                        let chosen = model.table.random(&mut Rng::new(seed)).map(|place| model.table.get(&place).key().to_vec());
                        prop_assert_eq!(chosen.is_some(), !model.model.is_empty());
                        if let Some(key) = chosen { model.remove(&key) }
                    }
                    Step::ScanAcross(more) => {
                        // What is there from the first to the last call is seen, however the table grows meanwhile.
                        let before: Vec<_> = model.model.keys().cloned().collect();
                        let (mut seen, mut cursor, mut added) = (std::collections::HashSet::new(), 0, 0);
                        loop {
                            cursor = model.table.scan(cursor, |record| { seen.insert(record.key().to_vec()); });
                            if cursor == 0 { break }
                            for _ in 0..more {
                                added += 1;
                                model.set(format!("more:{added}").as_bytes(), b"v");
                            }
                        }
                        prop_assert!(before.iter().all(|key| seen.contains(key)));
                    }
                }
            }
            model.check();
        }
    }

    #[test]
    fn random_records_are_equally_likely() {
        let mut model = Model { table: PackedTable::new(2), model: HashMap::new(), hasher: KeyHasher::new(7) };
        (0..200).for_each(|number| model.set(&key(number), b"v"));
        let mut rng = Rng::new(3);
        let mut times: HashMap<Vec<u8>, u32> = HashMap::new();
        for _ in 0..100_000 {
            let place = model.table.random(&mut rng).expect("there are some");
            *times.entry(model.table.get(&place).key().to_vec()).or_default() += 1;
        }
        assert!(times.len() == 200 && times.values().all(|times| (350..650).contains(times)), "about 500 times each");
    }
}
