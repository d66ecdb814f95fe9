//! Floating point numbers as text, byte for byte as Valkey's replies have them.
//!
//! Whole numbers up to 2^62 are written as integers. Others are digits that read back as the same number, in one of
//! three layouts: plain with appended zeros, decimal, or scientific with a signed exponent.
//!
//! The digits come from Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
//! Integers", 2010), which Valkey uses too. It finds the shortest digits nearly always: in about one number of a
//! thousand it yields one digit more than necessary. The exact algorithms of std and ryu would differ there from what
//! a client of Valkey sees, so they are no substitute.

use std::fmt;
use std::ops::Deref;

/// Room for the longest text: a sign, 18 digits and 7 zeros.
const TEXT_LEN_MAX: usize = 32;
/// Whole numbers of at most this size take the integer path.
const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;

/// Most digits that Grisu2 generates.
const DIGITS_MAX: usize = 18;
/// Digits of the whole part, which has 32 bits.
const WHOLE_DIGITS: i32 = 10;
/// The place value of the first of them.
const WHOLE_POWER_MAX: u64 = 1_000_000_000;

/// The text of a number, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; TEXT_LEN_MAX],
    len: u8,
}

impl DoubleText {
    fn new(text: &[u8]) -> Self {
        let mut out = DoubleText { bytes: [0; TEXT_LEN_MAX], len: 0 };
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
    if value != 0.0 && value.abs() <= INTEGER_MAX && value.trunc() == value {
        return DoubleText::new(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    format_shortest(value)
}

/// As [`format_double`], but integers are laid out as other numbers are: `1e+17`.
pub fn format_shortest(value: f64) -> DoubleText {
    if value.is_nan() {
        return DoubleText::new(b"nan");
    }
    if value.is_infinite() {
        return DoubleText::new(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 {
        return DoubleText::new(if value.is_sign_negative() { b"-0" } else { b"0" });
    }
    let mut out = DoubleText::new(if value < 0.0 { b"-" } else { b"" });
    let digits = Digits::of(value.abs());
    lay_out(digits.as_slice(), digits.exponent, &mut out);
    out
}

/// Decimal digits `d` and an exponent `k` with value = d * 10^k.
struct Digits {
    bytes: [u8; DIGITS_MAX],
    len: usize,
    exponent: i32,
}

/// A number `fraction * 2^exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    fraction: u64,
    exponent: i32,
}

impl Scaled {
    /// The same number with the top bit of the fraction set. The fraction is not zero.
    fn normalized(self) -> Scaled {
        let shift = self.fraction.leading_zeros();
        Scaled { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product, its fraction rounded to 64 bits.
    fn times(self, other: Scaled) -> Scaled {
        let product = u128::from(self.fraction) * u128::from(other.fraction) + (1 << 63);
        Scaled { fraction: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

impl Digits {
    /// Digits of `value`, which is finite and positive.
    fn of(value: f64) -> Digits {
        const HIDDEN_BIT: u64 = 1 << 52;
        let bits = value.to_bits();
        let (stored_fraction, stored_exponent) = (bits & (HIDDEN_BIT - 1), (bits >> 52) as i32);
        let exact = match stored_exponent {
            0 => Scaled { fraction: stored_fraction, exponent: -1074 },
            _ => Scaled { fraction: stored_fraction | HIDDEN_BIT, exponent: stored_exponent - 1075 },
        };
        // Every number between the middles to the two neighbours reads back as `value`. The lower neighbour of a power
        // of two is half as far.
        let upper = Scaled { fraction: exact.fraction * 2 + 1, exponent: exact.exponent - 1 }.normalized();
        let lower_shift = if exact.fraction == HIDDEN_BIT { 2 } else { 1 };
        let lower = Scaled { fraction: (exact.fraction << lower_shift) - 1, exponent: exact.exponent - lower_shift };
        let lower = Scaled { fraction: lower.fraction << (lower.exponent - upper.exponent), exponent: upper.exponent };

        let (power, decimal_exponent) = cached_power(upper.exponent);
        let middle = exact.normalized().times(power);
        // The products are off by at most one in the last place: shrink the interval by that much.
        let upper = {
            let product = upper.times(power);
            Scaled { fraction: product.fraction - 1, ..product }
        };
        let lower = lower.times(power).fraction + 1;

        let mut digits = Digits { bytes: [0; DIGITS_MAX], len: 0, exponent: -decimal_exponent };
        digits.generate(upper, upper.fraction - lower, upper.fraction - middle.fraction);
        digits
    }

    /// Generates digits of `upper` until what remains fits the width of the interval, then steps down towards the
    /// exact value, which is `distance` below `upper`.
    fn generate(&mut self, upper: Scaled, mut width: u64, mut distance: u64) {
        let shift = -upper.exponent as u32;
        let one = 1u64 << shift;
        let mut whole = upper.fraction >> shift;
        let mut fraction = upper.fraction & (one - 1);
        let mut power = WHOLE_POWER_MAX;
        for position in (0..WHOLE_DIGITS).rev() {
            self.push((whole / power) as u8);
            whole %= power;
            let rest = (whole << shift) + fraction;
            if rest <= width {
                self.exponent += position;
                return self.approach(width, rest, power << shift, distance);
            }
            power /= 10;
        }
        loop {
            fraction *= 10;
            width = width.wrapping_mul(10);
            distance = distance.wrapping_mul(10);
            self.exponent -= 1;
            self.push((fraction >> shift) as u8);
            fraction &= one - 1;
            if fraction < width {
                return self.approach(width, fraction, one, distance);
            }
        }
    }

    /// Lowers the last digit while that brings the number nearer to the exact value and keeps it in the interval.
    fn approach(&mut self, width: u64, mut rest: u64, step: u64, distance: u64) {
        while rest < distance && width - rest >= step && (rest + step < distance || distance - rest > rest + step - distance) {
            self.bytes[self.len - 1] -= 1;
            rest += step;
        }
    }

    /// Appends a digit; leading zeros count for nothing.
    fn push(&mut self, digit: u8) {
        if digit > 0 || self.len > 0 {
            self.bytes[self.len] = b'0' + digit;
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A power of ten that brings a number with this binary exponent to one between -60 and -32, so that its whole part
/// has 32 bits at most; and that power's decimal exponent.
fn cached_power(exponent: i32) -> (Scaled, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    // Where two powers would do, this estimate decides, and with it the digits of the few numbers for which the
    // result is not the shortest. It is therefore part of the format.
    let estimate = (-f64::from(exponent + POWERS.len() as i32) * LOG10_OF_2) as i32;
    let mut index = (estimate - POWERS_FIRST) / POWERS_STEP;
    loop {
        let decimal_exponent = POWERS_FIRST + index * POWERS_STEP;
        // floor(log2(10^k)) for all k of the table.
        let binary_exponent = ((decimal_exponent * 217_706) >> 16) - 63;
        match exponent + binary_exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => {
                let fraction = POWERS[index as usize];
                return (Scaled { fraction, exponent: binary_exponent }, decimal_exponent);
            }
            _ => index -= 1,
        }
    }
}

/// Decimal exponent of the first entry of [`POWERS`].
const POWERS_FIRST: i32 = -348;
/// Distance between the decimal exponents of two entries.
const POWERS_STEP: i32 = 8;
/// The top 64 bits of powers of ten, rounded.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76, 0xcf42894a5dce35ea, 0x9a6bb0aa55653b2d, 0xe61acf033d1a45df,
    0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f, 0xbe5691ef416bd60c, 0x8dd01fad907ffc3c, 0xd3515c2831559a83, 0x9d71ac8fada6c9b5,
    0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57, 0xc21094364dfb5637, 0x9096ea6f3848984f, 0xd77485cb25823ac7,
    0xa086cfcd97bf97f4, 0xef340a98172aace5, 0xb23867fb2a35b28e, 0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996,
    0xdbac6c247d62a584, 0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126, 0xb5b5ada8aaff80b8, 0x87625f056c7c4a8b, 0xc9bcff6034c13053,
    0x964e858c91ba2655, 0xdff9772470297ebd, 0xa6dfbd9fb8e5b88f, 0xf8a95fcf88747d94, 0xb94470938fa89bcf, 0x8a08f0f8bf0f156b,
    0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06, 0xaa242499697392d3, 0xfd87b5f28300ca0e, 0xbce5086492111aeb,
    0x8cbccc096f5088cc, 0xd1b71758e219652c, 0x9c40000000000000, 0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984,
    0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70, 0xd5d238a4abe98068, 0x9f4f2726179a2245, 0xed63a231d4c4fb27, 0xb0de65388cc8ada8,
    0x83c7088e1aab65db, 0xc45d1df942711d9a, 0x924d692ca61be758, 0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d, 0x952ab45cfa97a0b3, 0xde469fbd99a05fe3, 0xa59bc234db398c25,
    0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece, 0x88fcf317f22241e2, 0xcc20ce9bd35c78a5, 0x98165af37b2153df, 0xe2a0b5dc971f303a,
    0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410, 0x8bab8eefb6409c1a, 0xd01fef10a657842c, 0x9b10a4e5e9913129,
    0xe7109bfba19c0c9d, 0xac2820d9623bf429, 0x80444b5e7aa7cf85, 0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841,
    0x9e19db92b4e31ba9, 0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b,
];

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
        // Room for 18 characters, the sign among them.
        let digits = &digits[..digits.len().min(18 - usize::from(out.len))];
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.push_all(&digits[1..]);
        }
        out.push_all(if scientific < 0 { b"e-" } else { b"e+" });
        out.push_all(itoa::Buffer::new().format(scientific.unsigned_abs()).as_bytes());
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
            // One digit more than necessary, as Valkey has it.
            (0.854_090_620_775_178, "0.8540906207751781"),
            (0.847_095_746_675_465, "0.8470957466754649"),
            (-7.284_880_105_921_016e-30, "-7.284880105921015e-30"),
            (2.718_316_374_298_659e276, "2.7183163742986588e+276"),
            (-1.234_567_890_123_456_7e23, "-123456789012345670000000"),
        ] {
            assert_eq!(format_double(value).as_str(), text);
        }
    }

    #[test]
    fn every_power_of_ten_is_usable() {
        for exponent in 0..=2046u64 {
            for fraction in [0, 1, (1 << 52) - 1] {
                let value = f64::from_bits(exponent << 52 | fraction);
                let text = format_double(value);
                assert_eq!(text.as_str().parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
            }
        }
    }
}
