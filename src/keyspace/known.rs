//! Where the keys of the running command lie: found when its stripes were locked, so that they are not hashed again.
//!
//! Invariant: a key is told by its address and length, so places are forgotten ([`KnownPlaces::clear`]) when its stripes are
//! released, which is before the request's buffer can change.

use std::cell::Cell;

use smallvec::SmallVec;

use super::Place;

/// Places of a command's keys, in the order of its arguments.
#[derive(Debug, Default)]
pub(super) struct KnownPlaces {
    places: SmallVec<[Known; 8]>,
    /// Where the last one was found: commands take their keys in order, or one several times.
    last: Cell<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    address: usize,
    len: usize,
    place: Place,
}

impl KnownPlaces {
    /// Forgets all.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.last.set(0);
    }

    /// Adds the next key.
    #[inline]
    pub(super) fn push(&mut self, key: &[u8], place: Place) {
        self.places.push(Known { address: key.as_ptr().addr(), len: key.len(), place });
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of key `number`.
    pub(super) fn place(&self, number: usize) -> Place {
        self.places[number].place
    }

    /// The key's place, if it is the one found last or the next one (after the last: the first).
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<Place> {
        let last = self.last.get();
        if let Some(place) = self.at(last, key) {
            return Some(place);
        }
        let next = if last + 1 < self.places.len() { last + 1 } else { 0 };
        let place = self.at(next, key)?;
        self.last.set(next);
        Some(place)
    }

    #[inline]
    fn at(&self, number: usize, key: &[u8]) -> Option<Place> {
        let known = self.places.get(number)?;
        (known.address == key.as_ptr().addr() && known.len == key.len()).then_some(known.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::hash::KeyHash;

    #[test]
    fn keys_are_found_in_order_again_and_from_the_start() {
        let buffer = b"abcd";
        let mut known = KnownPlaces::default();
        for (number, key) in buffer.chunks(1).enumerate() {
            known.push(key, Place { hash: KeyHash(0), stripe: number as u32, table: 0 });
        }
        let stripe = |at: usize| known.find(&buffer[at..=at]).map(|place| place.stripe);
        assert_eq!([0, 0, 1, 2, 2, 3, 0, 1].map(stripe), [0, 0, 1, 2, 2, 3, 0, 1].map(|at| Some(at as u32)));
        assert!(stripe(3).is_none() && known.find(b"abcd").is_none());
        known.clear();
        assert_eq!(known.find(&buffer[..1]).map(|place| place.stripe), None);
    }
}
