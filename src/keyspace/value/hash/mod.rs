//! Hashes: fields with values, and perhaps expiries.
//!
//! ```text
//! small   u16 number of fields | field value field value ...     (items, in the order in which the fields came)
//! large   a packed table of records: field value [expiry]
//! ```
//!
//! A small hash is one that Valkey would hold as a listpack. It becomes a large one when a limit of the configuration is exceeded, or when
//! a field gets an expiry, and stays one. One of more than [`SMALL_LEN_MAX`] fields is large whatever the limits say.
//!
//! Invariant: a field whose time has come is not there for who reads, but counts until the sweep ([`crate::keyspace::expire`]) or a new
//! value takes it away.

mod change;
mod expiry;
mod schedule;
#[cfg(test)]
mod tests;
mod view;

pub use self::change::{FieldExpiry, FieldWas};
pub use self::expiry::{ExpiryChange, Swept};
use self::schedule::Schedule;
use super::chunk::Chunked;
use super::collection::Collection;
use super::kind::{Encoding, Type};
use super::packed_table::PackedTable;
use crate::base::alloc;
use crate::base::limits::{EFFORT_LEN, ELEMENT_STEPS};
use crate::datatypes::items;
use crate::keyspace::hash::{KeyHash, KeyHasher};
use crate::keyspace::liveness::Liveness;

/// Most fields of a small hash: its count takes 16 bits.
const SMALL_LEN_MAX: u64 = u16::MAX as u64;
const COUNT_LEN: usize = 2;

/// A hash. See the module's page.
#[derive(Debug, Clone)]
pub enum Hash {
    /// In one piece.
    Small(Vec<u8>),
    /// Too large for that.
    Large(Box<LargeHash>),
}

/// A hash that is a table.
#[derive(Debug, Clone)]
pub struct LargeHash {
    table: PackedTable,
    expiry: Schedule,
}

/// A hash, to read.
#[derive(Debug, Clone, Copy)]
pub enum HashView<'a> {
    /// In one piece.
    Small(&'a [u8]),
    /// Too large for that.
    Large(&'a LargeHash),
}

/// With what fields are looked up.
#[derive(Debug, Clone, Copy)]
pub struct FieldAccess<'a> {
    /// Hashes fields.
    pub hasher: &'a KeyHasher,
    /// Who is alive.
    pub liveness: Liveness,
}

/// What a small collection may hold, as the options say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallLimits {
    /// Elements.
    pub entries: u64,
    /// Longest element, in bytes.
    pub value_len: u64,
}

impl LargeHash {
    fn new() -> Self {
        LargeHash { table: PackedTable::new(2), expiry: Schedule::default() }
    }
}

impl Hash {
    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        match self {
            Hash::Small(bytes) => 1 + bytes.len() / EFFORT_LEN,
            Hash::Large(large) => 1 + large.table.effort(),
        }
    }

    /// Steps that a command takes which looks at all of it.
    pub fn scan_len(&self) -> usize {
        match self {
            Hash::Small(bytes) => bytes.len(),
            Hash::Large(large) => large.table.len() * ELEMENT_STEPS,
        }
    }

    /// See [`super::Value::prefetch_element`].
    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash, step: usize) {
        if let Hash::Large(large) = self {
            large.table.prefetch(hash, step);
        }
    }

    /// As what is saved in parts.
    pub fn chunked(&self) -> Option<&dyn Chunked> {
        if let Hash::Large(large) = self { Some(&large.table) } else { None }
    }

    /// As [`Hash::chunked`], to save it.
    pub fn chunked_mut(&mut self) -> Option<&mut dyn Chunked> {
        if let Hash::Large(large) = self { Some(&mut large.table) } else { None }
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        alloc::block_len(size_of::<Hash>())
            + match self {
                Hash::Small(bytes) => alloc::block_len(bytes.capacity()),
                Hash::Large(large) => alloc::block_len(size_of::<LargeHash>()) + large.table.bytes(),
            }
    }
}

impl Collection for Hash {
    const TYPE: Type = Type::Hash;
    type View<'a> = HashView<'a>;

    fn new() -> Self {
        Hash::Small(vec![0; COUNT_LEN])
    }

    fn with_room(len: usize) -> Self {
        Hash::Small(items::with_room(COUNT_LEN, len))
    }

    fn from_inline(bytes: &[u8], _: Encoding) -> Self {
        // Most changes make it a little longer.
        let mut copy = Vec::with_capacity(bytes.len() + 64);
        copy.extend_from_slice(bytes);
        Hash::Small(copy)
    }

    #[inline]
    fn view_inline(bytes: &[u8], _: Encoding) -> HashView<'_> {
        HashView::Small(bytes)
    }

    #[inline]
    fn view(&self) -> HashView<'_> {
        match self {
            Hash::Small(bytes) => HashView::Small(bytes),
            Hash::Large(large) => HashView::Large(large),
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
        self.view().is_empty()
    }

    #[inline]
    fn has_expiring(&self) -> bool {
        matches!(self, Hash::Large(large) if large.expiry.count > 0)
    }

    fn trim(&mut self) {
        if let Hash::Small(bytes) = self {
            items::fit(bytes);
        }
    }
}
