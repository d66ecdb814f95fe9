//! The hash table of a stripe (in cluster mode: of one slot): linear hashing over buckets of one cache line.
//!
//! Linear hashing (Litwin, 1980) adds one bucket at a time, so that memory follows the number of keys without doubling and no
//! insert pays for a whole table: with [`FILL`] the table takes about 10.3 bytes per key, chains included. Bucket `i` of `n`
//! takes the hashes whose low bits are `i`, counted with as many bits as `n` needs; the buckets from `n` on are still in the
//! bucket with one bit less.
//!
//! Invariants:
//! * Each address in the table came from [`Entry::into_bits`] and is owned by the table alone.
//! * `segments` hold at least `buckets` buckets; those from `buckets` on are empty.
//! * While a snapshot walks over the table, an entry is handed over before it goes, moves or changes, and its place in the bucket marked when
//!   another one comes: the hook is here, so that whoever changes a table passes it ([`super::place_marks`]).
//! * `MAY_EXPIRE` is set on a bucket if one of its entries has an expiry, or elements with one (it may be set without).
#![allow(unsafe_code)]

mod walk;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::bucket::{Bucket, Candidate, prefetch};
use super::entry::{Entry, EntryMut, EntryRef};
use super::handover::Walk;
use super::hash::{KeyHash, KeyHasher};
use crate::base::rng::Rng;

/// Buckets of a segment: small enough that the last one wastes little, large enough that their list stays short.
const SEGMENT: usize = 32;
/// Entries per bucket, in tenths, above which a bucket is added. 7.2 of 9 keeps 88 % of all entries out of chains.
const FILL: usize = 72;
/// Entries per bucket, in tenths, below which a bucket is taken away.
const SPARSE: usize = 30;
/// Random buckets tried before a scan for a full one begins.
const RANDOM_TRIES: usize = 100;
/// Entries of a bucket that still raise its chance to be chosen at random: more than a bucket that was not split yet has on average
/// (twice [`FILL`]), so that being split or not makes no difference.
const FAIR_LEN: u64 = 20;

/// Where an entry lies. Valid until the table changes; what puts another entry there corrects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    bucket: u32,
    /// Index in the bucket, plus one: so that "none" needs no room, and either is returned in two registers.
    index_plus_one: NonZeroU32,
    /// The entry's address, so that it is not read from the bucket again.
    address: u64,
}

const _: () = assert!(size_of::<Option<Position>>() == 16);

impl Position {
    #[inline]
    fn new(bucket: usize, index: usize, address: u64) -> Position {
        Position { bucket: bucket as u32, index_plus_one: NonZeroU32::MIN.saturating_add(index as u32), address }
    }

    #[inline]
    fn bucket(self) -> usize {
        self.bucket as usize
    }

    #[inline]
    fn index(self) -> usize {
        self.index_plus_one.get() as usize - 1
    }
}

/// The state of a table: another one after every change of where entries lie. No two tables ever have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    table: u64,
    changes: u64,
}

/// Where the entry of a key probably lies, found without looking at the entry: for a later [`Table::find_from`].
#[derive(Debug, Clone, Copy)]
pub struct Hint {
    position: Position,
    stamp: Stamp,
}

/// What [`Table::prefetch_entry`] found.
#[derive(Debug, Clone, Copy)]
pub enum Ahead {
    /// This entry was asked for.
    Entry(Hint),
    /// The bucket's chain was asked for: [`Table::prefetch_chained_entry`] is to be called once it may have arrived.
    Chain,
    /// There is no such entry.
    Nothing,
}

/// See the module's page.
#[derive(Debug)]
pub struct Table {
    segments: Vec<Box<[Bucket]>>,
    buckets: usize,
    /// As many low bits as the highest bucket's number needs.
    mask: usize,
    len: usize,
    stamp: Stamp,
    /// A snapshot walks over the table.
    walk: Option<Box<Walk>>,
}

impl Default for Table {
    fn default() -> Self {
        static TABLES: AtomicU64 = AtomicU64::new(0);
        let stamp = Stamp { table: TABLES.fetch_add(1, Ordering::Relaxed), changes: 0 };
        Table { segments: Vec::new(), buckets: 0, mask: 0, len: 0, stamp, walk: None }
    }
}

impl Table {
    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of buckets.
    pub fn buckets(&self) -> usize {
        self.buckets
    }

    #[inline]
    fn bucket(&self, at: usize) -> &Bucket {
        debug_assert!(at < self.buckets);
        // SAFETY: every caller passes a bucket below `buckets`, and the segments hold those (module invariant). Two checks here are
        // worth a tenth of a lookup's instructions.
        unsafe { self.segments.get_unchecked(at / SEGMENT).get_unchecked(at % SEGMENT) }
    }

    #[inline]
    fn bucket_mut(&mut self, at: usize) -> &mut Bucket {
        &mut self.segments[at / SEGMENT][at % SEGMENT]
    }

    /// The bucket that takes `hash`. There must be one.
    #[inline]
    fn home(&self, hash: KeyHash) -> usize {
        let at = (hash.bucket_bits() as usize) & self.mask;
        if at < self.buckets { at } else { at & (self.mask >> 1) }
    }

    fn set_buckets(&mut self, buckets: usize) {
        self.buckets = buckets;
        self.mask = buckets.next_power_of_two() - 1;
    }

    /// Where `key` lies.
    #[inline]
    pub fn find(&self, hash: KeyHash, key: &[u8]) -> Option<Position> {
        if self.buckets == 0 {
            return None;
        }
        let bucket = self.home(hash);
        // SAFETY: the table owns what its addresses point to, and is borrowed.
        let found = self.bucket(bucket).find(hash, |address| unsafe { EntryRef::from_bits(address) }.has_key(key));
        found.map(|(index, address)| Position::new(bucket, index, address))
    }

    /// Where `key` lies. `hint` was taken for it a moment ago and is right if nothing has moved since: then neither bucket nor segment
    /// is looked at again.
    #[inline]
    pub fn find_from(&self, hint: Option<&Hint>, hash: KeyHash, key: &[u8]) -> Option<Position> {
        if let Some(hint) = hint
            && hint.stamp == self.stamp
        {
            // SAFETY: no entry has come, gone or moved since the position was taken, so its address is still this table's.
            let entry = unsafe { EntryRef::from_bits(hint.position.address) };
            if entry.has_key(key) {
                return Some(hint.position);
            }
        }
        self.find(hash, key)
    }

    /// Asks the processor to load the bucket of `hash`.
    #[inline]
    pub fn prefetch_bucket(&self, hash: KeyHash) {
        if self.buckets != 0 {
            prefetch(std::ptr::from_ref(self.bucket(self.home(hash))).cast());
        }
    }

    /// Asks the processor to load the entry that `hash` probably means.
    #[inline]
    pub fn prefetch_entry(&self, hash: KeyHash) -> Ahead {
        if self.buckets == 0 {
            return Ahead::Nothing;
        }
        let bucket = self.home(hash);
        match self.bucket(bucket).candidate(hash) {
            Candidate::Entry(index, address) => {
                prefetch_lines(address);
                Ahead::Entry(self.hint(bucket, index, address))
            }
            Candidate::Chain(address) => {
                prefetch_lines(address);
                Ahead::Chain
            }
            Candidate::None => Ahead::Nothing,
        }
    }

    /// Asks the processor to load the entry that `hash` probably means, which the chain of its bucket tells.
    pub fn prefetch_chained_entry(&self, hash: KeyHash) -> Option<Hint> {
        if self.buckets == 0 {
            return None;
        }
        let bucket = self.home(hash);
        let (index, address) = self.bucket(bucket).candidate_in_chain(hash)?;
        prefetch_lines(address);
        Some(self.hint(bucket, index, address))
    }

    #[inline]
    fn hint(&self, bucket: usize, index: usize, address: u64) -> Hint {
        Hint { position: Position::new(bucket, index, address), stamp: self.stamp }
    }

    /// The entry at `position`.
    #[inline]
    pub fn get(&self, position: Position) -> EntryRef<'_> {
        debug_assert_eq!(position.address, self.bucket(position.bucket()).get(position.index()));
        // SAFETY: the position is valid, so the table owns the entry there; it is borrowed.
        unsafe { EntryRef::from_bits(position.address) }
    }

    /// The entry at `position`, to be changed in place. Its key must stay.
    #[inline]
    pub fn get_mut(&mut self, position: Position) -> EntryMut<'_> {
        self.before_change(position);
        self.get_to_touch(position)
    }

    /// The entry at `position`, to have its access clock advanced: nothing else of it may change.
    #[inline]
    pub fn get_to_touch(&mut self, position: Position) -> EntryMut<'_> {
        debug_assert_eq!(position.address, self.bucket(position.bucket()).get(position.index()));
        // SAFETY: the position is valid, so the table owns the entry there; it is exclusively borrowed.
        unsafe { EntryMut::from_bits(position.address) }
    }

    /// Notes that the entry at `position` has an expiry, or elements that have one.
    #[inline]
    pub fn mark_may_expire(&mut self, position: Position) {
        self.bucket_mut(position.bucket()).set_may_expire(true);
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert(&mut self, hash: KeyHash, entry: Entry, hasher: &KeyHasher) -> Position {
        if self.len * 10 >= self.buckets * FILL {
            self.grow(hasher);
        }
        self.len += 1;
        let at = self.home(hash);
        if self.walk.is_some() && self.bucket(at).is_full() {
            // It gets a chain, or has one.
            self.hand_over_bucket(at);
        }
        self.place(hash, entry)
    }

    fn place(&mut self, hash: KeyHash, entry: Entry) -> Position {
        let may_expire = entry.borrow().may_expire();
        let at = self.home(hash);
        let bucket = self.bucket_mut(at);
        if may_expire {
            bucket.set_may_expire(true);
        }
        let address = entry.into_bits();
        let index = bucket.insert(hash, address);
        if let Some(walk) = &mut self.walk {
            walk.note_new(at, index);
        }
        self.stamp.changes += 1;
        Position::new(at, index, address)
    }

    /// Puts `entry`, of the same key, in place of the one at `position`, which is returned.
    pub fn replace(&mut self, position: &mut Position, entry: Entry) -> Entry {
        debug_assert_eq!(self.get(*position).key(), entry.borrow().key());
        self.before_change(*position);
        if entry.borrow().may_expire() {
            self.mark_may_expire(*position);
        }
        position.address = entry.into_bits();
        self.stamp.changes += 1;
        let old = self.bucket_mut(position.bucket()).replace(position.index(), position.address);
        // SAFETY: the address has left the table.
        unsafe { Entry::from_bits(old) }
    }

    /// Takes out the entry at `position`. Other positions are void afterwards.
    pub fn remove(&mut self, position: Position, hasher: &KeyHasher) -> Entry {
        self.before_change(position);
        let address = self.bucket_mut(position.bucket()).remove(position.index());
        self.len -= 1;
        self.stamp.changes += 1;
        if self.is_sparse() {
            self.shrink(hasher);
        }
        // SAFETY: the address has left the table.
        unsafe { Entry::from_bits(address) }
    }

    /// Builds the entry at `position` anew with another expiry, its boxed value moved rather than copied.
    pub fn rebuild(&mut self, position: &mut Position, expiry_ms: Option<i64>) {
        self.before_change(*position);
        // SAFETY: the new entry's address takes its place below before anyone can look.
        let old = unsafe { Entry::from_bits(position.address) };
        position.address = old.with_expiry(expiry_ms).into_bits();
        self.stamp.changes += 1;
        self.bucket_mut(position.bucket()).replace(position.index(), position.address);
    }

    /// Makes an empty table as large as so many entries need.
    pub fn expect(&mut self, entries: usize) {
        let buckets = entries * 10 / FILL;
        if self.len > 0 || self.walk.is_some() || buckets <= self.buckets {
            return;
        }
        (self.buckets + 1..=buckets).for_each(|count| self.make_room(count));
        self.set_buckets(buckets);
        self.stamp.changes += 1;
    }

    fn is_sparse(&self) -> bool {
        self.buckets > 1 && self.len * 10 < self.buckets * SPARSE
    }

    /// Takes buckets away that [`Table::expect`] has made for entries that did not come.
    pub fn settle(&mut self, hasher: &KeyHasher) {
        while self.is_sparse() {
            self.shrink(hasher);
        }
    }

    /// Adds one bucket and splits the one whose hashes it takes over.
    fn grow(&mut self, hasher: &KeyHasher) {
        let new = self.buckets;
        self.make_room(new + 1);
        self.set_buckets(new + 1);
        if new == 0 {
            return;
        }
        let low = new - (new + 1).next_power_of_two() / 2;
        // What moves into the new bucket was handed over with this one.
        self.hand_over_bucket(new);
        self.hand_over_bucket(low);
        self.rehash(low, hasher);
    }

    /// Takes the last bucket away; its entries go back to the bucket it was split from.
    fn shrink(&mut self, hasher: &KeyHasher) {
        let last = self.buckets - 1;
        self.hand_over_bucket(last);
        self.hand_over_bucket(last - self.buckets.next_power_of_two() / 2);
        self.set_buckets(last);
        self.rehash(last, hasher);
        let needed = last.div_ceil(SEGMENT);
        // One spare segment stays, so that a table at the border does not allocate with every other command.
        self.segments.truncate(needed + 1);
    }

    /// Empties bucket `at`, which may have become the one beyond the last, and places its entries anew.
    fn rehash(&mut self, at: usize, hasher: &KeyHasher) {
        let mut addresses = Vec::with_capacity(16);
        self.bucket_mut(at).drain_into(&mut addresses);
        self.stamp.changes += 1;
        for address in &addresses {
            prefetch(std::ptr::without_provenance(*address as usize));
        }
        for address in addresses {
            // SAFETY: the address has left the table in drain_into.
            let entry = unsafe { Entry::from_bits(address) };
            let hash = hasher.hash(entry.borrow().key());
            self.place(hash, entry);
        }
    }

    /// Sees to it that bucket `buckets - 1` exists. The first segment grows by doubling: most slots' tables are tiny.
    fn make_room(&mut self, buckets: usize) {
        let (segment, within) = ((buckets - 1) / SEGMENT, (buckets - 1) % SEGMENT);
        match self.segments.get_mut(segment) {
            Some(existing) if within < existing.len() => {}
            Some(existing) => {
                let mut larger = vec![Bucket::EMPTY; (within + 1).next_power_of_two()];
                larger[..existing.len()].copy_from_slice(existing);
                *existing = larger.into_boxed_slice();
            }
            None => {
                let len = if segment == 0 { (within + 1).next_power_of_two() } else { SEGMENT };
                self.segments.reserve_exact(1);
                self.segments.push(vec![Bucket::EMPTY; len].into_boxed_slice());
            }
        }
    }

    /// Visits the entries of the buckets that `cursor` names and returns the next cursor, 0 at the end.
    ///
    /// The cursor counts in reverse binary order, so that it stays valid while the table grows and shrinks: an entry that is
    /// there from the first to the last call is visited at least once.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(EntryRef<'_>)) -> u64 {
        if self.buckets == 0 {
            return 0;
        }
        // The smaller span, whose buckets all exist; those beyond it were split off from the first ones.
        let span = if self.buckets.is_power_of_two() { self.buckets } else { self.buckets.next_power_of_two() / 2 };
        let mask = (span - 1) as u64;
        let mut at = (cursor & mask) as usize;
        while at < self.buckets {
            // SAFETY: the table owns the entries and is borrowed.
            self.bucket(at).for_each(|_, address| visit(unsafe { EntryRef::from_bits(address) }));
            at += span;
        }
        // Reverse-binary increment of the masked bits.
        let mut next = cursor | !mask;
        next = next.reverse_bits();
        next = next.wrapping_add(1);
        next.reverse_bits()
    }

    /// Visits the entries of bucket `at` (modulo their number) if one may expire, and clears that flag if `visit` says of none
    /// that it has an expiry. True if the bucket was looked at.
    pub fn visit_expiring(&mut self, at: usize, mut visit: impl FnMut(EntryRef<'_>) -> bool) -> bool {
        let at = at % self.buckets.max(1);
        if self.buckets == 0 || !self.bucket(at).may_expire() {
            return false;
        }
        let mut any = false;
        // SAFETY: the table owns the entries and is borrowed.
        self.bucket(at).for_each(|_, address| any |= visit(unsafe { EntryRef::from_bits(address) }));
        self.bucket_mut(at).set_may_expire(any);
        true
    }

    /// Visits every entry.
    pub fn for_each(&self, mut visit: impl FnMut(EntryRef<'_>)) {
        for at in 0..self.buckets {
            // SAFETY: the table owns the entries and is borrowed.
            self.bucket(at).for_each(|_, address| visit(unsafe { EntryRef::from_bits(address) }));
        }
    }

    /// An entry chosen at random: a random bucket, kept with a probability that grows with its entries, then a random entry of it.
    /// Each entry of a bucket of up to [`FAIR_LEN`] is equally likely.
    pub fn random(&self, rng: &mut Rng) -> Option<EntryRef<'_>> {
        if self.len == 0 {
            return None;
        }
        let mut at = 0;
        for _ in 0..RANDOM_TRIES {
            at = rng.below(self.buckets as u64) as usize;
            if rng.below(FAIR_LEN) < self.bucket(at).len() as u64 {
                break;
            }
        }
        while self.bucket(at).len() == 0 {
            at = (at + 1) % self.buckets;
        }
        let mut left = rng.below(self.bucket(at).len() as u64);
        let mut chosen = 0;
        self.bucket(at).for_each(|_, address| {
            if left == 0 {
                chosen = address;
            }
            left = left.wrapping_sub(1);
        });
        // SAFETY: the table owns the entry and is borrowed.
        Some(unsafe { EntryRef::from_bits(chosen) })
    }

    /// Visits up to `count` entries (with `expiring`: of those that have an expiry) from a random place on, in no more than
    /// `buckets_max` buckets. Returns how many it visited. Which of a bucket's entries come first is random too.
    pub fn sample(&self, rng: &mut Rng, count: usize, expiring: bool, buckets_max: usize, mut visit: impl FnMut(EntryRef<'_>)) -> usize {
        if self.buckets == 0 {
            return 0;
        }
        let mut at = rng.below(self.buckets as u64) as usize;
        let mut visited = 0;
        let mut addresses: SmallVec<[u64; 16]> = SmallVec::new();
        for _ in 0..self.buckets.min(buckets_max) {
            let bucket = self.bucket(at);
            at = if at + 1 == self.buckets { 0 } else { at + 1 };
            if expiring && !bucket.may_expire() {
                continue;
            }
            addresses.clear();
            bucket.for_each(|_, address| addresses.push(address));
            if addresses.is_empty() {
                continue;
            }
            let len = addresses.len() as u64;
            addresses.rotate_left(rng.below(len) as usize);
            // All of them at once rather than one cache miss after the other.
            addresses.iter().take(count - visited).for_each(|address| prefetch(std::ptr::without_provenance(*address as usize)));
            for address in &addresses {
                // SAFETY: the table owns the entry and is borrowed.
                let entry = unsafe { EntryRef::from_bits(*address) };
                if expiring && entry.expiry_ms().is_none() {
                    continue;
                }
                visit(entry);
                visited += 1;
                if visited == count {
                    return visited;
                }
            }
        }
        visited
    }

    /// Gives all room back if there is no entry. Not done by [`Table::remove`]: a key that comes and goes would allocate each time.
    /// True if there was room to give back.
    pub fn release_if_empty(&mut self) -> bool {
        let releases = self.len == 0 && self.buckets > 0;
        if releases {
            *self = Table::default();
        }
        releases
    }

    /// Bytes that the table itself takes, entries excluded and chains estimated away.
    pub fn overhead_bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.len() * 64 + 16).sum()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let mut addresses = Vec::new();
        for segment in &mut self.segments {
            for bucket in segment.iter_mut() {
                bucket.drain_into(&mut addresses);
                for address in addresses.drain(..) {
                    // SAFETY: the address has left the table.
                    drop(unsafe { Entry::from_bits(address) });
                }
            }
        }
    }
}

/// Most entries lie across two lines.
#[inline]
fn prefetch_lines(address: u64) {
    let first: *const u8 = std::ptr::without_provenance(address as usize);
    prefetch(first);
    prefetch(first.wrapping_add(64));
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::super::entry::{Encoding, NewValue, ValueRef};
    use super::{Ahead, Entry, KeyHasher, SPARSE, Table};
    use crate::base::rng::Rng;

    /// Miri takes minutes for what otherwise takes milliseconds.
    const MUCH: usize = if cfg!(miri) { 50 } else { 2000 };

    fn entry(key: &[u8], value: i64) -> Entry {
        Entry::new(key, NewValue::Int(value), None, 0)
    }

    #[derive(Debug, Clone)]
    enum Op {
        Set(u16, i64),
        Remove(u16),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![3 => (0..600u16, any::<i64>()).prop_map(|(k, v)| Op::Set(k, v)), 2 => (0..600u16).prop_map(Op::Remove)];
        prop::collection::vec(op, 0..MUCH)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn behaves_like_a_map(ops in ops(), seed: u64, expected in 0..2 * MUCH) {
            let hasher = KeyHasher::new(seed);
            let mut table = Table::default();
            table.expect(expected);
            let mut model = BTreeMap::new();
            for op in ops {
                match op {
                    Op::Set(k, v) => {
                        let key = format!("key:{k}");
                        let hash = hasher.hash(key.as_bytes());
                        match table.find(hash, key.as_bytes()) {
                            Some(mut position) => drop(table.replace(&mut position, entry(key.as_bytes(), v))),
                            None => drop(table.insert(hash, entry(key.as_bytes(), v), &hasher)),
                        }
                        model.insert(key, v);
                    }
                    Op::Remove(k) => {
                        let key = format!("key:{k}");
                        let position = table.find(hasher.hash(key.as_bytes()), key.as_bytes());
                        prop_assert_eq!(position.is_some(), model.remove(&key).is_some());
                        if let Some(position) = position {
                            let removed = table.remove(position, &hasher);
                            prop_assert_eq!(removed.borrow().key(), key.as_bytes());
                        }
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            table.settle(&hasher);
            prop_assert!(table.buckets() <= 1 || table.len() * 10 >= table.buckets() * SPARSE);
            for (key, value) in &model {
                let position = table.find(hasher.hash(key.as_bytes()), key.as_bytes());
                let Some(position) = position else { panic!("{key} is lost") };
                prop_assert!(matches!(table.get(position).value(), ValueRef::Int(number) if number == *value));
            }
            let mut cursor = 0;
            let mut seen = BTreeSet::new();
            loop {
                cursor = table.scan(cursor, |entry| { seen.insert(String::from_utf8_lossy(entry.key()).into_owned()); });
                if cursor == 0 { break; }
            }
            prop_assert_eq!(seen, model.into_keys().collect::<BTreeSet<_>>());
        }

        #[test]
        fn a_scan_sees_what_stays_while_the_table_grows_and_shrinks(stay in 1..MUCH / 10, churn in 0..MUCH / 5 * 2, every in 1..7usize, seed: u64) {
            let hasher = KeyHasher::new(seed);
            let mut table = Table::default();
            let put = |table: &mut Table, key: &str| {
                let hash = hasher.hash(key.as_bytes());
                if table.find(hash, key.as_bytes()).is_none() { table.insert(hash, entry(key.as_bytes(), 0), &hasher); }
            };
            for k in 0..stay { put(&mut table, &format!("stay:{k}")); }
            let (mut cursor, mut seen, mut step) = (0, BTreeSet::new(), 0);
            loop {
                cursor = table.scan(cursor, |entry| { seen.insert(entry.key().to_vec()); });
                if cursor == 0 { break; }
                step += 1;
                if step % every == 0 {
                    let growing = (step / every) % 2 == 1;
                    for k in 0..churn {
                        let key = format!("churn:{k}");
                        if growing { put(&mut table, &key); }
                        else if let Some(position) = table.find(hasher.hash(key.as_bytes()), key.as_bytes()) { table.remove(position, &hasher); }
                    }
                }
                prop_assert!(step < 100_000);
            }
            for k in 0..stay { let key = format!("stay:{k}"); prop_assert!(seen.contains(key.as_bytes())); }
        }
    }

    #[test]
    fn a_hint_is_used_only_while_nothing_moved() {
        let hasher = KeyHasher::new(3);
        let key = |number: usize| format!("key:{number}").into_bytes();
        let filled = || {
            let mut table = Table::default();
            for number in 0..MUCH.min(300) {
                table.insert(hasher.hash(&key(number)), entry(&key(number), 1), &hasher);
            }
            table
        };
        let hint_for = |table: &Table, key: &[u8]| match table.prefetch_entry(hasher.hash(key)) {
            Ahead::Entry(hint) => Some(hint),
            Ahead::Chain => table.prefetch_chained_entry(hasher.hash(key)),
            Ahead::Nothing => None,
        };
        // What happens between taking the hint for key 7 and using it, and whether the key is there then.
        let changes: [(&str, fn(&mut Table, &KeyHasher, &[u8]), bool); 6] = [
            ("nothing", |_, _, _| {}, true),
            (
                "replaced",
                |table, hasher, key| {
                    let mut position = table.find(hasher.hash(key), key).expect("there");
                    drop(table.replace(&mut position, entry(key, 2)));
                },
                true,
            ),
            (
                "rebuilt",
                |table, hasher, key| {
                    let mut position = table.find(hasher.hash(key), key).expect("there");
                    table.rebuild(&mut position, Some(5));
                },
                true,
            ),
            (
                "removed",
                |table, hasher, key| {
                    let position = table.find(hasher.hash(key), key).expect("there");
                    drop(table.remove(position, hasher));
                },
                false,
            ),
            (
                "grown",
                |table, hasher, _| {
                    for other in (1000..1000 + MUCH).map(usize::to_le_bytes) {
                        table.insert(hasher.hash(&other), entry(&other, 1), hasher);
                    }
                },
                true,
            ),
            ("another table", |table, _, _| drop(std::mem::take(table)), false),
        ];
        for (name, change, stays) in changes {
            let mut table = filled();
            let key = key(7);
            let hint = hint_for(&table, &key);
            assert!(hint.is_some());
            change(&mut table, &hasher, &key);
            let found = table.find_from(hint.as_ref(), hasher.hash(&key), &key);
            assert_eq!(found, table.find(hasher.hash(&key), &key), "{name}");
            assert_eq!(found.is_some(), stays, "{name}");
            assert!(found.is_none_or(|position| table.get(position).key() == key), "{name}");
        }
    }

    #[test]
    fn random_reaches_every_entry() {
        let hasher = KeyHasher::new(1);
        let mut rng = Rng::new(2);
        let mut table = Table::default();
        assert!(table.random(&mut rng).is_none());
        let keys: BTreeSet<Vec<u8>> = (0..MUCH as u32 / 100).map(|k| format!("k{k}").into_bytes()).collect();
        for key in &keys {
            table.insert(hasher.hash(key), Entry::new(key, NewValue::Bytes(b"v", Encoding::Embstr), None, 0), &hasher);
        }
        let seen: BTreeSet<Vec<u8>> = (0..MUCH).filter_map(|_| table.random(&mut rng).map(|entry| entry.key().to_vec())).collect();
        assert_eq!(seen, keys);
    }
}
