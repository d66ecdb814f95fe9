//! How a collection under a key is read: wherever it lies, and the one place where a key of another type is refused.

use super::WrongType;
use super::entry::EntryRef;
use super::value::Variant;
pub use super::value::collection::{COLLECTION_INLINE_LEN_MAX, Collection};

/// The collection under a key.
#[inline]
pub fn of<C: Variant>(entry: EntryRef<'_>) -> Result<C::View<'_>, WrongType> {
    if !entry.is(C::TYPE) {
        return Err(WrongType);
    }
    match entry.boxed() {
        Some(value) => C::of(value).map(C::view).ok_or(WrongType),
        None => Ok(C::view_inline(entry.inline(), entry.encoding())),
    }
}
