//! What commands do with whole databases: size, emptying, exchanging. WATCH hears of each watched key that is there.

use std::sync::atomic::Ordering;

use super::access::KeyAccess;
use super::handover::Message;
use super::stripe::Keys;
use super::watch::Replacement;

impl KeyAccess<'_> {
    /// Keys of database `db` in stripe `number`, which is held.
    pub fn stripe_size(&mut self, number: u32, db: u32) -> u64 {
        let tables = self.keyspace().tables_of(db);
        let stripe = self.stripe(number);
        tables.map_while(|table| stripe.table(table)).map(|keys| keys.table.len() as u64).sum()
    }

    /// Empties databases; every stripe is held. What they held is freed once the locks are released, in the background or not.
    pub fn flush(&mut self, databases: std::ops::Range<u32>, in_background: bool) {
        assert!(self.holds_all(), "a database is emptied in one instant");
        let keyspace = self.keyspace();
        let mut taken: Vec<Keys> = Vec::new();
        for number in 0..keyspace.stripes() as u32 {
            for db in databases.clone() {
                self.touch_watched(number, db, None);
                self.note_all_ready(number, db);
                for table in keyspace.tables_of(db) {
                    let stripe = self.stripe(number);
                    let size = stripe.table(table).map_or(0, |keys| keys.table.len());
                    if size > 0 {
                        taken.extend(stripe.take(table));
                        stripe.stats.changes += size as u64;
                        stripe.written = true;
                    }
                }
            }
        }
        self.forget_local_expiries(databases.clone());
        for db in databases {
            keyspace.forget_ttl(db);
            keyspace.emptied[db as usize].store(false, Ordering::Relaxed);
        }
        self.wrote = true;
        self.logging.is_unlogged |= self.is_logging;
        if let Some(queue) = keyspace.handover.current() {
            // It frees them when it has what it needs of them.
            queue.put(taken.into_iter().map(|keys| Message::Remains(Box::new(keys.table))));
        } else {
            self.changes().free_tables_later(taken, in_background);
        }
    }

    /// Exchanges two databases; every stripe is held. Counts one change.
    pub fn swap_databases(&mut self, one: u32, other: u32) {
        assert!(self.holds_all(), "databases are exchanged in one instant");
        self.wrote = true;
        self.logging.is_unlogged |= self.is_logging;
        self.stripe(0).stats.changes += 1;
        if one == other {
            return;
        }
        let keyspace = self.keyspace();
        for number in 0..keyspace.stripes() as u32 {
            self.touch_watched(number, one, Some(other));
            self.touch_watched(number, other, Some(one));
            self.note_all_ready(number, one);
            self.note_all_ready(number, other);
            for (first, second) in keyspace.tables_of(one).zip(keyspace.tables_of(other)) {
                self.stripe(number).swap(first, second);
                self.stripe(number).written = true;
            }
        }
        self.swap_local_expiries(one, other);
        keyspace.swap_ttl(one, other);
    }

    /// Has those looked at who wait for keys of `db` in stripe `number`: they may be there now, or be gone.
    fn note_all_ready(&mut self, number: u32, db: u32) {
        for key in self.stripe(number).blocked.keys_of(db) {
            self.note_ready(db, key);
        }
    }

    /// Tells who watches keys of `db` in stripe `number`, before its tables are emptied or `replaced` by another database's.
    fn touch_watched(&mut self, number: u32, db: u32, replaced: Option<u32>) {
        if self.stripe(number).watched.is_empty() {
            return;
        }
        for key in self.stripe(number).watched.keys_of(db) {
            let existed = self.entry_as_it_is(db, self.keyspace().place(&key), &key).is_some();
            let liveness = self.liveness();
            let replacement = match replaced.and_then(|replaced| self.entry_as_it_is(replaced, self.keyspace().place(&key), &key)) {
                None => Replacement::None,
                Some(entry) if !liveness.is_alive(entry) => Replacement::Expired,
                Some(_) => Replacement::Live,
            };
            self.stripe(number).watched.touch_replaced(db, &key, existed, replacement);
        }
    }
}
