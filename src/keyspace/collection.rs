//! How a collection lies under a key, and is read wherever that is; the one place where a key of another type is refused.

use super::WrongType;
use super::entry::{Entry, EntryRef, NewValue};
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

/// A collection, which is not empty, as a key of this name.
pub fn entry<C: Variant>(name: &[u8], collection: C, expiry_ms: Option<i64>, access_clock: u32) -> Entry {
    with_value(collection, |value| Entry::new(name, value, expiry_ms, access_clock))
}

/// Calls `with` with the collection as an entry holds it: inside, or in a box.
pub(super) fn with_value<C: Variant, R>(collection: C, with: impl FnOnce(NewValue<'_>) -> R) -> R {
    let encoding = collection.encoding();
    match collection.inline() {
        Some(bytes) if bytes.len() <= COLLECTION_INLINE_LEN_MAX => with(NewValue::Collection(bytes, C::TYPE, encoding)),
        _ => with(NewValue::Boxed(Box::new(collection.into_value()), C::TYPE, encoding)),
    }
}
