//! A bucket of the table: one cache line of nine places, and the chain of what did not fit.
//!
//! ```text
//! bytes 0..9    fingerprints, 0 = free
//!       9       flags: CHAINED, MAY_EXPIRE
//!       10..64  nine addresses of 48 bits (little endian)
//! ```
//! Nine places of 6 bytes rather than seven of 8: at the same number of cache lines per lookup the table takes 10.3 instead of
//! 13 bytes per key, because a fuller bucket overflows less often and chains are sized to their content.
//!
//! Invariants:
//! * CHAINED: the last place holds the address of a [`Chain`] with at least one word, and its fingerprint is 0.
//! * A word (place or chain) is an entry's address in bits 0..48; in chains bits 48..56 hold the fingerprint.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};

use super::hash::KeyHash;

/// Places of a bucket.
pub(super) const PLACES: usize = 9;
const CHAIN_PLACE: usize = PLACES - 1;
const CHAINED: u8 = 1;
const MAY_EXPIRE: u8 = 2;
const ADDRESS_MASK: u64 = (1 << 48) - 1;

/// What to load before an entry can be looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Candidate {
    /// The entry at this address.
    Entry(u64),
    /// The chain at this address, which says where the entry is.
    Chain(u64),
    /// Nothing: there is no such entry.
    None,
}

/// One cache line of the table.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Bucket([u8; 64]);

impl Bucket {
    pub(super) const EMPTY: Bucket = Bucket([0; 64]);

    #[inline]
    fn flag(&self, flag: u8) -> bool {
        self.0[PLACES] & flag != 0
    }

    pub(super) fn may_expire(&self) -> bool {
        self.flag(MAY_EXPIRE)
    }

    pub(super) fn set_may_expire(&mut self, yes: bool) {
        self.0[PLACES] = (self.0[PLACES] & !MAY_EXPIRE) | if yes { MAY_EXPIRE } else { 0 };
    }

    #[inline]
    fn address(&self, place: usize) -> u64 {
        // The 8 bytes that end with the address: for every place they lie within the line.
        let at = 8 + 6 * place;
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("8 bytes")) >> 16
    }

    #[inline]
    fn set_place(&mut self, place: usize, fingerprint: u8, address: u64) {
        self.0[place] = fingerprint;
        let at = 10 + 6 * place;
        self.0[at..at + 6].copy_from_slice(&address.to_le_bytes()[..6]);
    }

    #[inline]
    fn chain(&self) -> Option<Chain> {
        self.flag(CHAINED).then(|| Chain(std::ptr::with_exposed_provenance_mut(self.address(CHAIN_PLACE) as usize)))
    }

    /// Index and address of the first entry that has the fingerprint of `hash` and is the right one. Indices 0..9 are places, from 9
    /// on the chain.
    #[inline]
    pub(super) fn find(&self, hash: KeyHash, mut is_it: impl FnMut(u64) -> bool) -> Option<(usize, u64)> {
        let fingerprint = hash.fingerprint();
        self.find_in_places(fingerprint, &mut is_it).or_else(|| self.find_in_chain(fingerprint, is_it))
    }

    #[inline]
    fn find_in_places(&self, fingerprint: u8, mut is_it: impl FnMut(u64) -> bool) -> Option<(usize, u64)> {
        let first = u64::from_le_bytes(self.0[..8].try_into().expect("8 bytes"));
        // Zero bytes of x are candidates; a borrow may add false ones above a true one, which `is_it` sorts out.
        let x = first ^ (u64::from(fingerprint) * 0x0101_0101_0101_0101);
        let mut hits = x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080;
        while hits != 0 {
            let place = (hits.trailing_zeros() / 8) as usize;
            let address = self.address(place);
            if self.0[place] == fingerprint && is_it(address) {
                return Some((place, address));
            }
            hits &= hits - 1;
        }
        if self.0[8] == fingerprint && is_it(self.address(8)) {
            return Some((8, self.address(8)));
        }
        None
    }

    /// One entry in eight is in a chain: not worth the room in every caller.
    #[inline(never)]
    fn find_in_chain(&self, fingerprint: u8, mut is_it: impl FnMut(u64) -> bool) -> Option<(usize, u64)> {
        let chain = self.chain()?;
        let fits = |word: &u64| (word >> 48) as u8 == fingerprint && is_it(word & ADDRESS_MASK);
        let words = chain.words();
        let position = words.iter().position(fits)?;
        Some((PLACES + position, words[position] & ADDRESS_MASK))
    }

    /// The address of the first entry whose fingerprint fits, without looking at the entry: for prefetching. If it must be in the
    /// chain, that of the chain.
    #[inline]
    pub(super) fn candidate(&self, hash: KeyHash) -> Candidate {
        match self.find_in_places(hash.fingerprint(), |_| true) {
            Some((_, address)) => Candidate::Entry(address),
            None if self.flag(CHAINED) => Candidate::Chain(self.address(CHAIN_PLACE)),
            None => Candidate::None,
        }
    }

    /// The same for a bucket whose chain is at hand.
    pub(super) fn candidate_in_chain(&self, hash: KeyHash) -> Option<u64> {
        self.find_in_chain(hash.fingerprint(), |_| true).map(|(_, address)| address)
    }

    /// The address at `index`, which must be taken.
    #[inline]
    pub(super) fn get(&self, index: usize) -> u64 {
        if index < PLACES {
            debug_assert!(self.0[index] != 0);
            return self.address(index);
        }
        self.chain().expect("an index beyond the places is in the chain").words()[index - PLACES] & ADDRESS_MASK
    }

    /// Puts another address in place of the one at `index`; the key, and so the fingerprint, stays. Returns the old one.
    pub(super) fn replace(&mut self, index: usize, address: u64) -> u64 {
        let old = self.get(index);
        if index < PLACES {
            self.set_place(index, self.0[index], address);
        } else {
            let mut chain = self.chain().expect("checked by get");
            let word = &mut chain.words_mut()[index - PLACES];
            *word = (*word & !ADDRESS_MASK) | address;
        }
        old
    }

    /// Adds an address. Returns its index.
    pub(super) fn insert(&mut self, hash: KeyHash, address: u64) -> usize {
        let places = if self.flag(CHAINED) { CHAIN_PLACE } else { PLACES };
        if let Some(place) = self.0[..places].iter().position(|fingerprint| *fingerprint == 0) {
            self.set_place(place, hash.fingerprint(), address);
            return place;
        }
        let word = (u64::from(hash.fingerprint()) << 48) | address;
        let chain = match self.chain() {
            Some(chain) => chain.push(word),
            None => {
                let moved = (u64::from(self.0[CHAIN_PLACE]) << 48) | self.address(CHAIN_PLACE);
                self.0[PLACES] |= CHAINED;
                Chain::new(moved).push(word)
            }
        };
        self.set_place(CHAIN_PLACE, 0, chain.address());
        PLACES + chain.words().len() - 1
    }

    /// Takes out the address at `index`. A chained one may move into the freed place.
    pub(super) fn remove(&mut self, index: usize) -> u64 {
        let address = self.get(index);
        let Some(mut chain) = self.chain() else {
            self.set_place(index, 0, 0);
            return address;
        };
        let words = chain.words_mut();
        let last = *words.last().expect("a chain is never empty");
        if index < PLACES {
            self.set_place(index, (last >> 48) as u8, last & ADDRESS_MASK);
        } else {
            words[index - PLACES] = last;
        }
        match chain.pop() {
            Some(chain) => self.set_place(CHAIN_PLACE, 0, chain.address()),
            None => {
                self.0[PLACES] &= !CHAINED;
                self.set_place(CHAIN_PLACE, 0, 0);
            }
        }
        address
    }

    /// Calls `visit` with index and address of each entry.
    #[inline]
    pub(super) fn for_each(&self, mut visit: impl FnMut(usize, u64)) {
        for place in 0..PLACES {
            if self.0[place] != 0 {
                visit(place, self.address(place));
            }
        }
        if let Some(chain) = self.chain() {
            for (position, word) in chain.words().iter().enumerate() {
                visit(PLACES + position, word & ADDRESS_MASK);
            }
        }
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.0[..PLACES].iter().filter(|fingerprint| **fingerprint != 0).count() + self.chain().map_or(0, |chain| chain.words().len())
    }

    /// Empties the bucket into `words` (addresses).
    pub(super) fn drain_into(&mut self, addresses: &mut Vec<u64>) {
        self.for_each(|_, address| addresses.push(address));
        if let Some(chain) = self.chain() {
            chain.free();
        }
        *self = Bucket::EMPTY;
    }
}

/// What does not fit a bucket: `[count, word, word, ...]`, sized to its content.
#[derive(Clone, Copy)]
struct Chain(*mut u64);

impl Chain {
    fn layout(words: usize) -> Layout {
        Layout::array::<u64>(words + 1).expect("a chain is short")
    }

    fn new(word: u64) -> Chain {
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(Self::layout(1)) }.cast::<u64>();
        if block.is_null() {
            handle_alloc_error(Self::layout(1));
        }
        // SAFETY: two words were allocated.
        unsafe {
            block.write(1);
            block.add(1).write(word);
        }
        Chain(block)
    }

    fn address(self) -> u64 {
        let address = self.0.expose_provenance() as u64;
        assert!(address >> 48 == 0, "user addresses fit 48 bits on every supported machine");
        address
    }

    fn count(self) -> usize {
        // SAFETY: a chain starts with its count.
        unsafe { self.0.read() as usize }
    }

    fn words(&self) -> &[u64] {
        // SAFETY: `count` words follow the count; the bucket that owns the chain is borrowed.
        unsafe { std::slice::from_raw_parts(self.0.add(1), self.count()) }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as words(), exclusively borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(1), self.count()) }
    }

    fn resize(self, words: usize) -> Chain {
        let (old, new) = (Self::layout(self.count()), Self::layout(words));
        // SAFETY: allocated with the layout of its count.
        let block = unsafe { realloc(self.0.cast(), old, new.size()) }.cast::<u64>();
        if block.is_null() {
            handle_alloc_error(new);
        }
        // SAFETY: at least one word is there.
        unsafe { block.write(words as u64) };
        Chain(block)
    }

    fn push(self, word: u64) -> Chain {
        let count = self.count();
        let mut chain = self.resize(count + 1);
        chain.words_mut()[count] = word;
        chain
    }

    /// Drops the last word; `None` if that was the only one.
    fn pop(self) -> Option<Chain> {
        let count = self.count();
        if count == 1 {
            self.free();
            return None;
        }
        Some(self.resize(count - 1))
    }

    fn free(self) {
        // SAFETY: allocated with the layout of its count; the caller forgets the address.
        unsafe { dealloc(self.0.cast(), Self::layout(self.count())) };
    }
}
