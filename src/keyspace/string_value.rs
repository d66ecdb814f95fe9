//! How a string is held: as an integer where its text is the canonical one, else as bytes; and which encoding OBJECT names.

use super::entry::{Encoding, EntryRef, NewValue, ValueRef};

/// Longest decimal text of a 64-bit integer.
const INT_TEXT_LEN_MAX: usize = 20;
/// Valkey embeds a string in its object while object, key, expiry and value stay within two cache lines.
const EMBEDDED_LEN_MAX: usize = 128;

/// The integer whose canonical decimal text is `bytes`: no sign `+`, no leading zero, within 64 bits.
#[inline]
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > INT_TEXT_LEN_MAX {
        return None;
    }
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    if negative {
        if magnitude > i64::MIN.unsigned_abs() {
            return None;
        }
        return Some((magnitude as i64).wrapping_neg());
    }
    i64::try_from(magnitude).ok()
}

/// Whether Valkey would name a string of this length `embstr`, given its key.
pub fn embeds(key_len: usize, value_len: usize, expires: bool) -> bool {
    let key_header = if key_len < 32 { 1 } else { 3 };
    let size = 8 + 1 + key_header + key_len + 1 + if expires { 8 } else { 0 } + 3 + value_len + 1;
    value_len <= u8::MAX as usize && size <= EMBEDDED_LEN_MAX
}

/// The value for SET and its like: an integer if the text is one, else bytes.
#[inline]
pub fn encode<'v>(key: &[u8], bytes: &'v [u8], expires: bool) -> NewValue<'v> {
    match parse_int(bytes) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_texts_are_integers() {
        for (text, expect) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
            ("1.0", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_int(text.as_bytes()), expect, "{text:?}");
        }
    }
}
