//! Amounts of memory as text: `100`, `64kb`, `1gb`.

/// Unit suffixes, in any case, and their factors. Units without `b` are decimal.
const UNITS: [(&str, u64); 8] =
    [("", 1), ("b", 1), ("k", 1000), ("kb", 1 << 10), ("m", 1_000_000), ("mb", 1 << 20), ("g", 1_000_000_000), ("gb", 1 << 30)];

/// Reads an amount of memory in bytes: digits and an optional unit, nothing else.
///
/// Unlike Valkey, which lets the product wrap around, an amount above 64 bits is refused.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_len);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes an amount with the largest binary unit that divides it, as CONFIG REWRITE does.
pub fn format_memory(bytes: u64) -> String {
    for (unit, factor) in [("gb", 1_u64 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::{format_memory, parse_memory};

    #[test]
    fn amounts_read_with_units() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("100", Some(100)),
            ("100b", Some(100)),
            ("1k", Some(1000)),
            ("1kb", Some(1024)),
            ("1Kb", Some(1024)),
            ("5m", Some(5_000_000)),
            ("5MB", Some(5 << 20)),
            ("2g", Some(2_000_000_000)),
            ("2gb", Some(2 << 30)),
            ("9223372036854775808", Some(1 << 63)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("18446744073709551615gb", None),
            ("", None),
            ("mb", None),
            ("-1", None),
            ("+1", None),
            ("1.5gb", None),
            ("1 gb", None),
            ("10mbs", None),
            ("10t", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_memory(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_written_with_the_largest_unit() {
        for (bytes, text) in [(0, "0"), (1023, "1023"), (1024, "1kb"), (3 << 20, "3mb"), (1 << 30, "1gb"), ((1 << 30) + 1, "1073741825")] {
            assert_eq!(format_memory(bytes), text);
            assert_eq!(parse_memory(text), Some(bytes));
        }
    }
}
