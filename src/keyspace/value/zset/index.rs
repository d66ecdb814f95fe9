//! Which leaf holds a member: linear hashing, as in [`crate::keyspace::table`], over buckets of one cache line.
//!
//! ```text
//! bucket  fifteen words | u32 first bucket for what does not fit (its number and one)
//! rest    seven words   | u32 next one
//! word    8 bits of the member's hash | 24 bits: the leaf's number and one      (0: free)
//! ```
//! A word does not say which member it stands for: two with the same hash bits in the same leaf are interchangeable. Free words come
//! last in a chain. When a bucket is split, the leaves say which of its members move.
//!
//! Invariant: the words of a bucket are those of all members whose hashes choose it.

use smallvec::SmallVec;

use super::arena::Arena;
use crate::keyspace::bucket::prefetch;
use crate::keyspace::hash::KeyHash;

/// Words of a bucket.
const WORDS: usize = 15;
/// Words of what takes the rest.
const REST_WORDS: usize = 7;
/// Mean words per bucket at which a bucket is added.
const FILL: usize = 13;
/// Mean words per bucket below which one is taken away.
const SPARSE: usize = 6;
/// Numbers of leaves must be below this.
pub(super) const LEAVES_MAX: usize = (1 << 24) - 1;

type Bucket = [u32; WORDS + 1];
type Rest = [u32; REST_WORDS + 1];
pub(super) type Words = SmallVec<[u32; 32]>;

/// See the module's page.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    buckets: Arena<Bucket>,
    rests: Arena<Rest>,
    count: usize,
    len: usize,
}

/// What the index asks of the leaves when it splits a bucket.
pub(super) trait Members {
    /// Calls `visit` with the hash of each member with these bits in a leaf.
    fn hashes_of(&self, mark: u8, leaf: u32, visit: &mut dyn FnMut(KeyHash));
    /// Reads what [`Members::hashes_of`] will look at, and gives something that depends on it.
    fn touch(&self, leaf: u32) -> usize;
}

/// The word of a member with this hash in this leaf.
#[inline]
pub(super) fn word(hash: KeyHash, leaf: u32) -> u32 {
    u32::from(hash.fingerprint()) << 24 | (leaf + 1)
}

/// The hash bits and the leaf of a word.
#[inline]
pub(super) fn parts(word: u32) -> (u8, u32) {
    ((word >> 24) as u8, (word & 0x00ff_ffff) - 1)
}

fn home_among(count: usize, hash: KeyHash) -> usize {
    let span = count.next_power_of_two();
    let at = hash.bucket_bits() as usize & (span - 1);
    if at < count { at } else { at - span / 2 }
}

impl Index {
    pub(super) fn buckets(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        self.buckets.bytes() + self.rests.bytes()
    }

    #[inline]
    pub(super) fn home(&self, hash: KeyHash) -> usize {
        home_among(self.count, hash)
    }

    /// Asks the processor for the bucket of a member with this hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash) {
        if self.count > 0 {
            prefetch(std::ptr::from_ref(self.buckets.get(self.home(hash) as u32)).cast());
        }
    }

    /// Calls `look` with the leaf of each word that has the hash's bits, until it gives something.
    #[inline]
    pub(super) fn find<R>(&self, hash: KeyHash, mut look: impl FnMut(u32) -> Option<R>) -> Option<R> {
        if self.count == 0 {
            return None;
        }
        let mark = u32::from(hash.fingerprint());
        let bucket = self.buckets.get(self.home(hash) as u32);
        for word in &bucket[..WORDS] {
            if word >> 24 == mark
                && let Some(found) = look((word & 0x00ff_ffff) - 1)
            {
                return Some(found);
            }
        }
        let mut next = bucket[WORDS];
        while next != 0 {
            let rest = self.rests.get(next - 1);
            for word in &rest[..REST_WORDS] {
                if word >> 24 == mark
                    && let Some(found) = look((word & 0x00ff_ffff) - 1)
                {
                    return Some(found);
                }
            }
            next = rest[REST_WORDS];
        }
        None
    }

    /// The words of bucket `at`.
    pub(super) fn words(&self, at: usize) -> Words {
        let bucket = self.buckets.get(at as u32);
        let mut words: Words = bucket[..WORDS].iter().copied().filter(|word| *word != 0).collect();
        let mut next = bucket[WORDS];
        while next != 0 {
            let rest = self.rests.get(next - 1);
            words.extend(rest[..REST_WORDS].iter().copied().filter(|word| *word != 0));
            next = rest[REST_WORDS];
        }
        words
    }

    fn add(&mut self, at: usize, word: u32) {
        let bucket = self.buckets.get_mut(at as u32);
        if let Some(free) = bucket[..WORDS].iter_mut().find(|word| **word == 0) {
            *free = word;
            return;
        }
        let first = bucket[WORDS];
        // Only the first of the rests has free words.
        if first != 0
            && let Some(free) = self.rests.get_mut(first - 1)[..REST_WORDS].iter_mut().find(|word| **word == 0)
        {
            *free = word;
            return;
        }
        let mut rest = Rest::default();
        (rest[0], rest[REST_WORDS]) = (word, first);
        self.buckets.get_mut(at as u32)[WORDS] = self.rests.add(rest) + 1;
    }

    /// The place of a word in the chain of bucket `at`.
    fn slot(&mut self, at: usize, word: u32) -> &mut u32 {
        let bucket = self.buckets.get(at as u32);
        if let Some(index) = bucket[..WORDS].iter().position(|other| *other == word) {
            return &mut self.buckets.get_mut(at as u32)[index];
        }
        let mut next = bucket[WORDS];
        loop {
            let rest = self.rests.get(next.checked_sub(1).expect("a member that is there is in the index"));
            if let Some(index) = rest[..REST_WORDS].iter().position(|other| *other == word) {
                return &mut self.rests.get_mut(next - 1)[index];
            }
            next = rest[REST_WORDS];
        }
    }

    /// Sets room aside for so many more members. Those that are in the index must be in their leaves.
    pub(super) fn reserve(&mut self, more: usize, members: &impl Members) {
        while self.len + more > self.count * FILL {
            self.grow(members);
        }
    }

    /// Notes that a member comes into a leaf, for which room was set aside. It must be there before room is set aside again.
    pub(super) fn insert(&mut self, hash: KeyHash, leaf: u32) {
        self.len += 1;
        self.add(self.home(hash), word(hash, leaf));
    }

    /// Notes that a member moved from one leaf to another.
    pub(super) fn replace(&mut self, hash: KeyHash, from: u32, to: u32) {
        *self.slot(self.home(hash), word(hash, from)) = word(hash, to);
    }

    /// Forgets a member.
    pub(super) fn remove(&mut self, hash: KeyHash, leaf: u32) {
        let home = self.home(hash);
        let last = self.take_last(home);
        let gone = word(hash, leaf);
        if last != gone {
            *self.slot(home, gone) = last;
        }
        self.len -= 1;
        if self.count > 1 && self.len < self.count * SPARSE {
            self.shrink();
        }
    }

    /// Takes a word of bucket `at`: one of the first of the rests, if there are any, so that only that one has free words.
    fn take_last(&mut self, at: usize) -> u32 {
        let bucket = self.buckets.get_mut(at as u32);
        let first = bucket[WORDS];
        let last_of = |words: &mut [u32]| words.iter_mut().rfind(|word| **word != 0).map(std::mem::take);
        if first == 0 {
            return last_of(&mut bucket[..WORDS]).expect("a member that is there is in the index");
        }
        let rest = self.rests.get_mut(first - 1);
        let word = last_of(&mut rest[..REST_WORDS]).expect("none of the rests is empty");
        if rest[0] == 0 {
            let next = rest[REST_WORDS];
            self.rests.remove(first - 1);
            self.buckets.get_mut(at as u32)[WORDS] = next;
        }
        word
    }

    /// Takes all words of bucket `at`.
    fn take(&mut self, at: usize) -> Words {
        let words = self.words(at);
        let mut next = std::mem::take(self.buckets.get_mut(at as u32))[WORDS];
        while next != 0 {
            next = self.rests.remove(next - 1)[REST_WORDS];
        }
        words
    }

    /// Adds a bucket and splits the one whose hashes it takes over.
    fn grow(&mut self, members: &impl Members) {
        let new = self.count;
        self.buckets.add(Bucket::default());
        self.count += 1;
        if new == 0 {
            return;
        }
        let low = new - self.count.next_power_of_two() / 2;
        let mut words = self.take(low);
        // The processor waits for all of these leaves together; in the loop below it would wait for one after the other.
        std::hint::black_box(words.iter().fold(0, |sum, word| sum ^ members.touch(parts(*word).1)));
        words.sort_unstable();
        let mut words = &words[..];
        while let [word, ..] = *words {
            let alike = words.iter().take_while(|other| **other == word).count();
            let (mark, leaf) = parts(word);
            let mut placed = 0;
            members.hashes_of(mark, leaf, &mut |hash| {
                if home_among(new, hash) == low {
                    self.add(self.home(hash), word);
                    placed += 1;
                }
            });
            assert_eq!(placed, alike, "index and leaves agree");
            words = &words[alike..];
        }
    }

    /// Takes the last bucket away; its words go back to the one it was split from.
    fn shrink(&mut self) {
        let last = self.count - 1;
        let words = self.take(last);
        self.count -= 1;
        self.buckets.remove_last();
        let low = last - (last + 1).next_power_of_two() / 2;
        for word in words {
            self.add(low, word);
        }
    }

    /// Calls `visit` with the number of each bucket that `cursor` names and returns the next cursor, 0 at the end: see
    /// [`crate::keyspace::table::Table::scan`].
    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(usize)) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let span = if self.count.is_power_of_two() { self.count } else { self.count.next_power_of_two() / 2 };
        let mask = (span - 1) as u64;
        let mut at = (cursor & mask) as usize;
        while at < self.count {
            visit(at);
            at += span;
        }
        (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }
}
