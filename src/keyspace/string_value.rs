//! How a string is held: as an integer where its text is the canonical one, else as bytes; and which encoding OBJECT names.

use super::WrongType;
use super::entry::{Encoding, EntryRef, NewValue, Type, ValueRef};
use super::value::string::{StringRef, StringSnapshot};
use crate::base::number::parse_i64;

/// The value for SET and its like: an integer if the text is one, else bytes.
#[inline]
pub fn encode<'v>(key: &[u8], bytes: &'v [u8], expires: bool) -> NewValue<'v> {
    match parse_i64(bytes) {
        Some(number) => NewValue::Int(number),
        None => encode_text(key, bytes, expires),
    }
}

/// The value for text that Valkey leaves text even if it is that of an integer (INCRBYFLOAT's result).
pub fn encode_text<'v>(key: &[u8], bytes: &'v [u8], expires: bool) -> NewValue<'v> {
    NewValue::Bytes(bytes, Encoding::of_text(key.len(), bytes.len(), expires))
}

/// The entry's string: the one place where a key of another type is refused.
#[inline]
pub fn of(entry: EntryRef<'_>) -> Result<ValueRef<'_>, WrongType> {
    if entry.is(Type::String) { Ok(entry.value()) } else { Err(WrongType) }
}

/// Calls `with` with the string, to be read however it lies.
#[inline]
pub fn with_string<R>(value: ValueRef<'_>, with: impl FnOnce(StringRef<'_>) -> R) -> R {
    match value {
        ValueRef::Bytes(bytes) => with(StringRef::Bytes(bytes)),
        ValueRef::Int(number) => with(StringRef::Bytes(itoa::Buffer::new().format(number).as_bytes())),
        ValueRef::Chunks(chunks) => with(StringRef::Chunks(chunks)),
    }
}

/// The value's length in bytes, as STRLEN answers.
pub fn len(value: ValueRef<'_>) -> usize {
    with_string(value, |string| string.len())
}

/// The entry's string, copied out.
pub fn to_vec(entry: EntryRef<'_>) -> Vec<u8> {
    with_string(entry.value(), |string| string.part(0..usize::MAX).into_owned())
}

/// The string as it is now, to be read when its stripe is given back.
pub fn snapshot(value: ValueRef<'_>) -> StringSnapshot {
    with_string(value, StringSnapshot::of)
}
