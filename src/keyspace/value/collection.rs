//! What all types of collections share: how they lie under a key, are read and are changed.
//!
//! A small collection lies inside its entry, as a value of [`COLLECTION_INLINE_LEN_MAX`] bytes at most; a larger one is a boxed value.
//! Which of the two it is shows nowhere but in `keyspace/collection.rs` and `keyspace/collection_mut.rs`.
//!
//! Invariant: there is no empty collection under a key.

use super::kind::{Encoding, Type};
use crate::base::limits::INLINE_VALUE_LEN_MAX;

/// Longest collection, in bytes, that lies inside its entry. Each change of such a one copies it.
pub const COLLECTION_INLINE_LEN_MAX: usize = 1024;

const _: () = assert!(COLLECTION_INLINE_LEN_MAX <= INLINE_VALUE_LEN_MAX);

/// A type of collection.
pub trait Collection: Sized {
    /// As entries and TYPE name it.
    const TYPE: Type;
    /// How it is read, wherever it lies.
    type View<'a>
    where
        Self: 'a;

    /// An empty one, to be filled before it comes under a key.
    fn new() -> Self;
    /// As [`Collection::new`]; if that is in one piece, with room for so many bytes.
    fn with_room(_len: usize) -> Self {
        Self::new()
    }
    /// A copy of one that lies inside an entry.
    fn from_inline(bytes: &[u8], encoding: Encoding) -> Self;
    /// One that lies inside an entry.
    fn view_inline(bytes: &[u8], encoding: Encoding) -> Self::View<'_>;
    /// To read.
    fn view(&self) -> Self::View<'_>;
    /// Its bytes as they would lie inside an entry, if it lies in one piece.
    fn inline(&self) -> Option<&[u8]>;
    /// As OBJECT ENCODING names it.
    fn encoding(&self) -> Encoding;
    /// True if nothing is in it.
    fn is_empty(&self) -> bool;
    /// Gives back what was set aside for changes. It is called before the collection comes under a key in a box.
    #[inline]
    fn trim(&mut self) {}
    /// True if some of its elements have expiries of their own.
    #[inline]
    fn has_expiring(&self) -> bool {
        false
    }
}
