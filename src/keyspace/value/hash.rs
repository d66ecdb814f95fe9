//! Hashes: fields with values.
//!
//! ```text
//! small   u16 number of fields | field value field value ...     (items, in the order in which the fields came)
//! large   a packed table of records: field value [expiry]
//! ```
//!
//! A small hash is one that Valkey would hold as a listpack. It becomes a large one when a limit of the configuration is exceeded, or when
//! a field gets an expiry, and stays one.

use super::collection::Collection;
use super::packed_table::PackedTable;
use super::{Encoding, Type, Value};
use crate::base::limits::EFFORT_LEN;

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

impl HashView<'_> {
    /// Number of fields.
    pub fn len(self) -> usize {
        match self {
            HashView::Small(bytes) => bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize),
            HashView::Large(table) => table.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Hash {
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
            Hash::Small(bytes) => crate::base::alloc::block_len(bytes.capacity()),
            Hash::Large(table) => size_of::<PackedTable>() + table.bytes(),
        }
    }
}

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
        match self {
            Hash::Small(bytes) => HashView::Small(bytes),
            Hash::Large(table) => HashView::Large(table),
        }
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

    fn of(value: &Value) -> Option<&Self> {
        match value {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        match value {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Hash(Box::new(self))
    }
}
