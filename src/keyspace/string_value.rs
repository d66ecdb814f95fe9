//! How a string is held: as an integer where its text is the canonical one, else as bytes; and which encoding OBJECT names.

use super::WrongType;
use super::entry::{Encoding, EntryRef, NewValue, Type, ValueRef};
use crate::base::number::parse_i64;

/// Up to this length a growing string doubles; beyond it, it reserves an eighth, so that memory stays near what is used.
const DOUBLING_LEN_MAX: usize = 1024 * 1024;

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
        None => encode_text(key, bytes, expires),
    }
}

/// The value for text that Valkey leaves text even if it is that of an integer (INCRBYFLOAT's result).
pub fn encode_text<'v>(key: &[u8], bytes: &'v [u8], expires: bool) -> NewValue<'v> {
    NewValue::Bytes(bytes, if embeds(key.len(), bytes.len(), expires) { Encoding::Embstr } else { Encoding::Raw })
}

/// The entry's string: the one place where a key of another type is refused.
#[inline]
pub fn of(entry: EntryRef<'_>) -> Result<ValueRef<'_>, WrongType> {
    match entry.kind() {
        Type::String => Ok(entry.value()),
    }
}

/// Makes room for `more` bytes, with some to spare.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) {
    let len = bytes.len() + more;
    if len <= bytes.capacity() {
        return;
    }
    if len <= DOUBLING_LEN_MAX {
        bytes.reserve(more);
    } else {
        bytes.reserve_exact(more + len / 8);
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
