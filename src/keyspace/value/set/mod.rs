//! Sets: members without order.
//!
//! ```text
//! integers  u8 bytes of each: 2, 4 or 8 | the members, ascending
//! small     u16 number of members | member member ...             (items, in the order in which the members came)
//! large     a packed table of records: member
//! ```
//!
//! Which of them a set is, Valkey's rules for intsets, listpacks and tables say; a set never goes back to a smaller form by itself. A
//! small one of more than [`SMALL_LEN_MAX`] members is large whatever the limits say, and so is one of more than [`INTEGERS_LEN_MAX`]
//! integers.

mod change;
mod integers;
#[cfg(test)]
mod tests;
mod view;

pub use self::change::SetLimits;
pub use self::view::Member;
use super::chunk::Chunked;
use super::collection::Collection;
use super::kind::{Encoding, Type};
use super::packed_table::PackedTable;
use crate::base::alloc;
use crate::base::limits::{EFFORT_LEN, ELEMENT_STEPS};
use crate::keyspace::hash::KeyHash;

/// Most members of a small set: its count takes 16 bits.
const SMALL_LEN_MAX: u64 = u16::MAX as u64;
/// Most members of a set of integers: each new one moves half of them.
const INTEGERS_LEN_MAX: u64 = 1 << 20;
const COUNT_LEN: usize = 2;

/// A set. See the module's page.
#[derive(Debug, Clone)]
pub enum Set {
    /// Integers, sorted.
    Integers(Vec<u8>),
    /// In one piece.
    Small(Vec<u8>),
    /// Too large for that.
    Large(Box<PackedTable>),
}

/// A set, to read.
#[derive(Debug, Clone, Copy)]
pub enum SetView<'a> {
    /// Integers, sorted.
    Integers(&'a [u8]),
    /// In one piece.
    Small(&'a [u8]),
    /// Too large for that.
    Large(&'a PackedTable),
}

impl Set {
    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        match self {
            Set::Integers(bytes) | Set::Small(bytes) => 1 + bytes.len() / EFFORT_LEN,
            Set::Large(table) => 1 + table.effort(),
        }
    }

    /// Steps that a command takes which looks at all of it.
    pub fn scan_len(&self) -> usize {
        match self {
            Set::Integers(_) => self.view().len() * ELEMENT_STEPS / 4,
            Set::Small(bytes) => bytes.len(),
            Set::Large(table) => table.len() * ELEMENT_STEPS,
        }
    }

    /// See [`super::Value::prefetch_element`].
    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash, step: usize) {
        if let Set::Large(table) = self {
            table.prefetch(hash, step);
        }
    }

    /// As what is saved in parts.
    pub fn chunked(&self) -> Option<&dyn Chunked> {
        if let Set::Large(table) = self { Some(&**table) } else { None }
    }

    /// As [`Set::chunked`], to save it.
    pub fn chunked_mut(&mut self) -> Option<&mut dyn Chunked> {
        if let Set::Large(table) = self { Some(&mut **table) } else { None }
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        alloc::block_len(size_of::<Set>())
            + match self {
                Set::Integers(bytes) | Set::Small(bytes) => alloc::block_len(bytes.capacity()),
                Set::Large(table) => alloc::block_len(size_of::<PackedTable>()) + table.bytes(),
            }
    }
}

impl Collection for Set {
    const TYPE: Type = Type::Set;
    type View<'a> = SetView<'a>;

    fn new() -> Self {
        Set::Integers(integers::empty())
    }

    fn from_inline(bytes: &[u8], encoding: Encoding) -> Self {
        // Most changes make it a little longer.
        let mut copy = Vec::with_capacity(bytes.len() + 32);
        copy.extend_from_slice(bytes);
        if encoding == Encoding::Intset { Set::Integers(copy) } else { Set::Small(copy) }
    }

    #[inline]
    fn view_inline(bytes: &[u8], encoding: Encoding) -> SetView<'_> {
        if encoding == Encoding::Intset { SetView::Integers(bytes) } else { SetView::Small(bytes) }
    }

    #[inline]
    fn view(&self) -> SetView<'_> {
        match self {
            Set::Integers(bytes) => SetView::Integers(bytes),
            Set::Small(bytes) => SetView::Small(bytes),
            Set::Large(table) => SetView::Large(table),
        }
    }

    fn inline(&self) -> Option<&[u8]> {
        match self {
            Set::Integers(bytes) | Set::Small(bytes) => Some(bytes),
            Set::Large(_) => None,
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Set::Integers(_) => Encoding::Intset,
            Set::Small(_) => Encoding::Listpack,
            Set::Large(_) => Encoding::Hashtable,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn trim(&mut self) {
        if let Set::Integers(bytes) | Set::Small(bytes) = self {
            bytes.shrink_to(alloc::block_len(bytes.len()));
        }
    }
}
