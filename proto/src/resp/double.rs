//! Floating point numbers as text, byte for byte as Valkey's replies have them.
//!
//! Whole numbers up to 2^62 are written as integers. Others are the shortest digits that read back as the same number,
//! in one of three layouts: plain with appended zeros, decimal, or scientific with a signed exponent.

use std::fmt;
use std::ops::Deref;

/// Longest text: sign, 17 digits, point, `e-308`.
const TEXT_LEN_MAX: usize = 24;
/// Whole numbers of at most this size take the integer path.
const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;

/// The text of a number, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; TEXT_LEN_MAX],
    len: u8,
}

impl DoubleText {
    fn new(text: &[u8]) -> Self {
        let mut out = DoubleText {
            bytes: [0; TEXT_LEN_MAX],
            len: 0,
        };
        out.push_all(text);
        out
    }

    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    fn push_all(&mut self, text: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + text.len()].copy_from_slice(text);
        self.len += text.len() as u8;
    }

    fn push_zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.push(b'0');
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self).expect("only ASCII is written")
    }
}

impl Deref for DoubleText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for DoubleText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Display for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DoubleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Writes a number as Valkey does in replies, scores and files: `3`, `-0`, `0.1`, `1e+20`, `inf`, `-inf`, `nan`.
pub fn format_double(value: f64) -> DoubleText {
    if value.is_nan() {
        return DoubleText::new(b"nan");
    }
    if value.is_infinite() {
        return DoubleText::new(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 {
        return DoubleText::new(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
    }
    if value.abs() <= INTEGER_MAX && value.trunc() == value {
        return DoubleText::new(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    let mut out = DoubleText::new(if value < 0.0 { b"-" } else { b"" });
    let digits = Digits::of(value.abs());
    lay_out(digits.as_slice(), digits.exponent, &mut out);
    out
}

/// Decimal digits `d` and an exponent `k` with value = d * 10^k; no trailing zeros.
struct Digits {
    bytes: [u8; 17],
    len: usize,
    exponent: i32,
}

impl Digits {
    /// The shortest digits that read back as `value`, which is finite and positive.
    fn of(value: f64) -> Digits {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        let (mantissa, mut exponent) = match memchr::memchr(b'e', text) {
            Some(at) => (&text[..at], small_number(&text[at + 1..])),
            None => (text, 0),
        };
        let mut digits = Digits {
            bytes: [0; 17],
            len: 0,
            exponent: 0,
        };
        let mut after_point = false;
        let mut zeros = 0;
        for &byte in mantissa {
            if byte == b'.' {
                after_point = true;
                continue;
            }
            exponent -= i32::from(after_point);
            if byte == b'0' {
                // Leading zeros count for nothing, inner ones are written when a digit follows.
                zeros += usize::from(digits.len > 0);
                continue;
            }
            digits.bytes[digits.len..digits.len + zeros].fill(b'0');
            digits.bytes[digits.len + zeros] = byte;
            digits.len += zeros + 1;
            zeros = 0;
        }
        digits.exponent = exponent + zeros as i32;
        digits
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn small_number(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    if negative { -value } else { value }
}

/// Writes digits * 10^exponent in the layout that Valkey chooses.
fn lay_out(digits: &[u8], exponent: i32, out: &mut DoubleText) {
    let count = digits.len() as i32;
    let scientific = exponent + count - 1;
    if exponent >= 0 && scientific.abs() < count + 7 {
        out.push_all(digits);
        out.push_zeros(exponent as usize);
    } else if exponent < 0 && (exponent > -7 || scientific.abs() < 4) {
        let before_point = count + exponent;
        if before_point <= 0 {
            out.push_all(b"0.");
            out.push_zeros(-before_point as usize);
            out.push_all(digits);
        } else {
            let (whole, fraction) = digits.split_at(before_point as usize);
            out.push_all(whole);
            out.push(b'.');
            out.push_all(fraction);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.push_all(&digits[1..]);
        }
        out.push_all(if scientific < 0 { b"e-" } else { b"e+" });
        out.push_all(
            itoa::Buffer::new()
                .format(scientific.unsigned_abs())
                .as_bytes(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (3.5, "3.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-5, "0.00001"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (1.25e-10, "1.25e-10"),
            (0.00012345678901234567, "1.2345678901234567e-4"),
            (0.0012345678901234567, "0.0012345678901234567"),
            (1e15, "1000000000000000"),
            (1e18, "1000000000000000000"),
            (4e18, "4000000000000000000"),
            (5e18, "5e+18"),
            (1e20, "1e+20"),
            (1.5e20, "1.5e+20"),
            (1.2345678901234567e19, "12345678901234567000"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (3.0e-3, "0.003"),
            (1.1e23, "1.1e+23"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(format_double(value).as_str(), text);
        }
    }
}
