//! What a table does for the snapshot that walks over it: it hands over what is about to change, and what the walk comes to.
#![allow(unsafe_code)]

use super::{Position, SEGMENT, Table};
use crate::keyspace::entry::{Entry, EntryMut};
use crate::keyspace::handover::{Message, Remains, Walk};
use crate::keyspace::place_marks::Places;

impl Table {
    /// Hands the entry at `position` to the snapshot that walks over the table, if it does not have it: before it changes.
    #[inline]
    pub(super) fn before_change(&mut self, position: Position) {
        if self.walk.is_some() {
            self.hand_over(position);
        }
    }

    #[cold]
    #[inline(never)]
    fn hand_over(&mut self, position: Position) {
        if self.bucket(position.bucket()).is_chained() {
            // Without it an entry of the chain may move to a place whose mark tells of another one.
            return self.hand_over_bucket(position.bucket());
        }
        let Some(walk) = &mut self.walk else { return };
        if walk.claim(position.bucket(), position.index()) {
            // SAFETY: the position is valid, so the table owns the entry there; it is exclusively borrowed.
            let message = walk.hand_over(&mut unsafe { EntryMut::from_bits(position.address) });
            walk.put_preimages([message]);
        }
    }

    /// Hands over what the snapshot, if there is one, does not have of bucket `at`.
    #[inline(never)]
    pub(super) fn hand_over_bucket(&mut self, at: usize) {
        let Some(places) = self.walk.as_mut().map(|walk| walk.claim_bucket(at)) else { return };
        if !places.are_none() {
            let mut out = Vec::new();
            self.hand_over_places(at, places, &mut out);
            self.walk.iter().for_each(|walk| walk.put_preimages(out.drain(..)));
        }
    }

    /// Hands over the entries in these places of bucket `at`, which may be gone.
    fn hand_over_places(&mut self, at: usize, places: Places, out: &mut Vec<Message>) {
        let Some(walk) = self.walk.as_ref().filter(|_| at < self.buckets) else { return };
        let bucket = &self.segments[at / SEGMENT][at % SEGMENT];
        // SAFETY: the table owns the entries and is exclusively borrowed.
        let message = |address| walk.hand_over(&mut unsafe { EntryMut::from_bits(address) });
        bucket.for_each(|index, address| out.extend(places.have(index).then(|| message(address))));
    }

    /// Has a snapshot walk over the entries that are there now: `walk` of so many buckets.
    pub(in crate::keyspace) fn begin_walk(&mut self, walk: impl FnOnce(usize) -> Walk) {
        self.walk = (self.len > 0).then(|| Box::new(walk(self.buckets)));
    }

    /// True if a snapshot walks over the table.
    pub(in crate::keyspace) fn is_walked(&self) -> bool {
        self.walk.is_some()
    }

    /// Hands over the next bucket. False if there is none: then the walk is over.
    pub(in crate::keyspace) fn walk_on(&mut self, out: &mut Vec<Message>) -> bool {
        let next = self.walk.as_mut().and_then(|walk| walk.claim_next());
        match next {
            Some((at, places)) => self.hand_over_places(at, places, out),
            None => self.walk = None,
        }
        next.is_some()
    }

    /// Ends a walk that was given up.
    pub(in crate::keyspace) fn end_walk(&mut self) {
        self.walk = None;
    }
}

impl Remains for Table {
    fn hand_over_some(&mut self, out: &mut Vec<Message>) -> bool {
        let Some(last) = self.buckets.checked_sub(1) else { return false };
        let left = self.walk.as_ref().map(|walk| walk.left(last)).unwrap_or_default();
        let mut is_left = Vec::with_capacity(16);
        self.bucket(last).for_each(|index, _| is_left.push(left.have(index)));
        let mut addresses = Vec::with_capacity(16);
        // In the order in which they were just visited.
        self.bucket_mut(last).drain_into(&mut addresses);
        self.set_buckets(last);
        self.len -= addresses.len();
        for (address, is_left) in addresses.into_iter().zip(is_left) {
            // SAFETY: the address has left the table.
            let entry = unsafe { Entry::from_bits(address) };
            match &self.walk {
                Some(walk) if is_left => walk.hand_over_whole(entry, out),
                _ if entry.borrow().is_being_saved() => out.push(Message::Orphan(entry)),
                _ => {}
            }
        }
        true
    }
}
