//! Integers as text, read as strictly as clients expect.
//!
//! Invariant of [`parse_i64`]: it accepts exactly the texts that printing an `i64` can give, so a value that parses can
//! be stored as a number and given back unchanged. No sign `+`, no leading zero, no blank, no `-0`.

/// Longest text an `i64` can have: `-9223372036854775808`.
pub const I64_TEXT_LEN_MAX: usize = 20;

/// Reads a signed 64-bit integer in its one canonical form; anything else, overflow included, gives `None`.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > I64_TEXT_LEN_MAX {
        return None;
    }
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let magnitude = parse_digits(digits)?;
    if is_negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads an unsigned 64-bit integer as SCAN cursors are read: first strictly as [`parse_i64`] (a canonical negative
/// number is refused), then as C's `strtoull` does, which lets blanks, a sign and leading zeros pass.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let magnitude = parse_digits(digits)?;
    Some(if is_negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Decimal digits and nothing else; `None` for no digit at all and on overflow.
fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &byte| {
        if !byte.is_ascii_digit() {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::{parse_i64, parse_u64};

    #[test]
    fn signed_numbers_have_one_form() {
        let cases: &[(&str, Option<i64>)] = &[
            ("0", Some(0)),
            ("7", Some(7)),
            ("-1", Some(-1)),
            ("99", Some(99)),
            ("-99", Some(-99)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("999999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("1a", None),
            ("a", None),
            ("0x1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_i64(text.as_bytes()), *expected, "{text:?}");
        }
    }

    #[test]
    fn unsigned_numbers_fall_back_to_the_lenient_form() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("007", Some(7)),
            (" 5", Some(5)),
            ("+5", Some(5)),
            ("5 ", None),
            ("", None),
            ("+", None),
            ("x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_u64(text.as_bytes()), *expected, "{text:?}");
        }
    }
}
