//! Searching for a set or clear bit.

use super::{from_bit, up_to_bit};

/// Words looked at together before one is looked at alone.
const GROUP: usize = 8;

/// Position of the first bit that is `on`, from `first` to `last`, both included and within the string.
pub fn find_in_range(bytes: &[u8], on: bool, first: u64, last: u64) -> Option<u64> {
    let (first_at, last_at) = ((first >> 3) as usize, (last >> 3) as usize);
    // A byte in which the wanted bits are the set ones.
    let wanted = |at: usize| if on { bytes[at] } else { !bytes[at] };
    let place = |at: usize, byte: u8| at as u64 * 8 + u64::from(byte.leading_zeros());
    let mask_last = up_to_bit(last);
    if first_at == last_at {
        let byte = wanted(first_at) & from_bit(first) & mask_last;
        return (byte != 0).then(|| place(first_at, byte));
    }
    let byte = wanted(first_at) & from_bit(first);
    if byte != 0 {
        return Some(place(first_at, byte));
    }
    if let Some(at) = find_byte(&bytes[first_at + 1..last_at], if on { 0 } else { 0xff }) {
        let at = first_at + 1 + at;
        return Some(place(at, wanted(at)));
    }
    let byte = wanted(last_at) & mask_last;
    (byte != 0).then(|| place(last_at, byte))
}

/// Position of the first byte that is not `filler`.
fn find_byte(bytes: &[u8], filler: u8) -> Option<usize> {
    let word_filler = u64::from_le_bytes([filler; 8]);
    let differs = |word: &[u8; 8]| u64::from_le_bytes(*word) ^ word_filler;
    let (words, tail) = bytes.as_chunks::<8>();
    let (groups, _) = words.as_chunks::<GROUP>();
    let skipped = groups.iter().take_while(|group| group.iter().fold(0, |sum, word| sum | differs(word)) == 0).count() * GROUP;
    let in_words = words[skipped..].iter().position(|word| differs(word) != 0);
    match in_words {
        Some(at) => {
            let at = (skipped + at) * 8;
            bytes[at..].iter().position(|byte| *byte != filler).map(|in_word| at + in_word)
        }
        None => tail.iter().position(|byte| *byte != filler).map(|at| words.len() * 8 + at),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_the_first(
            len in 1_usize..600,
            on: bool,
            flips in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            at in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let mut bytes = vec![if on { 0 } else { 0xff }; len];
            for flip in flips {
                super::super::set(&mut bytes, flip.index(len * 8) as u64, on);
            }
            let (one, other) = (at.0.index(len * 8) as u64, at.1.index(len * 8) as u64);
            let (first, last) = (one.min(other), one.max(other));
            let naive = (first..=last).find(|offset| super::super::get(&bytes, *offset) == on);
            prop_assert_eq!(find_in_range(&bytes, on, first, last), naive);
        }
    }
}
