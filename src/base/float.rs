//! Floating-point numbers with 64 bits of precision: what C calls `long double` on x86-64, which INCRBYFLOAT and HINCRBYFLOAT
//! calculate with.
//!
//! Invariants:
//! * Reading text, adding and printing each round once, to the nearest, ties to even, as the C library and the processor do; so the
//!   texts are Valkey's to the byte wherever Valkey runs on x86-64. (Where C's `long double` is something else, as the 128 bits of
//!   ARM64, Valkey itself prints other last digits.)
//! * A finite number is `mantissa * 2^exponent`, with the mantissa's top bit set unless the exponent is [`EXPONENT_MIN`].

use std::cmp::Ordering;

/// Smallest exponent of the mantissa's lowest bit.
const EXPONENT_MIN: i64 = -16445;
/// Largest exponent of the mantissa's lowest bit; beyond it lies infinity.
const EXPONENT_MAX: i64 = 16320;
/// Longest text that is taken for a number (Valkey's bound: its buffer, less the terminating zero).
pub const TEXT_LEN_MAX: usize = 5 * 1024 - 1;
/// A number of more decimal digits before its point is infinite, whatever they are.
const DECIMAL_POINT_MAX: i64 = 4940;
/// A number whose first digit stands so far behind the point is zero.
const DECIMAL_POINT_MIN: i64 = -4970;
/// Digits printed behind the point.
const FRACTION_DIGITS: usize = 17;
/// Ten to the power of [`FRACTION_DIGITS`].
const FRACTION_SCALE: u128 = 100_000_000_000_000_000;
/// Explicit exponents saturate here: far beyond any that matters, far below an overflow.
const EXPONENT_TEXT_MAX: i64 = 1 << 40;

/// See the module's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    /// `None` is infinity.
    finite: Option<(u64, i64)>,
}

impl From<i64> for LongDouble {
    fn from(number: i64) -> Self {
        rounded(number < 0, u128::from(number.unsigned_abs()), 0, false)
    }
}

/// Reads a 64-bit floating-point number as scores, weights and coordinates are read: decimal, with `inf` and `infinity`. `None` for
/// anything else, NaN, and what is too large or too small to be one.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let value = parse_f64_leniently(text)?;
    let mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let is_out_of_range = match value {
        0.0 => mantissa.clone().any(|byte| matches!(byte, b'1'..=b'9')),
        _ => value.is_infinite() && mantissa.clone().any(u8::is_ascii_digit),
    };
    (!is_out_of_range).then_some(value)
}

/// As [`parse_f64`], but what is too large is infinite, and what is too small is 0.
pub fn parse_f64_leniently(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|value: &f64| !value.is_nan())
}

/// Writes a number with 17 digits, without trailing zeros: what C prints for `%.17g`.
pub fn format_17_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 && value.is_sign_negative() { "-0".to_owned() } else { value.to_string() };
    }
    let text = format!("{value:.16e}");
    let (digits, exponent) = text.split_once('e').expect("that format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let trim = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    if (-4..17).contains(&exponent) {
        let fixed = format!("{value:.*}", (16 - exponent) as usize);
        return if exponent < 16 { trim(&fixed) } else { fixed };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.unsigned_abs())
}

impl From<f64> for LongDouble {
    /// The number must be finite.
    fn from(number: f64) -> Self {
        let bits = number.to_bits();
        let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) as i64 & 0x7ff);
        let (mantissa, exponent) = if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 52, exponent) };
        rounded(number.is_sign_negative(), u128::from(mantissa), exponent - 1075, false)
    }
}

impl LongDouble {
    /// Reads what C's `strtold` reads completely: a sign, decimal digits with point and exponent, `0x` with hexadecimal digits and
    /// binary exponent, `inf`, `infinity`. `None` for anything else, for NaN, for a number that is too large, and for one so small
    /// that it would become zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { negative, finite: None });
        }
        let number = match rest {
            [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(negative, digits),
            digits => parse_decimal(negative, digits),
        }?;
        number.is_finite().then_some(number)
    }

    /// The nearest 64-bit number; one that is not zero does not become zero.
    pub fn to_f64(self) -> f64 {
        let size = match self.finite {
            None => f64::INFINITY,
            Some((0, _)) => 0.0,
            Some((mantissa, exponent)) => {
                let scale = |number: f64, exponent: i64| number * 2f64.powi(exponent.clamp(-1000, 1000) as i32);
                // In two steps, since the mantissa alone has 64 bits.
                scale(scale(mantissa as f64, exponent / 2), exponent - exponent / 2).max(f64::MIN_POSITIVE)
            }
        };
        if self.negative { -size } else { size }
    }

    /// False for infinity.
    pub fn is_finite(self) -> bool {
        self.finite.is_some()
    }

    /// The sum; `None` if it is no finite number.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let (mut high, mut low) = (self, other);
        let ((_, one), (_, two)) = (high.finite?, low.finite?);
        if one < two {
            std::mem::swap(&mut high, &mut low);
        }
        let ((high_mantissa, high_exponent), (low_mantissa, low_exponent)) = (high.finite?, low.finite?);
        // Up to 62 bits apart the sum is exact in 128 bits. Further apart the lower number's last bits only matter as "not zero",
        // because the higher one is normal then and the rounding happens far above them.
        let distance = high_exponent - low_exponent;
        let shift = distance.min(62);
        let lost = (distance - shift) as u32;
        let high_bits = u128::from(high_mantissa) << shift;
        let kept = u128::from(low_mantissa.checked_shr(lost).unwrap_or(0));
        let dropped = if lost == 0 { false } else { lost >= 64 && low_mantissa != 0 || lost < 64 && low_mantissa << (64 - lost) != 0 };
        let low_bits = kept | u128::from(dropped);
        let exponent = high_exponent - shift;
        let sum = if high.negative == low.negative {
            rounded(high.negative, high_bits + low_bits, exponent, false)
        } else {
            match high_bits.cmp(&low_bits) {
                Ordering::Equal => LongDouble { negative: false, finite: Some((0, EXPONENT_MIN)) },
                Ordering::Greater => rounded(high.negative, high_bits - low_bits, exponent, false),
                Ordering::Less => rounded(low.negative, low_bits - high_bits, exponent, false),
            }
        };
        sum.is_finite().then_some(sum)
    }

    /// The number as people write it: no exponent, at most 17 digits behind the point, no zeros at the end, no `-0`.
    pub fn to_text(self) -> String {
        let Some((mantissa, exponent)) = self.finite else { return if self.negative { "-inf".into() } else { "inf".into() } };
        let digits = if exponent >= 0 { whole_digits(mantissa, exponent as usize) } else { fraction_digits(mantissa, exponent) };
        if self.negative && digits != "0" { format!("-{digits}") } else { digits }
    }
}

/// `bits * 2^exponent`, plus something smaller than one of its last bit if `inexact`, as the nearest number. If `inexact`, `bits`
/// has at least 66 bits.
fn rounded(negative: bool, bits: u128, exponent: i64, inexact: bool) -> LongDouble {
    let len = i64::from(128 - bits.leading_zeros());
    let target = (exponent + len - 64).max(EXPONENT_MIN);
    let shift = target - exponent;
    let mantissa = match shift {
        _ if bits == 0 => 0,
        ..=0 => bits << -shift,
        1..=127 => {
            let (kept, rest, half) = (bits >> shift, bits & ((1 << shift) - 1), 1 << (shift - 1));
            let is_up = rest > half || rest == half && (inexact || kept & 1 == 1);
            kept + u128::from(is_up)
        }
        128 => u128::from(bits > 1 << 127 || bits == 1 << 127 && inexact),
        _ => 0,
    };
    let (mantissa, target) = match u64::try_from(mantissa) {
        Ok(mantissa) => (mantissa, target),
        // Rounding up carried into a 65th bit.
        Err(_) => (1 << 63, target + 1),
    };
    let target = if mantissa == 0 { EXPONENT_MIN } else { target };
    LongDouble { negative, finite: (target <= EXPONENT_MAX).then_some((mantissa, target)) }
}

/// Digits of a number, without its sign: leading zeros dropped, with the place of its point and its explicit exponent.
struct Digits {
    /// Values of the digits.
    digits: Vec<u8>,
    /// How many of them stand before the point: negative if zeros follow it first.
    point: i64,
    exponent: i64,
}

/// Splits `digits[.digits][marker[sign]decimal digits]`. At least one digit is needed before the marker, and one behind it.
fn split(text: &[u8], radix: u32, marker: u8) -> Option<Digits> {
    let mut digits = Vec::new();
    let (mut point, mut has_point, mut has_digit) = (0, false, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if let Some(value) = char::from(byte).to_digit(radix) {
            has_digit = true;
            let is_leading_zero = value == 0 && digits.is_empty();
            if !is_leading_zero {
                digits.push(value as u8);
            }
            point += match (has_point, is_leading_zero) {
                (false, false) => 1,
                (true, true) => -1,
                _ => 0,
            };
        } else if byte == b'.' && !has_point {
            has_point = true;
        } else {
            break;
        }
        at += 1;
    }
    let exponent = match &text[at..] {
        [] => 0,
        [byte, exponent @ ..] if byte.eq_ignore_ascii_case(&marker) => parse_exponent(exponent)?,
        _ => return None,
    };
    while digits.last() == Some(&0) {
        digits.pop();
    }
    has_digit.then_some(Digits { digits, point, exponent })
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(EXPONENT_TEXT_MAX));
    Some(if negative { -value } else { value })
}

const ZERO: (u64, i64) = (0, EXPONENT_MIN);

/// Refuses what rounding turned into zero.
fn unless_vanished(number: LongDouble) -> Option<LongDouble> {
    (number.finite != Some(ZERO)).then_some(number)
}

fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let Digits { digits, point, exponent } = split(text, 16, b'p')?;
    if digits.is_empty() {
        return Some(LongDouble { negative, finite: Some(ZERO) });
    }
    // 30 digits are 117 bits or more: what follows only matters as "not zero" (the last digit is none).
    let used = digits.len().min(30);
    let bits = digits[..used].iter().fold(0_u128, |bits, digit| bits << 4 | u128::from(*digit));
    let exponent = (point - used as i64) * 4 + exponent;
    if exponent > EXPONENT_MAX {
        return None;
    }
    unless_vanished(rounded(negative, bits, exponent.max(2 * EXPONENT_MIN), digits.len() > used))
}

fn parse_decimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let Digits { digits, point, exponent } = split(text, 10, b'e')?;
    if digits.is_empty() {
        return Some(LongDouble { negative, finite: Some(ZERO) });
    }
    let point = point + exponent;
    if !(DECIMAL_POINT_MIN..=DECIMAL_POINT_MAX).contains(&point) {
        return None;
    }
    let scale = point - digits.len() as i64;
    unless_vanished(if scale < 0 {
        divided(negative, &digits, scale.unsigned_abs() as usize)
    } else {
        multiplied(negative, &digits, scale as usize)
    })
}

/// The digits times ten to the power of `scale`.
fn multiplied(negative: bool, digits: &[u8], scale: usize) -> LongDouble {
    let mut number = Natural::from_digits(digits);
    number.scale_by_ten(scale);
    let (bits, exponent, inexact) = number.top_bits();
    rounded(negative, bits, exponent, inexact)
}

/// The digits divided by ten to the power of `scale`.
fn divided(negative: bool, digits: &[u8], scale: usize) -> LongDouble {
    // A short number needs no long division: its quotient in 128 bits has 67 of them or more.
    if digits.len() <= 19 && scale <= 18 {
        let number = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
        let shift = number.leading_zeros();
        let (dividend, divisor) = (u128::from(number << shift) << 64, 10_u128.pow(scale as u32));
        return rounded(negative, dividend / divisor, -i64::from(shift) - 64, !dividend.is_multiple_of(divisor));
    }
    let mut dividend = Natural::from_digits(digits);
    let mut divisor = Natural::from_digits(&[1]);
    divisor.scale_by_ten(scale);
    // Shift either number so that the dividend has 67 bits more than the divisor; the quotient then has 67 or 68.
    let shift = divisor.bit_len() as i64 + 67 - dividend.bit_len() as i64;
    if shift >= 0 {
        dividend.shift_left(shift as usize)
    } else {
        divisor.shift_left(shift.unsigned_abs() as usize)
    }
    let (bits, inexact) = dividend.divide_by(divisor);
    rounded(negative, bits, -shift, inexact)
}

/// Decimal digits of `mantissa * 2^exponent`.
fn whole_digits(mantissa: u64, exponent: usize) -> String {
    let mut number = Natural(vec![mantissa]);
    number.shift_left(exponent);
    number.to_decimal()
}

/// Decimal text of `mantissa * 2^exponent` for a negative exponent, rounded behind the point, without zeros at the end.
fn fraction_digits(mantissa: u64, exponent: i64) -> String {
    let scaled = u128::from(mantissa) * FRACTION_SCALE;
    let shift = exponent.unsigned_abs();
    let units = if shift < 128 {
        let (kept, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), 1_u128 << (shift - 1));
        kept + u128::from(rest > half || rest == half && kept & 1 == 1)
    } else {
        // `scaled` has at most 121 bits, so this is less than half a unit.
        0
    };
    let (whole, fraction) = (units / FRACTION_SCALE, units % FRACTION_SCALE);
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:0FRACTION_DIGITS$}");
    text.trim_end_matches('0').to_owned()
}

/// A natural number of any size: 64-bit digits, the lowest first, without zeros at the top.
struct Natural(Vec<u64>);

impl Natural {
    /// From decimal digits.
    fn from_digits(digits: &[u8]) -> Natural {
        let mut number = Natural(Vec::new());
        for chunk in digits.chunks(19) {
            let value = chunk.iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
            number.multiply_add(10_u64.pow(chunk.len() as u32), value);
        }
        number
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for digit in &mut self.0 {
            let product = u128::from(*digit) * u128::from(factor) + u128::from(carry);
            *digit = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    fn scale_by_ten(&mut self, power: usize) {
        for _ in 0..power / 19 {
            self.multiply_add(10_u64.pow(19), 0);
        }
        self.multiply_add(10_u64.pow((power % 19) as u32), 0);
    }

    fn bit_len(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 64 - top.leading_zeros() as usize)
    }

    fn shift_left(&mut self, shift: usize) {
        let bits = shift % 64;
        if bits > 0 {
            let mut carry = 0;
            for digit in &mut self.0 {
                (*digit, carry) = (*digit << bits | carry, *digit >> (64 - bits));
            }
            if carry != 0 {
                self.0.push(carry);
            }
        }
        self.0.splice(0..0, std::iter::repeat_n(0, shift / 64));
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for digit in self.0.iter_mut().rev() {
            (*digit, carry) = (*digit >> 1 | carry << 63, *digit & 1);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn is_at_least(&self, other: &Natural) -> bool {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())).is_ge()
    }

    /// Takes `other` away, which is not larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let (less, first) = digit.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            *digit = less;
            borrow = first | second;
        }
        self.trim();
    }

    /// The quotient, of at most 68 bits, and whether something is left over.
    fn divide_by(mut self, mut divisor: Natural) -> (u128, bool) {
        let steps = (self.bit_len() + 1).saturating_sub(divisor.bit_len());
        assert!(steps <= 68, "the caller shifts the numbers so");
        divisor.shift_left(steps);
        let mut quotient = 0_u128;
        for _ in 0..steps {
            divisor.halve();
            quotient <<= 1;
            if self.is_at_least(&divisor) {
                self.subtract(&divisor);
                quotient |= 1;
            }
        }
        (quotient, !self.0.is_empty())
    }

    /// The highest 65 to 128 bits (or all there are), the exponent of their lowest, and whether lower ones were left out.
    fn top_bits(&self) -> (u128, i64, bool) {
        match self.0[..] {
            [] => (0, 0, false),
            [one] => (u128::from(one), 0, false),
            [low, high] => (u128::from(high) << 64 | u128::from(low), 0, false),
            [ref rest @ .., low, middle, high] => {
                let shift = high.leading_zeros();
                let bits = u128::from(high) << 64 | u128::from(middle);
                let bits = if shift == 0 { bits } else { bits << shift | u128::from(low >> (64 - shift)) };
                let inexact = low << shift != 0 || rest.iter().any(|digit| *digit != 0);
                (bits, (self.0.len() as i64 - 2) * 64 - i64::from(shift), inexact)
            }
        }
    }

    fn to_decimal(&self) -> String {
        let mut digits = self.0.clone();
        let mut parts = Vec::new();
        while !digits.is_empty() {
            let mut rest = 0_u128;
            for digit in digits.iter_mut().rev() {
                let value = rest << 64 | u128::from(*digit);
                *digit = (value / 10_u128.pow(19)) as u64;
                rest = value % 10_u128.pow(19);
            }
            parts.push(rest);
            while digits.last() == Some(&0) {
                digits.pop();
            }
        }
        let Some(first) = parts.pop() else { return "0".into() };
        let mut text = first.to_string();
        for part in parts.iter().rev() {
            text.push_str(&format!("{part:019}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(one: &str, other: &str) -> Option<String> {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text:?} is a number"));
        parse(one).checked_add(parse(other)).map(LongDouble::to_text)
    }

    #[test]
    fn sums_are_printed_as_c_prints_them() {
        // Expected texts: `printf("%.17Lf")` of the sum on x86-64, zeros trimmed.
        let cases = [
            ("0", "0", "0"),
            ("1", "0.25", "1.25"),
            ("1.5", "-0.5", "1"),
            ("3.0e3", "200", "3200"),
            ("5.0e3", "2.0e2", "5200"),
            ("10.50", "0.1", "10.6"),
            ("1.23", "0.1", "1.33"),
            ("3", "1.1", "4.1"),
            ("17179869184", "1.5", "17179869185.5"),
            ("1.1", "-1.1", "0"),
            ("-0", "-0", "0"),
            ("-1e-18", "0", "0"),
            ("1e-17", "0", "0.00000000000000001"),
            ("5e-18", "0", "0"),
            ("6e-18", "0", "0.00000000000000001"),
            ("0x1.8p1", "0X10", "19"),
            ("1e20", "0.5", "100000000000000000000"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("18446744073709551614", "0.5", "18446744073709551614"),
            ("9223372036854775807", "0.5", "9223372036854775807.5"),
            ("1e30", "1", "1000000000000000000024696061952"),
            (".5", "5.", "5.5"),
            ("1e-4940", "1", "1"),
            ("1e-4950", "-1e-4950", "0"),
            ("123456789.123456789", "0.000000001", "123456789.12345678999554366"),
        ];
        for (one, other, expected) in cases {
            assert_eq!(add(one, other).as_deref(), Some(expected), "{one} + {other}");
            assert_eq!(add(other, one).as_deref(), Some(expected), "{other} + {one}");
        }
    }

    #[test]
    fn doubles_are_read_as_valkey_reads_them() {
        for (text, value) in [
            ("1", Some(1.0)),
            ("+1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("infinity", Some(f64::INFINITY)),
            ("0e400", Some(0.0)),
            ("1e400", None),
            ("1e-400", None),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("0x10", None),
            ("1e", None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), value, "{text:?}");
        }
        assert_eq!(parse_f64_leniently(b"1e400"), Some(f64::INFINITY));
    }

    #[test]
    fn doubles_are_written_as_c_writes_them() {
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e-5, "1.0000000000000001e-05"),
            (0.0001, "0.0001"),
            (1e300, "1.0000000000000001e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(format_17_digits(value), text);
        }
        for value in [1.5, -0.25, 13.361_389_338_970_184, 5e-324, 1e17, 0.0] {
            assert_eq!(LongDouble::from(value).to_text().parse::<f64>().ok(), Some(if value == 5e-324 { 0.0 } else { value }));
        }
    }

    #[test]
    fn sums_beyond_all_numbers_are_none() {
        assert_eq!(add("inf", "1"), None);
        assert_eq!(add("-infinity", "INF"), None);
        assert_eq!(add("1.1e4932", "1.1e4932"), None);
        assert!(add("1.1e4932", "0").is_some_and(|text| text.len() == 4933));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", " 1", "1 ", "abc", "1e", "1e+", "0x", "0x1p", "nan", "nan(1)", "--1", "1.2.3", ".", "+", "1e4933", "1e-4952", "1\0", "0xg",
            "1,5", "e5", "infinit",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(LongDouble::parse(&vec![b'1'; TEXT_LEN_MAX + 1]), None);
    }

    #[test]
    fn long_texts_agree_with_short_ones() {
        let pairs = [
            (format!("1{}e-4000", "0".repeat(4000)), "1".to_owned()),
            (format!("0.{}1e4001", "0".repeat(4000)), "1".to_owned()),
            (format!("{}.5", "0".repeat(5000)), "0.5".to_owned()),
            (format!("0.1{}", "0".repeat(5000)), "0.1".to_owned()),
            // One tick above a tie between two neighbours rounds up; the tie itself rounds to even.
            (format!("9223372036854775808.5{}1", "0".repeat(4000)), "9223372036854775809".to_owned()),
            ("0x0.0000000000000000000000000000000000000001p160".to_owned(), "1".to_owned()),
        ];
        for (long, short) in pairs {
            let parse = |text: &str| LongDouble::parse(text.as_bytes());
            assert_eq!(parse(&long), parse(&short), "{short}");
            assert!(parse(&short).is_some());
        }
        assert_eq!(LongDouble::parse(b"9223372036854775808.5"), LongDouble::parse(b"9223372036854775808"));
    }

    #[test]
    fn the_long_and_the_short_division_agree() {
        for (digits, scale) in [(&[1][..], 1), (&[1, 2, 3], 2), (&[9; 19], 18), (&[3, 3, 3, 3], 7), (&[7], 18)] {
            let short = divided(false, digits, scale);
            let padded: Vec<u8> = digits.iter().copied().chain([0; 20]).collect();
            assert_eq!(divided(false, &padded, scale + 20), short, "{digits:?} / 10^{scale}");
        }
    }
}
