//! Reading hashes.

use super::{COUNT_LEN, FieldAccess, HashView, LargeHash};
use crate::base::rng::Rng;
use crate::datatypes::items::{self, Item, Items};
use crate::keyspace::liveness::Liveness;
use crate::keyspace::value::packed_table::{Place, Record};

/// Random records looked at before it is given up to find one whose time has not come.
const RANDOM_TRIES: usize = 100;

impl LargeHash {
    /// The record of a field of this form, if it is there, alive or not.
    pub(super) fn place(&self, form: &[u8], access: FieldAccess<'_>) -> Option<Place> {
        self.table.find(access.hasher.hash(form), form)
    }

    /// True unless the record's time has come.
    #[inline]
    pub(super) fn is_there(&self, record: Record<'_>, liveness: Liveness) -> bool {
        self.expiry.count == 0 || record.expiry_ms().is_none_or(|expiry_ms| liveness.holds(expiry_ms))
    }
}

fn pair(record: Record<'_>) -> (Item<'_>, Item<'_>) {
    (record.key(), items::read(record.rest()))
}

impl<'a> HashView<'a> {
    /// Number of fields, those included whose time has come.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashView::Small(bytes) => bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize),
            HashView::Large(large) => large.table.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// True if it is a table, whose order means nothing.
    pub fn is_large(self) -> bool {
        matches!(self, HashView::Large(_))
    }

    /// True if a field has an expiry: then fewer may be there than [`HashView::len`] says.
    #[inline]
    pub fn has_expiring(self) -> bool {
        matches!(self, HashView::Large(large) if large.expiry.count > 0)
    }

    /// The fields of a small hash with their values.
    fn pairs(bytes: &'a [u8]) -> impl Iterator<Item = (Item<'a>, Item<'a>)> {
        let mut items = Items::of(&bytes[COUNT_LEN..]).map(|(_, item)| item);
        std::iter::from_fn(move || Some((items.next()?, items.next()?)))
    }

    /// Value and expiry of a field.
    #[inline]
    pub fn find(self, field: &[u8], access: FieldAccess<'_>) -> Option<(Item<'a>, Option<i64>)> {
        let form = items::packed(field);
        match self {
            HashView::Small(bytes) => {
                let pairs = &bytes[COUNT_LEN..];
                let at = items::find(pairs, &form, 2)?;
                Some((items::read(&pairs[at + form.len()..]), None))
            }
            HashView::Large(large) => {
                let record = large.table.get(&large.place(&form, access)?);
                let expiry_ms = if large.expiry.count == 0 { None } else { record.expiry_ms() };
                let is_alive = expiry_ms.is_none_or(|expiry_ms| access.liveness.holds(expiry_ms));
                is_alive.then(|| (items::read(record.rest()), expiry_ms))
            }
        }
    }

    /// Value of a field.
    #[inline]
    pub fn get(self, field: &[u8], access: FieldAccess<'_>) -> Option<Item<'a>> {
        self.find(field, access).map(|(value, _)| value)
    }

    /// Visits all fields with their values.
    #[inline]
    pub fn for_each(self, liveness: Liveness, mut visit: impl FnMut(Item<'a>, Item<'a>)) {
        match self {
            HashView::Small(bytes) => Self::pairs(bytes).for_each(|(field, value)| visit(field, value)),
            HashView::Large(large) => large.table.for_each(|record| {
                if large.is_there(record, liveness) {
                    let (field, value) = pair(record);
                    visit(field, value);
                }
            }),
        }
    }

    /// Visits all fields with values and expiries, whether or not their time has come.
    pub fn for_each_with_expiry(self, mut visit: impl FnMut(Item<'a>, Item<'a>, Option<i64>)) {
        match self {
            HashView::Small(bytes) => Self::pairs(bytes).for_each(|(field, value)| visit(field, value, None)),
            HashView::Large(large) => large.table.for_each(|record| {
                let (field, value) = pair(record);
                visit(field, value, record.expiry_ms());
            }),
        }
    }

    /// Visits the fields that `cursor` stands for, and returns the next cursor, 0 at the end. Of a small hash that is all of them.
    pub fn scan(self, cursor: u64, liveness: Liveness, mut visit: impl FnMut(Item<'a>, Item<'a>)) -> u64 {
        match self {
            HashView::Small(_) => {
                self.for_each(liveness, visit);
                0
            }
            HashView::Large(large) => large.table.scan(cursor, |record| {
                if large.is_there(record, liveness) {
                    let (field, value) = pair(record);
                    visit(field, value);
                }
            }),
        }
    }

    /// A field chosen at random, with its value. `None` if that finds none whose time has not come.
    pub fn random(self, rng: &mut Rng, liveness: Liveness) -> Option<(Item<'a>, Item<'a>)> {
        match self {
            HashView::Small(bytes) => Self::pairs(bytes).nth(rng.below(self.len().max(1) as u64) as usize),
            HashView::Large(large) => {
                let tries = (0..RANDOM_TRIES).filter_map(|_| large.table.random(rng).map(|place| large.table.get(&place)));
                tries.into_iter().find(|record| large.is_there(*record, liveness)).map(pair)
            }
        }
    }
}
