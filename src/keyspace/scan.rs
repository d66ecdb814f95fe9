//! SCAN's walk over the tables of a database.
//!
//! ```text
//! cursor   bits 0..14   table: stripe * (tables of a database in a stripe) + table within them
//!              14..64   cursor within that table (reverse binary, see the table)
//! ```
//! Tables are walked in ascending order; a table's own cursor survives its growing and shrinking, so a key that is there from the
//! first call to the last is returned at least once. Empty tables cost nothing: a call ends with cursor 0 unless a key is left in
//! a table behind.

use super::Keyspace;
use super::access::KeyAccess;
use super::entry::EntryRef;
use super::key::Key;
use crate::base::limits::SCAN_STEP_MAX;
use crate::base::slot;

const TABLE_BITS: u32 = slot::SLOTS.trailing_zeros();
const TABLE_MASK: u64 = (1 << TABLE_BITS) - 1;
/// Buckets looked at for each element asked for: a sparse table is not walked on and on for one call.
const BUCKETS_PER_ELEMENT: usize = 10;
/// Bytes of names that are looked at between two looks at the clock: a name costs by its length, whatever it is compared with.
const NAMES_LEN_PER_LOOK: usize = 1024;

/// How long a walk goes on at a stretch. What a key costs cannot be told from their number: a long pattern looks at every byte of a long name.
/// So whoever walks asks a clock.
pub trait Pace {
    /// Why a walk ends before its end.
    type End;

    /// Called before each step, when no stripe is held for the walk.
    ///
    /// # Errors
    /// If there is to be none.
    fn begin_step(&mut self) -> Result<(), Self::End>;

    /// Whether the step has lasted long enough for its stripe.
    fn is_step_over(&mut self) -> bool;
}

/// Where a walk over a database, or over one slot of it, stands.
#[derive(Debug)]
pub struct Walk {
    table: u64,
    within: u64,
    /// The walk ends before this table.
    end: u64,
    tables_per_db: u64,
    /// Elements yet to be looked at in this call.
    elements: usize,
    /// Buckets yet to be looked at in this call.
    buckets: usize,
    /// Buckets that the table had when it was left in between.
    left_buckets: usize,
    /// A table shrank in between: some of its keys may come twice.
    may_repeat: bool,
}

impl Walk {
    /// From `cursor` on, with the keys of `slot` alone if one is given, over about `count` keys.
    fn from_cursor(keyspace: &Keyspace, cursor: u64, slot: Option<u16>, count: usize) -> Walk {
        let tables_per_db = keyspace.tables_per_db() as u64;
        let mut walk = Walk {
            table: cursor & TABLE_MASK,
            within: cursor >> TABLE_BITS,
            end: keyspace.stripes() as u64 * tables_per_db,
            tables_per_db,
            elements: count,
            buckets: count.saturating_mul(BUCKETS_PER_ELEMENT),
            left_buckets: 0,
            may_repeat: false,
        };
        if let Some(slot) = slot {
            let (stripe, table) = keyspace.slot_table(slot);
            let only = u64::from(stripe) * tables_per_db + u64::from(table);
            if walk.table < only {
                walk.table = only;
                walk.within = 0;
            }
            walk.end = only + 1;
        }
        walk
    }

    /// Over all keys, or all of `slot`.
    pub fn over_all(keyspace: &Keyspace, slot: Option<u16>) -> Walk {
        Walk::from_cursor(keyspace, 0, slot, usize::MAX)
    }

    /// The stripe in which it goes on; `None` at the end.
    pub fn stripe(&self) -> Option<u32> {
        (self.table < self.end).then(|| (self.table / self.tables_per_db) as u32)
    }

    /// True if some keys may have come twice.
    pub fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    /// This call has done its share; it only goes on to find out whether anything is left.
    fn is_full(&self) -> bool {
        self.elements == 0 || self.buckets == 0
    }

    fn next_table(&mut self) {
        self.table += 1;
        self.within = 0;
    }
}

impl KeyAccess<'_> {
    /// Goes on from `cursor`, with the keys of `slot` alone if one is given. Each key that `fits` and whose time has not come is
    /// given to `found`; an expired one that fits is deleted. About `count` keys are looked at. Returns the next cursor, 0 at the end.
    ///
    /// # Errors
    /// What `pace` says.
    pub fn scan<P: Pace>(
        &mut self,
        cursor: u64,
        slot: Option<u16>,
        count: usize,
        mut fits: impl FnMut(EntryRef<'_>) -> bool,
        mut found: impl FnMut(EntryRef<'_>),
        pace: &mut P,
    ) -> Result<u64, P::End> {
        let mut walk = Walk::from_cursor(self.keyspace(), cursor, slot, count);
        while let Some(number) = walk.stripe() {
            pace.begin_step()?;
            if self.with_stripe(number, |keys| keys.walk_on(&mut walk, &mut fits, &mut found, pace)) {
                return Ok((walk.within << TABLE_BITS) | walk.table);
            }
        }
        Ok(0)
    }

    /// Walks on within the walk's stripe, which is held, over about [`SCAN_STEP_MAX`] elements, or until `pace` says that it is enough.
    /// True if the call ends here, false if the walk goes on (with this or the next stripe).
    pub fn walk_on(
        &mut self,
        walk: &mut Walk,
        fits: &mut impl FnMut(EntryRef<'_>) -> bool,
        found: &mut impl FnMut(EntryRef<'_>),
        pace: &mut impl Pace,
    ) -> bool {
        let Some(number) = walk.stripe() else { return false };
        let tables_per_db = walk.tables_per_db;
        let first = self.keyspace().tables_of(self.db).start;
        let end = walk.end.min((u64::from(number) + 1) * tables_per_db);
        let liveness = self.liveness();
        let (mut held, mut names_len) = (0, 0);
        let mut expired: Vec<Vec<u8>> = Vec::new();
        while walk.table < end {
            let table = first + (walk.table % tables_per_db) as usize;
            let Some(keys) = self.stripe(number).table(table).filter(|keys| !keys.table.is_empty()) else {
                walk.next_table();
                continue;
            };
            if walk.is_full() {
                return true;
            }
            let buckets = keys.table.buckets();
            if held >= SCAN_STEP_MAX || (names_len >= NAMES_LEN_PER_LOOK && pace.is_step_over()) {
                walk.left_buckets = buckets;
                return false;
            }
            walk.may_repeat |= held == 0 && walk.within != 0 && buckets < walk.left_buckets;
            names_len %= NAMES_LEN_PER_LOOK;
            let mut seen = 0;
            walk.within = keys.table.scan(walk.within, |entry| {
                seen += 1;
                names_len += entry.key().len();
                if !fits(entry) {
                    return;
                }
                if !liveness.is_alive(entry) {
                    expired.push(entry.key().to_vec());
                } else {
                    found(entry);
                }
            });
            held += seen;
            walk.elements = walk.elements.saturating_sub(seen);
            walk.buckets = walk.buckets.saturating_sub(1);
            if walk.within == 0 {
                walk.next_table();
            }
            for key in expired.drain(..) {
                let resolved = self.resolve(&key).expect("it lies in the stripe that is held");
                self.reclaim(Key::new(&key, &resolved));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keyspace::Keyspace;
    use crate::keyspace::access::Moment;
    use crate::keyspace::key_mut::Expiry;
    use crate::keyspace::testing::{self, Steady};

    fn put(keyspace: &Keyspace, name: &str, expiry: Expiry) {
        testing::put(keyspace, 0, name, expiry, 1000);
    }

    fn remove(keyspace: &Keyspace, name: &str) {
        testing::with_key(keyspace, 0, name, 1000, |keys, key| keys.open(key).delete());
    }

    /// One call: the names found, and the next cursor.
    fn step(keyspace: &Keyspace, cursor: u64, slot: Option<u16>, count: usize) -> (Vec<String>, u64) {
        let mut keys = KeyAccess::new(keyspace, 0, &Moment::new(keyspace, 1000), 1);
        let mut names = Vec::new();
        let found = |entry: EntryRef<'_>| names.push(String::from_utf8_lossy(entry.key()).into_owned());
        let next = keys.scan(cursor, slot, count, |_| true, found, &mut Steady::at_leisure());
        (names, next.unwrap_or_else(|never| match never {}))
    }

    #[test]
    fn what_stays_is_found_while_the_rest_comes_and_goes() {
        for by_slot in [false, true] {
            let keyspace = Keyspace::new(16, 2, by_slot, 7);
            let stay: BTreeSet<String> = (0..2000).map(|number| format!("stay:{number}")).collect();
            stay.iter().for_each(|name| put(&keyspace, name, Expiry::Clear));
            let (mut cursor, mut seen, mut calls) = (0, BTreeSet::new(), 0);
            loop {
                let (names, next) = step(&keyspace, cursor, None, 10);
                seen.extend(names);
                cursor = next;
                if cursor == 0 {
                    break;
                }
                calls += 1;
                for number in 0..40 {
                    let name = format!("churn:{}", (calls * 13 + number) % 5000);
                    if calls / 20 % 2 == 0 { put(&keyspace, &name, Expiry::Clear) } else { remove(&keyspace, &name) }
                }
                assert!(calls < 100_000, "the walk ends");
            }
            assert!(stay.is_subset(&seen), "by_slot {by_slot}");
        }
    }

    #[test]
    fn a_small_database_takes_one_call_and_cursors_end_exactly() {
        for by_slot in [false, true] {
            let keyspace = Keyspace::new(256, 2, by_slot, 7);
            assert_eq!(step(&keyspace, 0, None, 10), (vec![], 0));
            for number in 0..10 {
                put(&keyspace, &format!("k{number}"), Expiry::Clear);
            }
            let (names, next) = step(&keyspace, 0, None, 10);
            assert_eq!((names.len(), next), (10, 0), "by_slot {by_slot}");
            for cursor in [u64::MAX, TABLE_MASK, 5 << TABLE_BITS] {
                step(&keyspace, cursor, None, 10);
            }
        }
    }

    /// Walks over one table that has them all. How many keys were found in all, and the most while the stripe was held once.
    fn holds(names: impl Iterator<Item = String>, pace: &mut impl Pace) -> (usize, usize) {
        let keyspace = Keyspace::new(16, 2, true, 7);
        names.for_each(|name| put(&keyspace, &format!("{{a}}{name}"), Expiry::Clear));
        let mut walk = Walk::over_all(&keyspace, slot::pattern_slot(b"{a}*"));
        let mut keys = KeyAccess::new(&keyspace, 0, &Moment::new(&keyspace, 1000), 1);
        let (mut all, mut most) = (0, 0);
        while let Some(number) = walk.stripe() {
            let mut found = 0;
            let goes_on = |keys: &mut KeyAccess<'_>| !keys.walk_on(&mut walk, &mut |_| true, &mut |_| found += 1, pace);
            assert!(keys.with_stripe(number, goes_on), "it is over all keys");
            (all, most) = (all + found, most.max(found));
        }
        (all, most)
    }

    /// What KEYS and its like collect while they hold a stripe is bounded in number, and by time where names are long.
    #[test]
    fn a_walk_gives_its_stripe_back_after_some_keys_however_many_there_are() {
        const KEYS: usize = 20_000;
        let (all, most) = holds((0..KEYS).map(|number| number.to_string()), &mut Steady::at_leisure());
        assert_eq!(all, KEYS);
        assert!((SCAN_STEP_MAX..2 * SCAN_STEP_MAX).contains(&most), "a bucket more at most: {most}");
        const LONG: usize = 300;
        let (all, most) = holds((0..LONG).map(|number| format!("{number}{}", "x".repeat(NAMES_LEN_PER_LOOK))), &mut Steady::in_haste());
        assert_eq!(all, LONG);
        assert!(most < 64, "a bucket, before it looks at the clock: {most}");
    }

    #[test]
    fn expired_keys_are_deleted_on_the_way_and_a_slot_alone_can_be_walked() {
        let keyspace = Keyspace::new(16, 2, true, 7);
        put(&keyspace, "{a}live", Expiry::At(2000));
        put(&keyspace, "{a}dead", Expiry::At(999));
        put(&keyspace, "{b}other", Expiry::Clear);
        let (names, next) = step(&keyspace, 0, slot::pattern_slot(b"{a}*"), 1);
        assert_eq!((names, next), (vec!["{a}live".to_owned()], 0));
        assert_eq!(keyspace.db_size(0), (2, 1));
    }
}
