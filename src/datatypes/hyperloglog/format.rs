//! What both forms have in common: registers, and which of them an element raises.

/// Bytes before the registers.
pub const HEADER_LEN: usize = 16;
/// Registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bytes of a dense one.
pub const DENSE_LEN: usize = HEADER_LEN + REGISTERS * 6 / 8;

/// Bits of an element's hash that choose its register.
const INDEX_BITS: u32 = 14;
/// The others, whose trailing zeros are counted.
pub(super) const PATTERN_BITS: u32 = 64 - INDEX_BITS;
const HASH_SEED: u64 = 0xadc8_3b19;

/// The operations of a sparse one do not make up its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// All registers, a byte each.
pub type Registers = [u8; REGISTERS];

/// What an element does: it raises register `index` to `count`, if that is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number of the register.
    pub index: usize,
    /// Position of the first set bit among those that do not choose the register, from 1.
    pub count: u8,
}

impl Mark {
    /// Of an element.
    #[inline]
    pub fn of(element: &[u8]) -> Mark {
        let hash = murmur_64a(element, HASH_SEED);
        // The bit above the highest ends the count.
        let pattern = (hash >> INDEX_BITS) | 1 << PATTERN_BITS;
        Mark { index: hash as usize & (REGISTERS - 1), count: pattern.trailing_zeros() as u8 + 1 }
    }
}

/// MurmurHash2 in its variant for 64-bit machines.
#[inline]
fn murmur_64a(bytes: &[u8], seed: u64) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        hash = (hash ^ (word ^ word >> SHIFT).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_raise_the_registers_that_they_raise_in_valkey() {
        // Registers as PFDEBUG DECODE of Valkey 9.1 shows them after PFADD of the one element.
        for (element, index, count) in ELEMENTS {
            assert_eq!(Mark::of(element.as_bytes()), Mark { index, count }, "{element}");
        }
    }

    const ELEMENTS: [(&str, usize, u8); 4] = [("a", 12711, 2), ("foo", 7348, 5), ("12345678", 10579, 3), ("hello world", 9399, 4)];
}
