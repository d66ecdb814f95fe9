//! The lines of a section, and how they show amounts, names and times.

use std::fmt::Display;

/// A section's text as it grows.
pub(super) struct Lines(pub(super) String);

impl Lines {
    pub(super) fn add(&mut self, field: &str, value: impl Display) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{field}:{value}\r\n");
    }

    /// A number of bytes, and the same for people under `..._human`.
    pub(super) fn add_bytes(&mut self, field: &str, bytes: u64) {
        self.add(field, bytes);
        self.add(&format!("{field}_human"), human(bytes));
    }
}

/// An amount of memory with a unit: `512B`, `1.50K`, `2.00G`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10) as usize;
    match UNITS.get(power - 1) {
        Some(unit) => format!("{:.2}{unit}", bytes as f64 / 1024f64.powi(power as i32)),
        None => format!("{bytes}B"),
    }
}

/// A name as a field may show it: without what would break a line apart.
pub(super) fn safe(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

/// Microseconds as seconds with six digits.
pub(super) fn seconds(microseconds: impl Into<i128>) -> String {
    let microseconds = microseconds.into();
    format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1536, "1.50K"),
            (1 << 20, "1.00M"),
            (5 << 30, "5.00G"),
            (1 << 50, "1.00P"),
            (u64::MAX, "18446744073709551615B"),
        ];
        for (bytes, text) in cases {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn names_and_times() {
        assert_eq!(safe("a:b#c"), "a_b_c");
        assert_eq!(seconds(1_000_002), "1.000002");
    }
}
