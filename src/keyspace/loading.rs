//! Putting in entries that were saved before. Nobody is told: what is loaded is no change, and the node serves no key meanwhile.

use super::Keyspace;
use super::access::{KeyAccess, Moment};
use super::entry::Entry;
use crate::base::clock;

/// What became of an entry that was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// Its key is there.
    New,
    /// It took the place of another one.
    Replaced,
    /// Its key was there, and keeps what it had.
    Twice,
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

    /// Puts an entry into a database. `replaces`: also if its key is there already. Locks its stripe, which may not be held.
    pub fn put_loaded(&self, db: u32, entry: Entry, replaces: bool) -> Loaded {
        let (place, old);
        {
            let name = entry.borrow();
            place = self.place(name.key());
            let mut stripe = self.lock(place.stripe);
            let keys = stripe.table_mut(self.table_number(db, place));
            match keys.table.find(place.hash, name.key()) {
                None => {
                    keys.insert(place.hash, entry, self.hasher());
                    return Loaded::New;
                }
                Some(_) if !replaces => return Loaded::Twice,
                Some(mut position) => old = keys.replace(&mut position, entry),
            }
        }
        // Not under the lock: it may be large.
        drop(old);
        Loaded::Replaced
    }
}
