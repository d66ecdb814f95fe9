//! Bits of a byte string (rank 1): counting, searching, small integers at any place, and operations on whole strings.
//!
//! Bit 0 is the highest bit of the first byte, as everywhere in the protocol. Nothing here allocates but [`combine()`].

mod combine;
mod count;
mod field;
mod search;

pub use combine::{Combine, combine, invert};
pub use count::{count_all, count_range};
pub use field::{FieldType, Overflow};
pub use search::find_in_range;

/// Mask of the bits from `first` to the end of a byte.
fn from_bit(first: u64) -> u8 {
    0xff >> (first & 7)
}

/// Mask of the bits of a byte up to `last`, included.
fn up_to_bit(last: u64) -> u8 {
    (0xff_u16 << (7 - (last & 7))) as u8
}

/// The bit at `offset`; what lies behind the string is zero.
pub fn get(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset >> 3).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte & (0x80 >> (offset & 7)) != 0)
}

/// Sets the bit at `offset`, which lies within the string, and returns what it was.
pub fn set(bytes: &mut [u8], offset: u64, on: bool) -> bool {
    let byte = &mut bytes[(offset >> 3) as usize];
    let mask = 0x80 >> (offset & 7);
    let was = *byte & mask != 0;
    *byte = if on { *byte | mask } else { *byte & !mask };
    was
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_highest() {
        let mut bytes = [0_u8; 2];
        assert!(!set(&mut bytes, 1, true));
        assert!(set(&mut bytes, 1, true));
        assert!(!set(&mut bytes, 15, true));
        assert_eq!(bytes, [0x40, 1]);
        assert!(get(&bytes, 1) && get(&bytes, 15) && !get(&bytes, 0) && !get(&bytes, 16) && !get(&bytes, u64::MAX));
        assert!(set(&mut bytes, 1, false));
        assert_eq!(bytes, [0, 1]);
    }
}
