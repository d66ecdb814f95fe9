//! Hashes: fields with values.
//!
//! ```text
//! small   u16 number of fields | field value field value ...     (items, in the order in which the fields came)
//! large   a packed table of records: field value
//! ```
//!
//! A small hash is one that Valkey would hold as a listpack. It becomes a large one when a limit of the configuration is exceeded, and stays
//! one.

use super::collection::Collection;
use super::kind::{Encoding, Type};
use super::packed_table::PackedTable;
use crate::base::alloc;
use crate::base::limits::EFFORT_LEN;
use crate::base::rng::Rng;
use crate::datatypes::items::{self, Item};
use crate::keyspace::hash::KeyHasher;

/// Up to which size a hash is a small one: `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashLimits {
    /// Fields.
    pub entries: usize,
    /// Bytes of a field or value.
    pub value_len: usize,
}

/// A hash. See the module's page.
#[derive(Debug, Clone)]
pub enum Hash {
    /// In one piece.
    Small(Vec<u8>),
    /// Too large for that.
    Large(Box<PackedTable>),
}

/// A hash, to read.
#[derive(Debug, Clone, Copy)]
pub enum HashView<'a> {
    /// In one piece.
    Small(&'a [u8]),
    /// Too large for that.
    Large(&'a PackedTable),
}

const COUNT_LEN: usize = 2;
/// Items per field.
const ARITY: usize = 2;

fn count(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize)
}

fn set_count(bytes: &mut [u8], count: usize) {
    let count = u16::try_from(count).expect("a small hash has few fields");
    bytes[..COUNT_LEN].copy_from_slice(&count.to_le_bytes());
}

/// Where the field of this form lies in a small hash.
fn find(bytes: &[u8], field: &[u8]) -> Option<usize> {
    items::find(&bytes[COUNT_LEN..], field, ARITY).map(|at| at + COUNT_LEN)
}

impl<'a> HashView<'a> {
    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number of fields.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashView::Small(bytes) => count(bytes),
            HashView::Large(table) => table.len(),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(self, field: &[u8], hasher: &KeyHasher) -> Option<Item<'a>> {
        let form = items::packed(field);
        match self {
            HashView::Small(bytes) => find(bytes, &form).map(|at| items::read(&bytes[at + form.len()..])),
            HashView::Large(table) => {
                let place = table.find(hasher.hash(&form), &form)?;
                Some(items::read(table.get(&place).rest()))
            }
        }
    }

    /// Calls `visit` with each field and its value.
    pub fn for_each(self, mut visit: impl FnMut(Item<'_>, Item<'_>)) {
        match self {
            HashView::Small(bytes) => {
                let mut at = COUNT_LEN;
                while at < bytes.len() {
                    let value_at = at + items::form_len(&bytes[at..]);
                    visit(items::read(&bytes[at..]), items::read(&bytes[value_at..]));
                    at = value_at + items::form_len(&bytes[value_at..]);
                }
            }
            HashView::Large(table) => table.for_each(|record| visit(record.key(), items::read(record.rest()))),
        }
    }

    /// Visits some fields, and returns the cursor to go on with, 0 at the end: see [`PackedTable::scan`].
    pub fn scan(self, cursor: u64, mut visit: impl FnMut(Item<'_>, Item<'_>)) -> u64 {
        match self {
            HashView::Small(_) => {
                self.for_each(visit);
                0
            }
            HashView::Large(table) => table.scan(cursor, |record| visit(record.key(), items::read(record.rest()))),
        }
    }

    /// A field chosen at random with its value, each equally likely. There is one.
    pub fn random(self, rng: &mut Rng) -> (Item<'a>, Item<'a>) {
        match self {
            HashView::Small(bytes) => {
                let mut at = COUNT_LEN;
                for _ in 0..rng.below(count(bytes) as u64) * ARITY as u64 {
                    at += items::form_len(&bytes[at..]);
                }
                (items::read(&bytes[at..]), items::read(&bytes[at + items::form_len(&bytes[at..])..]))
            }
            HashView::Large(table) => {
                let place = table.random(rng).expect("a hash under a key has a field");
                let record = table.get(&place);
                (record.key(), items::read(record.rest()))
            }
        }
    }
}

impl Hash {
    /// To read.
    #[inline]
    pub fn view(&self) -> HashView<'_> {
        match self {
            Hash::Small(bytes) => HashView::Small(bytes),
            Hash::Large(table) => HashView::Large(table),
        }
    }

    /// Makes it a large one if so many fields are about to be set that it would become one.
    pub fn grow_for(&mut self, fields: usize, limits: HashLimits, hasher: &KeyHasher) {
        if fields > limits.entries {
            self.enlarge(hasher);
        }
    }

    fn enlarge(&mut self, hasher: &KeyHasher) {
        let Hash::Small(bytes) = self else { return };
        let mut table = PackedTable::new(ARITY);
        let mut at = COUNT_LEN;
        while at < bytes.len() {
            let value_at = at + items::form_len(&bytes[at..]);
            let end = value_at + items::form_len(&bytes[value_at..]);
            table.insert(hasher.hash(&bytes[at..value_at]), &bytes[at..end], hasher);
            at = end;
        }
        *self = Hash::Large(Box::new(table));
    }

    /// Sets a field. True if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: HashLimits, hasher: &KeyHasher) -> bool {
        if field.len().max(value.len()) > limits.value_len {
            self.enlarge(hasher);
        }
        let mut record = items::packed(field);
        let field_len = record.len();
        items::push(&mut record, value);
        match self {
            Hash::Small(bytes) => {
                if let Some(at) = find(bytes, &record[..field_len]) {
                    let value_at = at + field_len;
                    let end = value_at + items::form_len(&bytes[value_at..]);
                    items::splice(bytes, value_at..end, &record[field_len..]);
                    return false;
                }
                let fields = count(bytes) + 1;
                bytes.extend_from_slice(&record);
                set_count(bytes, fields);
                if fields > limits.entries.min(SMALL_FIELDS_MAX) {
                    self.enlarge(hasher);
                }
                true
            }
            Hash::Large(table) => {
                let hash = hasher.hash(&record[..field_len]);
                match table.find(hash, &record[..field_len]) {
                    Some(place) => {
                        table.set_rest(&place, &record[field_len..]);
                        false
                    }
                    None => {
                        table.insert(hash, &record, hasher);
                        true
                    }
                }
            }
        }
    }

    /// Removes a field. False if it is not there.
    pub fn remove(&mut self, field: &[u8], hasher: &KeyHasher) -> bool {
        let form = items::packed(field);
        match self {
            Hash::Small(bytes) => {
                let Some(at) = find(bytes, &form) else { return false };
                let value_at = at + form.len();
                let end = value_at + items::form_len(&bytes[value_at..]);
                bytes.drain(at..end);
                let fields = count(bytes) - 1;
                set_count(bytes, fields);
            }
            Hash::Large(table) => {
                let Some(place) = table.find(hasher.hash(&form), &form) else { return false };
                table.remove(&place, hasher);
            }
        }
        true
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        match self {
            Hash::Small(bytes) => 1 + bytes.len() / EFFORT_LEN,
            Hash::Large(table) => 1 + table.buckets(),
        }
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        match self {
            Hash::Small(bytes) => alloc::block_len(bytes.capacity()),
            Hash::Large(table) => size_of::<PackedTable>() + table.bytes(),
        }
    }
}

/// Fields that a small hash can count.
const SMALL_FIELDS_MAX: usize = u16::MAX as usize - 1;

impl Collection for Hash {
    const TYPE: Type = Type::Hash;
    type View<'a> = HashView<'a>;

    fn new() -> Self {
        Hash::Small(vec![0; COUNT_LEN])
    }

    fn from_inline(bytes: &[u8], _: Encoding) -> Self {
        Hash::Small(bytes.to_vec())
    }

    fn view_inline(bytes: &[u8], _: Encoding) -> HashView<'_> {
        HashView::Small(bytes)
    }

    fn view(&self) -> HashView<'_> {
        Hash::view(self)
    }

    fn inline(&self) -> Option<&[u8]> {
        match self {
            Hash::Small(bytes) => Some(bytes),
            Hash::Large(_) => None,
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Hash::Small(_) => Encoding::Listpack,
            Hash::Large(_) => Encoding::Hashtable,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::rng::Rng;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => (0..40_i64).prop_map(|number| number.to_string().into_bytes()),
            2 => prop::collection::vec(any::<u8>(), 0..12),
            1 => Just(vec![b'x'; 100]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_hash_is_what_a_map_would_be(steps in prop::collection::vec((0..4u8, text(), text()), 1..200), entries in prop_oneof![Just(0), Just(1), Just(20), Just(512)]) {
            let (limits, hasher) = (HashLimits { entries, value_len: 64 }, KeyHasher::new(3));
            let (mut hash, mut model) = (Hash::new(), BTreeMap::new());
            for (kind, field, value) in steps {
                if kind < 3 {
                    prop_assert_eq!(hash.set(&field, &value, limits, &hasher), model.insert(field, value).is_none());
                } else {
                    prop_assert_eq!(hash.remove(&field, &hasher), model.remove(&field).is_some());
                }
                let view = hash.view();
                prop_assert_eq!(view.len(), model.len());
                prop_assert!(model.iter().all(|(field, value)| view.get(field, &hasher).is_some_and(|item| item.to_vec() == *value)));
                let mut all = BTreeMap::new();
                view.for_each(|field, value| _ = all.insert(field.to_vec(), value.to_vec()));
                prop_assert_eq!(&all, &model);
                if !model.is_empty() {
                    let (field, value) = view.random(&mut Rng::new(model.len() as u64));
                    prop_assert_eq!(model.get(&field.to_vec()), Some(&value.to_vec()));
                }
            }
        }
    }
}
