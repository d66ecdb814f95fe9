//! Integers of 1 to 64 bits at any bit of a string.

/// A field's width and sign. Unsigned ones have 63 bits at most, because replies are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldType {
    is_signed: bool,
    bits: u32,
}

/// What becomes of a number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Its lowest bits are kept.
    Wrap,
    /// The nearest number that fits is taken.
    Saturate,
    /// Nothing is written.
    Fail,
}

impl FieldType {
    /// Bytes that a field of 64 bits may touch.
    pub const SPAN: usize = 9;

    /// `i` or `u` and this width. `None` if there is no such type.
    pub fn new(is_signed: bool, bits: i64) -> Option<FieldType> {
        let bits_max = if is_signed { 64 } else { 63 };
        (1..=bits_max).contains(&bits).then_some(FieldType { is_signed, bits: bits as u32 })
    }

    /// Width in bits.
    pub fn bits(self) -> u64 {
        u64::from(self.bits)
    }

    /// True for `i`.
    pub fn is_signed(self) -> bool {
        self.is_signed
    }

    /// The number at bit `offset`; what lies behind the string is zero.
    pub fn get(self, bytes: &[u8], offset: u64) -> i64 {
        let at = usize::try_from(offset >> 3).unwrap_or(usize::MAX).min(bytes.len());
        let span = &bytes[at..bytes.len().min(at + Self::SPAN)];
        let mut window = [0; 16];
        window[..span.len()].copy_from_slice(span);
        let bits = u128::from_be_bytes(window) << (offset & 7);
        self.low_bits((bits >> (128 - self.bits)) as u64)
    }

    /// Writes a number that fits at bit `offset`. The field lies within the string.
    pub fn set(self, bytes: &mut [u8], offset: u64, number: i64) {
        let at = (offset >> 3) as usize;
        let end = bytes.len().min(at + Self::SPAN);
        let span = &mut bytes[at..end];
        let mut window = [0; 16];
        window[..span.len()].copy_from_slice(span);
        let shift = 128 - self.bits - (offset & 7) as u32;
        let mask = (u128::MAX >> (128 - self.bits)) << shift;
        let bits = u128::from_be_bytes(window) & !mask | u128::from(number as u64) << shift & mask;
        span.copy_from_slice(&bits.to_be_bytes()[..span.len()]);
    }

    /// The number as it can be written. `None` only for [`Overflow::Fail`].
    pub fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) =
            if self.is_signed { (-(1_i128 << (self.bits - 1)), (1_i128 << (self.bits - 1)) - 1) } else { (0, (1_i128 << self.bits) - 1) };
        if (min..=max).contains(&number) {
            return Some(number as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.low_bits(number as u64)),
            Overflow::Saturate => Some(number.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }

    /// The field's lowest bits as a number of its type.
    fn low_bits(self, bits: u64) -> i64 {
        let shift = 64 - self.bits;
        if self.is_signed { (bits << shift) as i64 >> shift } else { (bits << shift >> shift) as i64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(is_signed: bool, bits: i64) -> FieldType {
        FieldType::new(is_signed, bits).expect("a type")
    }

    proptest! {
        #[test]
        fn what_is_set_is_got_and_nothing_else_changes(
            before in prop::collection::vec(any::<u8>(), 12..20),
            is_signed: bool,
            bits in 1_i64..=63,
            offset in 0_u64..32,
            number: i64,
        ) {
            let field = field(is_signed, bits);
            let number = field.fit(i128::from(number), Overflow::Wrap).expect("wraps");
            let mut bytes = before.clone();
            field.set(&mut bytes, offset, number);
            prop_assert_eq!(field.get(&bytes, offset), number);
            for at in 0..bytes.len() as u64 * 8 {
                if !(offset..offset + bits as u64).contains(&at) {
                    prop_assert_eq!(super::super::get(&bytes, at), super::super::get(&before, at));
                }
            }
        }
    }

    #[test]
    fn the_widest_field_lies_across_nine_bytes() {
        let mut bytes = [0; 9];
        field(true, 64).set(&mut bytes, 7, -1);
        assert_eq!(bytes, [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        assert_eq!(field(true, 64).get(&bytes, 7), -1);
        assert_eq!(field(true, 64).get(&bytes, u64::MAX), 0);
        assert_eq!(field(false, 8).get(&bytes, 68), 0xe0);
    }

    #[test]
    fn types_end_at_their_widths() {
        assert_eq!([(true, 0), (true, 65), (false, 0), (false, 64)].map(|(sign, bits)| FieldType::new(sign, bits)), [None; 4]);
        assert!(FieldType::new(true, 64).is_some() && FieldType::new(false, 63).is_some());
    }

    #[test]
    fn numbers_that_do_not_fit() {
        let cases = [
            (true, 8, 128, -128, 127),
            (true, 8, -129, 127, -128),
            (false, 8, 256, 0, 255),
            (false, 8, -1, 255, 0),
            (true, 64, i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
            (true, 64, i128::from(i64::MIN) - 1, i64::MAX, i64::MIN),
            (false, 63, i128::from(i64::MAX) + 1, 0, i64::MAX),
            (true, 1, 1, -1, 0),
        ];
        for (is_signed, bits, number, wrapped, saturated) in cases {
            let field = field(is_signed, bits);
            let results = [Overflow::Wrap, Overflow::Saturate, Overflow::Fail].map(|overflow| field.fit(number, overflow));
            assert_eq!(results, [Some(wrapped), Some(saturated), None], "{number} in {bits} bits");
        }
        assert_eq!(field(true, 8).fit(127, Overflow::Fail), Some(127));
    }
}
