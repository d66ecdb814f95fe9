//! The names of keys that clients of a replica gave an expiry: what [`super::local_expiry`] keeps of them in a stripe.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The names of a stripe, by database.
#[derive(Debug, Default)]
pub struct LocalExpiries {
    names: BTreeMap<u32, BTreeSet<Box<[u8]>>>,
    /// The one that was looked at last.
    last: Option<(u32, Box<[u8]>)>,
}

impl LocalExpiries {
    /// Forgets a key. True if none is left.
    pub(super) fn forget(&mut self, db: u32, name: &[u8]) -> bool {
        if let Some(names) = self.names.get_mut(&db)
            && names.remove(name)
            && names.is_empty()
        {
            self.names.remove(&db);
        }
        self.is_empty()
    }

    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.names.values().map(BTreeSet::len).sum()
    }

    /// Adds one.
    pub(super) fn note(&mut self, db: u32, name: &[u8]) {
        self.names.entry(db).or_default().insert(name.into());
    }

    /// Takes out those of some databases, to be freed elsewhere.
    pub(super) fn forget_all(&mut self, databases: std::ops::Range<u32>) -> Vec<(u32, BTreeSet<Box<[u8]>>)> {
        let numbers: Vec<u32> = self.names.range(databases).map(|(db, _)| *db).collect();
        numbers.into_iter().filter_map(|db| self.names.remove_entry(&db)).collect()
    }

    /// Exchanges two databases.
    pub(super) fn swap(&mut self, one: u32, other: u32) {
        let pair = [(one, self.names.remove(&other)), (other, self.names.remove(&one))];
        self.names.extend(pair.into_iter().filter_map(|(db, names)| Some((db, names?))));
    }

    /// The next so many names in order, from where the last call ended; the first ones again behind the last one.
    pub(super) fn next(&mut self, count: usize) -> Vec<(u32, Box<[u8]>)> {
        let begin = self.last.take();
        let first_db = begin.as_ref().map_or(0, |(db, _)| *db);
        let all = self.names.range(first_db..).flat_map(|(db, names)| {
            let from = match &begin {
                Some((last_db, name)) if last_db == db => Bound::Excluded(&**name),
                _ => Bound::Unbounded,
            };
            names.range::<[u8], _>((from, Bound::Unbounded)).map(|name| (*db, name.clone()))
        });
        let next: Vec<_> = all.take(count).collect();
        self.last = next.last().filter(|_| next.len() == count).cloned();
        next
    }
}
