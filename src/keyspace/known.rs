//! Where the keys of the running command lie: found when its stripes were locked, so that they are not hashed again.
//!
//! Invariant: a key is told by its address and length, so places are forgotten ([`KnownPlaces::clear`]) when its stripes are
//! released, which is before the request's buffer can change.

use std::cell::Cell;

use super::table::Hint;
use super::{Located, Place};

/// Places of a command's keys, in the order of its arguments.
#[derive(Debug, Default)]
pub(super) struct KnownPlaces {
    /// The key of a command that has one, apart from the list: most commands.
    one: Known,
    /// Where the entry of that key was a moment ago.
    hint: Option<Hint>,
    places: Vec<Known>,
    /// Where the last one was found: commands take their keys in order, or one several times.
    last: Cell<usize>,
}

/// An address of 0 is no key's.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    address: usize,
    len: usize,
    place: Place,
}

impl Known {
    #[inline]
    fn of(key: &[u8], place: Place) -> Known {
        Known { address: key.as_ptr().addr(), len: key.len(), place }
    }

    #[inline]
    fn place_of(&self, key: &[u8]) -> Option<Place> {
        (self.address == key.as_ptr().addr() && self.len == key.len()).then_some(self.place)
    }
}

impl KnownPlaces {
    /// Forgets all.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.one.address = 0;
        if !self.places.is_empty() {
            self.places.clear();
            self.last.set(0);
        }
    }

    /// Notes the only key.
    #[inline]
    pub(super) fn set_one(&mut self, key: &[u8], located: &Located) {
        self.one = Known::of(key, located.place);
        self.hint = located.hint;
    }

    /// Adds the next key.
    #[inline]
    pub(super) fn push(&mut self, key: &[u8], place: Place) {
        self.places.push(Known::of(key, place));
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
        self.one.place_of(key).or_else(|| self.find_in_list(key))
    }

    /// As [`KnownPlaces::find`], with where the key's entry was a moment ago, if it is the only key and that is known.
    #[inline]
    pub(super) fn find_with_hint(&self, key: &[u8]) -> Option<(Place, Option<&Hint>)> {
        match self.one.place_of(key) {
            Some(place) => Some((place, self.hint.as_ref())),
            None => self.find_in_list(key).map(|place| (place, None)),
        }
    }

    #[inline(never)]
    fn find_in_list(&self, key: &[u8]) -> Option<Place> {
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
        self.places.get(number)?.place_of(key)
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
        known.set_one(&buffer[1..2], &Located { place: Place { hash: KeyHash(0), stripe: 7, table: 0 }, hint: None });
        assert_eq!([0, 1, 2].map(|at: usize| known.find(&buffer[at..=at]).map(|place| place.stripe)), [None, Some(7), None]);
        known.clear();
        assert_eq!(known.find(&buffer[1..2]), None);
    }
}
