//! Putting in entries that were saved before. Nobody is told: what is loaded is no change, and the node serves no key meanwhile.

use smallvec::SmallVec;

use super::access::{KeyAccess, Moment};
use super::entry::Entry;
use super::{KeyPlace, Keyspace};
use crate::base::clock;

/// Entries of a stripe that wait until they are put in together.
const TOGETHER: usize = 8;

/// A key that was there, and keeps what it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twice {
    /// Its database.
    pub db: u32,
    /// Where it comes from, as [`Loader::put`] was told.
    pub origin: u64,
}

/// An entry, and where it goes.
#[derive(Debug)]
struct Waiting {
    place: KeyPlace,
    db: u32,
    entry: Entry,
    origin: u64,
}

/// Puts entries in: each thread that loads has its own.
///
/// One entry by itself takes its stripe's lock, and waits until its bucket has come from memory. Here several of a stripe wait for each other, so
/// that the lock is taken once, and their buckets come from memory together.
#[derive(Debug)]
pub struct Loader<'k> {
    keyspace: &'k Keyspace,
    replaces: bool,
    /// By stripe.
    waiting: Vec<SmallVec<[Waiting; TOGETHER]>>,
}

impl Keyspace {
    /// Removes all keys, as if there never had been any. WATCH hears of it, and no log: what is loaded in their place is told to none either.
    pub fn empty(&self) {
        let mut access = KeyAccess::new(self, 0, &Moment::new(self, clock::unix_ms()), 0);
        access.with_all(|access| {
            access.flush(0..self.databases() as u32, false);
            access.logging.is_unlogged = false;
        });
    }

    /// Makes the tables of a database as large as so many entries need, if there are none yet: a table that grows looks at its entries again and
    /// again. In cluster mode, where each slot has a table, they grow. Locks every stripe for a moment. [`Keyspace::settle`] is to follow.
    pub fn expect(&self, db: u32, entries: u64) {
        if self.by_slot {
            return;
        }
        let each = (entries / self.stripes() as u64) as usize;
        (0..self.stripes() as u32).for_each(|number| self.lock(number).table_mut(db as usize).table.expect(each));
    }

    /// Makes tables smaller that were made for more entries than came. Locks every stripe in turn.
    pub fn settle(&self) {
        for number in 0..self.stripes() as u32 {
            let mut stripe = self.lock(number);
            stripe.tables_mut().for_each(|(_, keys)| keys.table.settle(self.hasher()));
        }
    }
}

impl<'k> Loader<'k> {
    /// Into this keyspace. `replaces`: also if its key is there already.
    pub fn new(keyspace: &'k Keyspace, replaces: bool) -> Self {
        let waiting = (0..keyspace.stripes()).map(|_| SmallVec::new()).collect();
        Loader { keyspace, replaces, waiting }
    }

    /// Puts an entry into a database, now or with others that come. `origin` says where it comes from, to whom it is twice. No stripe may be held.
    ///
    /// # Errors
    /// A key that was there already, this one or one that waited; what is not there is put in all the same.
    pub fn put(&mut self, db: u32, entry: Entry, origin: u64) -> Result<(), Twice> {
        let place = self.keyspace.place(entry.borrow().key());
        let waiting = &mut self.waiting[place.stripe as usize];
        waiting.push(Waiting { place, db, entry, origin });
        if waiting.len() < TOGETHER { Ok(()) } else { self.put_waiting(place.stripe) }
    }

    /// Puts in all that wait.
    ///
    /// # Errors
    /// As [`Loader::put`].
    pub fn finish(&mut self) -> Result<(), Twice> {
        let stripes = 0..self.waiting.len() as u32;
        stripes.map(|stripe| self.put_waiting(stripe)).fold(Ok(()), Result::and)
    }

    fn put_waiting(&mut self, stripe: u32) -> Result<(), Twice> {
        let (keyspace, waiting) = (self.keyspace, &mut self.waiting[stripe as usize]);
        // Not freed under the lock: one may be large.
        let mut gone: SmallVec<[Entry; TOGETHER]> = SmallVec::new();
        let mut result = Ok(());
        let mut stripe = keyspace.lock(stripe);
        for Waiting { place, db, .. } in waiting.iter() {
            stripe.table_mut(keyspace.table_number(*db, *place)).table.prefetch_bucket(place.hash);
        }
        for Waiting { place, db, .. } in waiting.iter() {
            // Of a bucket with a chain, the chain.
            stripe.table_mut(keyspace.table_number(*db, *place)).table.prefetch_entry(place.hash);
        }
        for Waiting { place, db, entry, origin } in waiting.drain(..) {
            let keys = stripe.table_mut(keyspace.table_number(db, place));
            let found = keys.table.find(place.hash, entry.borrow().key());
            match found {
                None => _ = keys.insert(place.hash, entry, keyspace.hasher()),
                Some(mut position) if self.replaces => gone.push(keys.replace(&mut position, entry)),
                Some(_) => {
                    gone.push(entry);
                    result = result.and(Err(Twice { db, origin }));
                }
            }
        }
        drop(stripe);
        result
    }
}
