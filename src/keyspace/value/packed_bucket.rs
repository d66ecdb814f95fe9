//! A bucket of a packed table: records behind each other in one allocation.
//!
//! ```text
//! bucket  u16 number of records | records | a byte of each record's hash
//! record  as many items as the table's arity says | expiry, if it has one
//! expiry  0xe6, i64 unix milliseconds
//! outside 0xe5, u32 number, u64 hash: a long record has an allocation of its own, so that changes of its neighbours do not move it
//! ```
//!
//! Invariants:
//! * No item begins with one of these two bytes ([`crate::datatypes::items`]), so that what lies at the place of a record says by itself
//!   what it is, and records without expiry pay nothing for those that have one.
//! * A record lies outside if and only if it is longer than [`RECORD_LEN_MAX`].

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::base::alloc;
use crate::base::limits::EFFORT_LEN;
use crate::datatypes::items::{self, Item, Packed};
use crate::keyspace::bucket::prefetch;
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// Bytes of a bucket's count.
const COUNT_LEN: usize = 2;
/// Longest record that lies inside its bucket.
const RECORD_LEN_MAX: usize = 512;
const CACHE_LINE: usize = 64;
/// Bytes of a bucket that are asked for before they are looked at.
const PREFETCH_LEN_MAX: usize = 1024;
/// Begins what stands for a record outside.
const OUTSIDE: u8 = 0xe5;
const OUTSIDE_LEN: usize = 13;
/// What a counted box takes beside its bytes.
const SHARED_LEN: usize = size_of::<Box<[u8]>>() + 2 * size_of::<usize>();
/// Begins a record's expiry.
const EXPIRY: u8 = 0xe6;
const EXPIRY_LEN: usize = 9;

/// A record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
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

    /// When it expires, unix milliseconds.
    #[inline]
    pub fn expiry_ms(self) -> Option<i64> {
        let (rest, number) = self.0.split_last_chunk()?;
        // The last item of a record may end in any bytes: only the items before tell where they end.
        if rest.last() != Some(&EXPIRY) {
            return None;
        }
        let mut at = 0;
        while at < rest.len() - 1 {
            at += items::form_len(&self.0[at..]);
        }
        (at == rest.len() - 1).then(|| i64::from_le_bytes(*number))
    }
}

/// Appends an expiry to what will be the rest of a record.
pub fn push_expiry(rest: &mut Packed, expiry_ms: i64) {
    rest.push(EXPIRY);
    rest.extend_from_slice(&expiry_ms.to_le_bytes());
}

/// Bytes of a bucket that are asked for ahead: a full one of short records.
const PREFETCHED_LEN: usize = 512;

/// A record outside: its bytes apart from the counter, so that they are not copied to it.
type Long = Arc<Box<[u8]>>;

/// The records of a bucket that have allocations of their own. Copies of the bucket share them: a record outside is never changed, but
/// replaced.
#[derive(Debug, Clone, Default)]
struct Outside {
    records: Vec<Option<Long>>,
    /// What the allocator set aside for them.
    bytes: usize,
}

/// A bucket's records.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    bytes: Vec<u8>,
    outside: Option<Box<Outside>>,
}

impl Clone for Bucket {
    fn clone(&self) -> Self {
        // With the same capacity: it is counted.
        let mut bytes = Vec::with_capacity(self.bytes.capacity());
        bytes.extend_from_slice(&self.bytes);
        Bucket { bytes, outside: self.outside.clone() }
    }
}

fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("a record is whole")
}

/// What the allocator sets aside for all of a record outside.
fn outside_len(record: &[u8]) -> usize {
    alloc::block_len(record.len()) + alloc::block_len(SHARED_LEN)
}

impl Bucket {
    /// Asks the processor for the records: most lie in the first lines.
    #[inline]
    pub(super) fn prefetch(&self) {
        for line in (0..self.bytes.len().min(PREFETCHED_LEN)).step_by(64) {
            prefetch(self.bytes.as_ptr().wrapping_add(line));
        }
    }

    /// A copy that takes no more than it needs.
    pub(super) fn packed(&self) -> Bucket {
        Bucket { bytes: self.bytes.as_slice().to_vec(), outside: self.outside.clone() }
    }

    /// Number of records.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize)
    }

    /// Memory that it owns. Its capacity is always a length that the allocator gives.
    pub(super) fn owned(&self) -> usize {
        let outside = self.outside.as_ref().map_or(0, |outside| {
            let slots = alloc::block_len(outside.records.len() * size_of::<Option<Long>>());
            alloc::block_len(size_of::<Outside>()) + slots + outside.bytes
        });
        self.bytes.capacity() + outside
    }

    /// What freeing it costs, in small allocations.
    pub(super) fn effort(&self) -> usize {
        1 + self.outside.as_ref().map_or(0, |outside| outside.records.len() + outside.bytes / EFFORT_LEN)
    }

    #[inline]
    fn marks(&self) -> &[u8] {
        &self.bytes[self.marks_at()..]
    }

    /// Where the records end.
    #[inline]
    fn marks_at(&self) -> usize {
        self.bytes.len() - self.count()
    }

    /// Where what lies at `at` ends.
    #[inline]
    fn end(&self, at: usize, arity: usize) -> usize {
        if self.bytes[at] == OUTSIDE {
            return at + OUTSIDE_LEN;
        }
        let mut end = at;
        for _ in 0..arity {
            end += items::form_len(&self.bytes[end..]);
        }
        if self.bytes[end..].first() == Some(&EXPIRY) && end < self.marks_at() { end + EXPIRY_LEN } else { end }
    }

    /// The record that lies there, or outside.
    #[inline]
    pub(super) fn record(&self, range: Range<usize>) -> Record<'_> {
        if self.bytes[range.start] == OUTSIDE { self.outside_record(range.start) } else { Record(&self.bytes[range]) }
    }

    #[cold]
    fn outside_record(&self, at: usize) -> Record<'_> {
        let slot = u32::from_le_bytes(number(&self.bytes[at + 1..])) as usize;
        let record = self.outside.as_ref().and_then(|outside| outside.records[slot].as_deref());
        Record(record.expect("its number stands in the bucket"))
    }

    /// Calls `visit` with each record and where it lies.
    pub(super) fn for_each<'a>(&'a self, arity: usize, mut visit: impl FnMut(Range<usize>, Record<'a>)) {
        if self.bytes.is_empty() {
            return;
        }
        let mut at = COUNT_LEN;
        for _ in 0..self.count() {
            let end = self.end(at, arity);
            visit(at..end, self.record(at..end));
            at = end;
        }
    }

    /// The range of record `index`.
    #[inline]
    pub(super) fn range(&self, index: usize, arity: usize) -> Range<usize> {
        let mut start = COUNT_LEN;
        for _ in 0..index {
            start = self.end(start, arity);
        }
        start..self.end(start, arity)
    }

    /// Number and place of the record whose key has this form.
    #[inline]
    pub(super) fn find(&self, mark: u8, key: &[u8], arity: usize) -> Option<(usize, Range<usize>)> {
        if self.bytes.is_empty() {
            return None;
        }
        // The records are gone through one after the other: their lines come all at once.
        let first = self.bytes.as_ptr();
        (CACHE_LINE..self.bytes.len().min(PREFETCH_LEN_MAX)).step_by(CACHE_LINE).for_each(|line| prefetch(first.wrapping_add(line)));
        let (mut at, mut passed) = (COUNT_LEN, 0);
        for index in memchr::memchr_iter(mark, self.marks()) {
            for _ in passed..index {
                at = self.end(at, arity);
            }
            passed = index;
            let bytes = &self.bytes[at..];
            if bytes.starts_with(key) || bytes[0] == OUTSIDE && self.outside_record(at).0.starts_with(key) {
                return Some((index, at..self.end(at, arity)));
            }
        }
        None
    }

    /// Makes room for `more` bytes: as much as the allocator gives anyhow.
    pub(super) fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(alloc::block_len(needed) - self.bytes.len());
        }
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("hashes spread over the buckets");
        self.bytes[..COUNT_LEN].copy_from_slice(&count.to_le_bytes());
    }

    /// Adds a record whose key is not there.
    pub(super) fn push(&mut self, hash: KeyHash, record: &[u8]) {
        if record.len() > RECORD_LEN_MAX {
            self.push_outside(hash, Arc::new(record.into()));
        } else {
            self.push_bytes(hash.fingerprint(), record);
        }
    }

    fn push_bytes(&mut self, mark: u8, record: &[u8]) {
        let count = self.count();
        self.reserve(record.len() + 1 + if self.bytes.is_empty() { COUNT_LEN } else { 0 });
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; COUNT_LEN]);
        }
        // Only the marks move.
        let (at, end) = (self.marks_at(), self.bytes.len());
        self.bytes.extend_from_slice(record);
        self.bytes.copy_within(at..end, at + record.len());
        self.bytes[at..at + record.len()].copy_from_slice(record);
        self.bytes.push(mark);
        self.set_count(count + 1);
    }

    fn push_outside(&mut self, hash: KeyHash, record: Long) {
        let stub = self.put_outside(hash, record);
        self.push_bytes(hash.fingerprint(), &stub);
    }

    /// Keeps a record outside. What stands for it.
    fn put_outside(&mut self, hash: KeyHash, record: Long) -> [u8; OUTSIDE_LEN] {
        let outside = self.outside.get_or_insert_default();
        outside.bytes += outside_len(&record);
        let slot = outside.records.iter().position(Option::is_none).unwrap_or(outside.records.len());
        match outside.records.get_mut(slot) {
            Some(free) => *free = Some(record),
            None => outside.records.push(Some(record)),
        }
        let mut stub = [OUTSIDE; OUTSIDE_LEN];
        stub[1..5].copy_from_slice(&(slot as u32).to_le_bytes());
        stub[5..].copy_from_slice(&hash.0.to_le_bytes());
        stub
    }

    /// Takes the record outside for which something stands at `at`, if that is so.
    fn take_outside(&mut self, at: usize) -> Option<Long> {
        if self.bytes[at] != OUTSIDE {
            return None;
        }
        let slot = u32::from_le_bytes(number(&self.bytes[at + 1..])) as usize;
        let outside = self.outside.as_mut()?;
        let record = outside.records[slot].take()?;
        outside.bytes -= outside_len(&record);
        if outside.records.iter().all(Option::is_none) {
            self.outside = None;
        }
        Some(record)
    }

    /// Replaces what follows the key of a record.
    pub(super) fn set_rest(&mut self, hash: KeyHash, place: Range<usize>, rest: &[u8]) {
        let key_len = self.record(place.clone()).key_form().len();
        let is_inside = self.bytes[place.start] != OUTSIDE;
        if is_inside && key_len + rest.len() <= RECORD_LEN_MAX {
            let start = place.start + key_len;
            self.reserve(rest.len().saturating_sub(place.end - start));
            items::splice(&mut self.bytes, start..place.end, rest);
            return;
        }
        let record = [self.record(place.clone()).key_form(), rest].concat();
        self.take_outside(place.start);
        let stub;
        let with: &[u8] = if record.len() > RECORD_LEN_MAX {
            stub = self.put_outside(hash, Arc::new(record.into_boxed_slice()));
            &stub
        } else {
            &record
        };
        self.reserve(with.len().saturating_sub(place.len()));
        items::splice(&mut self.bytes, place, with);
    }

    /// Takes record `index`, which lies at `place`, out.
    pub(super) fn remove(&mut self, index: usize, place: Range<usize>) {
        let count = self.count();
        self.take_outside(place.start);
        let mark_at = self.marks_at() + index;
        self.bytes.remove(mark_at);
        self.bytes.drain(place);
        self.set_count(count - 1);
        if count == 1 {
            self.bytes = Vec::new();
        } else if self.bytes.len() * 4 < self.bytes.capacity() * 3 {
            let block_len = alloc::block_len(self.bytes.len());
            if block_len * 4 < self.bytes.capacity() * 3 {
                self.bytes.shrink_to(block_len);
            }
        }
    }

    /// Distributes all records over two buckets, which get the room that they need at once: to the second those of which `goes` says so.
    pub(super) fn split(self, arity: usize, hasher: &KeyHasher, goes: impl Fn(KeyHash) -> bool, to: [&mut Bucket; 2]) {
        let [stay, leave] = to;
        let mut records: SmallVec<[(KeyHash, bool, Range<usize>); 64]> = SmallVec::new();
        let mut lens = [0, 0];
        self.for_each(arity, |place, record| {
            let hash = match self.bytes[place.start] {
                OUTSIDE => KeyHash(u64::from_le_bytes(number(&self.bytes[place.start + 5..]))),
                _ => hasher.hash(record.key_form()),
            };
            let goes = goes(hash);
            lens[usize::from(goes)] += place.len() + 1;
            records.push((hash, goes, place));
        });
        let mut old = self;
        for (bucket, len) in [(&mut *stay, lens[0]), (&mut *leave, lens[1])] {
            if len > 0 {
                bucket.reserve(len + if bucket.bytes.is_empty() { COUNT_LEN } else { 0 });
            }
        }
        for (hash, goes, place) in records {
            let bucket = if goes { &mut *leave } else { &mut *stay };
            match old.take_outside(place.start) {
                Some(record) => bucket.push_outside(hash, record),
                None => bucket.push_bytes(hash.fingerprint(), &old.bytes[place]),
            }
        }
    }
}
