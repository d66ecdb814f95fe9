//! Counting set bits.

use super::{from_bit, up_to_bit};

/// Words that are added up side by side, so that the compiler can use vector registers.
const LANES: usize = 4;
/// Groups of words that carry-save adders reduce to one.
const GROUPS: usize = 8;
/// Bytes of one step.
const STEP: usize = GROUPS * LANES * 8;

type Words = [u64; LANES];

/// How many bits of the string are set.
///
/// Counting the ones of a word costs about twelve operations where the processor's own instruction may not be taken for granted.
/// So long strings go through a tree of adders first (Harley and Seal's): 8 words cost 7 additions and one counting.
pub fn count_all(bytes: &[u8]) -> u64 {
    let (mut ones, mut twos, mut fours) = ([0; LANES], [0; LANES], [0; LANES]);
    let mut eights_count = 0;
    let mut steps = bytes.chunks_exact(STEP);
    for step in &mut steps {
        // Each group is loaded where it is needed: loaded together beforehand they would go through memory once more.
        let (sum, twos_a) = add(ones, load(step, 0), load(step, 1));
        let (sum, twos_b) = add(sum, load(step, 2), load(step, 3));
        let (twos_sum, fours_a) = add(twos, twos_a, twos_b);
        let (sum, twos_a) = add(sum, load(step, 4), load(step, 5));
        let (sum, twos_b) = add(sum, load(step, 6), load(step, 7));
        let (twos_sum, fours_b) = add(twos_sum, twos_a, twos_b);
        let (fours_sum, eights) = add(fours, fours_a, fours_b);
        (ones, twos, fours) = (sum, twos_sum, fours_sum);
        eights_count += count_words(&eights);
    }
    let steps_count = 8 * eights_count + 4 * count_words(&fours) + 2 * count_words(&twos) + count_words(&ones);
    let (words, tail) = steps.remainder().as_chunks::<8>();
    let words_count: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    let tail_count: u64 = tail.iter().map(|byte| u64::from(byte.count_ones())).sum();
    steps_count + words_count + tail_count
}

/// How many bits from `first` to `last`, both included and within the string, are set.
pub fn count_range(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (first_at, last_at) = ((first >> 3) as usize, (last >> 3) as usize);
    let before = (bytes[first_at] & !from_bit(first)).count_ones();
    let behind = (bytes[last_at] & !up_to_bit(last)).count_ones();
    count_all(&bytes[first_at..=last_at]) - u64::from(before + behind)
}

/// One group of a step's words.
#[inline(always)]
fn load(step: &[u8], group: usize) -> Words {
    let (chunks, _) = step.as_chunks::<8>();
    let mut words = [0; LANES];
    // By index: iterators are not inlined in builds without link-time optimisation, and then nothing here becomes a vector.
    for lane in 0..LANES {
        words[lane] = u64::from_le_bytes(chunks[group * LANES + lane]);
    }
    words
}

/// Adds three one-bit numbers in each place: the sums, and what is carried.
#[inline(always)]
fn add(one: Words, two: Words, three: Words) -> (Words, Words) {
    let (mut sum, mut carry) = ([0; LANES], [0; LANES]);
    for lane in 0..LANES {
        let half = one[lane] ^ two[lane];
        sum[lane] = half ^ three[lane];
        carry[lane] = one[lane] & two[lane] | half & three[lane];
    }
    (sum, carry)
}

#[inline]
fn count_words(words: &Words) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(bytes: &[u8], first: u64, last: u64) -> u64 {
        (first..=last).map(|offset| u64::from(super::super::get(bytes, offset))).sum()
    }

    proptest! {
        #[test]
        fn counts_what_is_there(bytes in prop::collection::vec(any::<u8>(), 1..1200), at in any::<(prop::sample::Index, prop::sample::Index)>()) {
            let bits = bytes.len() * 8;
            prop_assert_eq!(count_all(&bytes), naive(&bytes, 0, bits as u64 - 1));
            let (one, other) = (at.0.index(bits) as u64, at.1.index(bits) as u64);
            let (first, last) = (one.min(other), one.max(other));
            prop_assert_eq!(count_range(&bytes, first, last), naive(&bytes, first, last));
        }
    }

    #[test]
    fn full_strings_overflow_no_adder() {
        for len in [0, 1, 255, 256, 257, 5000] {
            assert_eq!(count_all(&vec![0xff; len]), len as u64 * 8);
        }
    }
}
