//! A hash table whose buckets are packed: what large sets and hashes consist of.
//!
//! Linear hashing, as in [`crate::keyspace::table`], over buckets of some twenty records. A bucket is one allocation; no record has one
//! of its own, and nothing points at records. A record is a key and what belongs to it, as items ([`crate::datatypes::items`]):
//!
//! ```text
//! bucket  u16 number of records | a byte of each record's hash | records
//! record  key [value [expiry]]: as many items as the table's arity says
//! ```
//!
//! With 16-byte keys that is 18 bytes per record, 1.1 for the bucket, and what the allocator rounds up.
//!
//! Invariants:
//! * No key is there twice.
//! * `segments` hold at least `buckets` buckets; those from `buckets` on are empty and own no memory.
//! * A [`Place`] is valid until the table changes.

use std::ops::Range;

use crate::base::alloc;
use crate::base::rng::Rng;
use crate::datatypes::items::{self, Item};
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// Buckets of a segment.
const SEGMENT: usize = 64;
/// Mean records per bucket at which a bucket is added.
const FILL: usize = 24;
/// Mean records per bucket below which one is taken away.
const SPARSE: usize = 10;
/// Bytes of a bucket's count.
const COUNT_LEN: usize = 2;
/// Records of a bucket that raise its chance to be chosen at random: more than twice [`FILL`], so that being split or not makes no
/// difference.
const FAIR_LEN: u64 = 80;
/// Random buckets tried before one is taken as it comes.
const RANDOM_TRIES: usize = 1000;

/// A bucket's records.
#[derive(Debug, Clone, Default)]
struct Bucket(Vec<u8>);

/// Where a record lies.
#[derive(Debug, Clone)]
pub struct Place {
    bucket: usize,
    index: usize,
    record: Range<usize>,
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// The record that these bytes are.
    pub fn of(bytes: &'a [u8]) -> Self {
        Record(bytes)
    }

    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its first item.
    #[inline]
    pub fn key(self) -> Item<'a> {
        items::read(self.0)
    }

    /// The form of its key.
    #[inline]
    pub fn key_form(self) -> &'a [u8] {
        &self.0[..items::form_len(self.0)]
    }

    /// What follows the key.
    #[inline]
    pub fn rest(self) -> &'a [u8] {
        &self.0[items::form_len(self.0)..]
    }
}

/// See the module's page.
#[derive(Debug, Clone, Default)]
pub struct PackedTable {
    segments: Vec<Box<[Bucket]>>,
    buckets: usize,
    len: usize,
    /// Bytes that the buckets own, as the allocator rounds them.
    bytes: usize,
    arity: usize,
}

impl Bucket {
    #[inline]
    fn count(&self) -> usize {
        self.0.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize)
    }

    #[inline]
    fn marks(&self) -> &[u8] {
        &self.0[COUNT_LEN..COUNT_LEN + self.count()]
    }

    #[inline]
    fn records_at(&self) -> usize {
        COUNT_LEN + self.count()
    }

    /// Calls `visit` with the range of each record.
    fn for_each(&self, arity: usize, mut visit: impl FnMut(usize, Range<usize>)) {
        if self.0.is_empty() {
            return;
        }
        let mut at = self.records_at();
        for index in 0..self.count() {
            let end = self.skip(at, arity);
            visit(index, at..end);
            at = end;
        }
    }

    #[inline]
    fn skip(&self, mut at: usize, items: usize) -> usize {
        for _ in 0..items {
            at += items::form_len(&self.0[at..]);
        }
        at
    }

    /// The range of record `index`.
    #[inline]
    fn range(&self, index: usize, arity: usize) -> Range<usize> {
        let start = self.skip(self.records_at(), index * arity);
        start..self.skip(start, arity)
    }

    fn find(&self, mark: u8, key: &[u8], arity: usize) -> Option<(usize, Range<usize>)> {
        if self.0.is_empty() {
            return None;
        }
        let (mut at, mut passed) = (self.records_at(), 0);
        for index in memchr::memchr_iter(mark, self.marks()) {
            at = self.skip(at, (index - passed) * arity);
            passed = index;
            if self.0[at..].starts_with(key) {
                return Some((index, at..self.skip(at, arity)));
            }
        }
        None
    }

    /// Makes room for `more` bytes: as much as the allocator gives anyhow.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            self.0.reserve_exact(alloc::block_len(needed) - self.0.len());
        }
    }

    fn push(&mut self, mark: u8, record: &[u8]) {
        let count = self.count();
        self.reserve(record.len() + 1 + if self.0.is_empty() { COUNT_LEN } else { 0 });
        if self.0.is_empty() {
            self.0.extend_from_slice(&[0; COUNT_LEN]);
        }
        self.0.insert(COUNT_LEN + count, mark);
        self.0.extend_from_slice(record);
        self.set_count(count + 1);
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("hashes spread over the buckets");
        self.0[..COUNT_LEN].copy_from_slice(&count.to_le_bytes());
    }

    fn remove(&mut self, index: usize, record: Range<usize>) {
        let count = self.count();
        self.0.drain(record);
        self.0.remove(COUNT_LEN + index);
        self.set_count(count - 1);
        if count == 1 {
            self.0 = Vec::new();
        } else if alloc::block_len(self.0.len()) * 4 < self.0.capacity() * 3 {
            self.0.shrink_to(alloc::block_len(self.0.len()));
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

    /// Number of buckets: each is freed apart.
    pub fn buckets(&self) -> usize {
        self.buckets
    }

    /// Memory that it takes beside itself.
    pub fn bytes(&self) -> usize {
        let segment = alloc::block_len(SEGMENT * size_of::<Bucket>());
        self.bytes + self.segments.len() * segment + alloc::block_len(self.segments.capacity() * size_of::<Box<[Bucket]>>())
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

    /// Changes a bucket, and counts what it then takes.
    fn edit<R>(&mut self, at: usize, edit: impl FnOnce(&mut Bucket) -> R) -> R {
        let bucket = &mut self.segments[at / SEGMENT][at % SEGMENT];
        let before = bucket.0.capacity();
        let result = edit(bucket);
        let after = bucket.0.capacity();
        self.bytes = self.bytes - alloc::block_len(before) + alloc::block_len(after);
        result
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
        Record(&self.bucket(place.bucket).0[place.record.clone()])
    }

    /// Adds a record whose key is not there.
    pub fn insert(&mut self, hash: KeyHash, record: &[u8], hasher: &KeyHasher) {
        if self.len >= self.buckets * FILL {
            self.grow(hasher);
        }
        self.len += 1;
        let home = self.home(hash);
        self.edit(home, |bucket| bucket.push(hash.fingerprint(), record));
    }

    /// Replaces what follows the key of a record.
    pub fn set_rest(&mut self, place: &Place, rest: &[u8]) {
        self.edit(place.bucket, |bucket| {
            let start = place.record.start + items::form_len(&bucket.0[place.record.start..]);
            let more = rest.len().saturating_sub(place.record.end - start);
            bucket.reserve(more);
            items::splice(&mut bucket.0, start..place.record.end, rest);
        });
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
        if new.is_multiple_of(SEGMENT) && new / SEGMENT == self.segments.len() {
            self.segments.push(vec![Bucket::default(); SEGMENT].into_boxed_slice());
        }
        self.buckets += 1;
        if new > 0 {
            let low = new - (new + 1).next_power_of_two() / 2;
            self.rehash(low, hasher);
        }
    }

    /// Takes the last bucket away; its records go back to the one it was split from.
    fn shrink(&mut self, hasher: &KeyHasher) {
        self.buckets -= 1;
        self.rehash(self.buckets, hasher);
        // One spare segment stays.
        self.segments.truncate(self.buckets.div_ceil(SEGMENT) + 1);
    }

    /// Empties bucket `at`, which may have become the one behind the last, and places its records anew.
    fn rehash(&mut self, at: usize, hasher: &KeyHasher) {
        let old = self.edit(at, std::mem::take);
        old.for_each(self.arity, |_, range| {
            let record = Record(&old.0[range]);
            let hash = hasher.hash(record.key_form());
            let home = self.home(hash);
            self.edit(home, |bucket| bucket.push(hash.fingerprint(), record.0));
        });
    }

    /// Visits all records.
    pub fn for_each(&self, mut visit: impl FnMut(Record<'_>)) {
        for at in 0..self.buckets {
            self.visit_bucket(at, &mut visit);
        }
    }

    /// Visits the records of bucket `at`.
    pub fn visit_bucket(&self, at: usize, visit: &mut impl FnMut(Record<'_>)) {
        let bucket = self.bucket(at);
        bucket.for_each(self.arity, |_, range| visit(Record(&bucket.0[range])));
    }

    /// Visits the records of the buckets that `cursor` names and returns the next cursor, 0 at the end: see
    /// [`crate::keyspace::table::Table::scan`], whose guarantee holds here, too.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Record<'_>)) -> u64 {
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::rng::Rng;

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
                Some(place) => self.table.set_rest(&place, &items::packed(value)),
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
            let owned: usize = (0..self.table.buckets).map(|at| alloc::block_len(self.table.bucket(at).0.capacity())).sum();
            assert_eq!(self.table.bytes, owned);
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
