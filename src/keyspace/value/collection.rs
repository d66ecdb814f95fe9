//! What all types of collections share: how they lie under a key, are read and are changed.
//!
//! A small collection lies inside its entry, as a value of [`COLLECTION_INLINE_LEN_MAX`] bytes at most; a larger one is a boxed [`Value`].
//! Which of the two it is shows nowhere but here and in [`crate::keyspace::collection_mut`].
//!
//! Invariant: there is no empty collection under a key.

use super::{Encoding, Type, Value, WrongType};
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
    /// True if some of its elements have expiries of their own.
    #[inline]
    fn has_expiring(&self) -> bool {
        false
    }
    /// The value's collection, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;
    /// As [`Collection::of`], to change it.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// As a value.
    fn into_value(self) -> Value;
}

/// What a key holds, inside its entry or in a box.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// Inside.
    Inline(&'a [u8], Encoding),
    /// In a box.
    Boxed(&'a Value),
}

/// Who holds a value: an entry.
pub trait Holder<'a> {
    /// The value's type.
    fn kind(&self) -> Type;
    /// The value.
    fn held(&self) -> Held<'a>;
}

/// The collection under a key: the one place where a key of another type is refused.
#[inline]
pub fn of<'a, C: Collection + 'a>(entry: impl Holder<'a>) -> Result<C::View<'a>, WrongType> {
    if entry.kind() != C::TYPE {
        return Err(WrongType);
    }
    match entry.held() {
        Held::Boxed(value) => C::of(value).map(C::view).ok_or(WrongType),
        Held::Inline(bytes, encoding) => Ok(C::view_inline(bytes, encoding)),
    }
}
