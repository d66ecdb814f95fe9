//! How a string is held: as an integer where its text is the canonical one, else as bytes; and which encoding OBJECT names.

use super::entry::{Encoding, EntryRef, NewValue, ValueRef};
use crate::base::number::parse_i64;

/// Valkey embeds a string in its object while object, key, expiry and value stay within two cache lines.
const EMBEDDED_LEN_MAX: usize = 128;

/// Whether Valkey would name a string of this length `embstr`, given its key.
pub fn embeds(key_len: usize, value_len: usize, expires: bool) -> bool {
    let key_header = if key_len < 32 { 1 } else { 3 };
    let size = 8 + 1 + key_header + key_len + 1 + if expires { 8 } else { 0 } + 3 + value_len + 1;
    value_len <= u8::MAX as usize && size <= EMBEDDED_LEN_MAX
}

/// The value for SET and its like: an integer if the text is one, else bytes.
#[inline]
pub fn encode<'v>(key: &[u8], bytes: &'v [u8], expires: bool) -> NewValue<'v> {
    match parse_i64(bytes) {
        Some(number) => NewValue::Int(number),
        None => NewValue::Bytes(bytes, if embeds(key.len(), bytes.len(), expires) { Encoding::Embstr } else { Encoding::Raw }),
    }
}

/// Calls `with` with the value's bytes.
pub fn with_bytes<R>(value: ValueRef<'_>, with: impl FnOnce(&[u8]) -> R) -> R {
    match value {
        ValueRef::Bytes(bytes) => with(bytes),
        ValueRef::Int(number) => with(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// The value's length in bytes, as STRLEN answers.
pub fn len(value: ValueRef<'_>) -> usize {
    with_bytes(value, <[u8]>::len)
}

/// The entry's string, copied out.
pub fn to_vec(entry: EntryRef<'_>) -> Vec<u8> {
    with_bytes(entry.value(), <[u8]>::to_vec)
}
