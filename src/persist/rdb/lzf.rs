//! LZF: a fast compression that looks for what came before within the last 8 KiB.
//!
//! ```text
//! 000xxxxx               x + 1 bytes follow
//! yyyzzzzz zzzzzzzz      y + 2 bytes as z + 1 bytes before, for y from 1 to 6
//! 111zzzzz y zzzzzzzz    y + 9 bytes as z + 1 bytes before
//! ```

use super::Corrupt;
use crate::base::limits::STRING_LEN_MAX;

const LITERALS_MAX: usize = 32;
const DISTANCE_MAX: usize = 1 << 13;
const MATCH_MAX: usize = 264;
const MATCH_MIN: usize = 3;
/// Bounds of the table of places: it has about as many as the text has bytes, since making it costs as much as filling it.
const HASH_BITS_MIN: u32 = 6;
const HASH_BITS_MAX: u32 = 14;
/// Most bytes that one of compressed text can stand for.
const EXPANSION_MAX: u64 = (MATCH_MAX as u64).div_ceil(3);
const WRONG: Corrupt = Corrupt("a compressed text is wrong");

/// Appends the text of `len` bytes that these stand for.
///
/// # Errors
/// If they do not stand for a text of that length.
pub fn decompress(mut from: &[u8], len: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    if len > STRING_LEN_MAX as u64 || len > from.len() as u64 * EXPANSION_MAX {
        return Err(WRONG);
    }
    let start = out.len();
    let end = start + len as usize;
    while let Some((&control, rest)) = from.split_first() {
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, rest) = rest.split_at_checked(control + 1).ok_or(WRONG)?;
            out.extend_from_slice(literals);
            from = rest;
        } else {
            let (more, rest) = if control >> 5 == 7 { rest.split_first().ok_or(WRONG)? } else { (&0, rest) };
            let (&low, rest) = rest.split_first().ok_or(WRONG)?;
            let count = (control >> 5) + usize::from(*more) + 2;
            let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
            let at = out.len().checked_sub(distance).filter(|at| *at >= start).ok_or(WRONG)?;
            if distance >= count {
                out.extend_from_within(at..at + count);
            } else {
                // It repeats what it has just written.
                (at..at + count).for_each(|at| out.push(out[at]));
            }
            from = rest;
        }
        if out.len() > end {
            return Err(WRONG);
        }
    }
    if out.len() == end { Ok(()) } else { Err(WRONG) }
}

fn slot(bytes: &[u8], bits: u32) -> usize {
    let three = u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16;
    (three.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize
}

fn push_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for part in literals.chunks(LITERALS_MAX) {
        out.push(part.len() as u8 - 1);
        out.extend_from_slice(part);
    }
}

/// The text compressed, if that takes at most `len_max` bytes.
pub fn compress(text: &[u8], len_max: usize) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    // Places are counted from 1, so that 0 says that there is none.
    let bits = text.len().ilog2().clamp(HASH_BITS_MIN, HASH_BITS_MAX);
    let mut seen = vec![0_u32; 1 << bits];
    let mut out = Vec::with_capacity(len_max.min(text.len() / 2));
    let (mut at, mut literals) = (0, 0);
    while at + MATCH_MIN <= text.len() {
        let place = &mut seen[slot(&text[at..], bits)];
        let before = (*place as usize).checked_sub(1);
        *place = u32::try_from(at + 1).ok()?;
        let matched = before.filter(|before| at - before <= DISTANCE_MAX && text[*before..*before + MATCH_MIN] == text[at..at + MATCH_MIN]);
        let Some(before) = matched else {
            at += 1;
            continue;
        };
        let longest = (text.len() - at).min(MATCH_MAX);
        let same = (MATCH_MIN..longest).take_while(|more| text[before + more] == text[at + more]).count();
        let count = MATCH_MIN + same;
        push_literals(&mut out, &text[literals..at]);
        let (distance, short) = (at - before - 1, count - 2);
        if short < 7 {
            out.push((short << 5 | distance >> 8) as u8);
        } else {
            out.extend_from_slice(&[(7 << 5 | distance >> 8) as u8, (short - 7) as u8]);
        }
        out.push(distance as u8);
        if out.len() > len_max {
            return None;
        }
        // The last places of it are enough for what comes next to be found.
        let end = at + count;
        for place in (end - 2..end).filter(|place| place + MATCH_MIN <= text.len()) {
            seen[slot(&text[place..], bits)] = u32::try_from(place + 1).ok()?;
        }
        (at, literals) = (end, end);
    }
    push_literals(&mut out, &text[literals..]);
    (out.len() <= len_max).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), 1..50usize), 0..20)) {
            let text: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
            let Some(compressed) = compress(&text, text.len() + text.len() / 16 + 8) else { panic!("there is room enough") };
            let mut out = b"before".to_vec();
            prop_assert_eq!(decompress(&compressed, text.len() as u64, &mut out), Ok(()));
            prop_assert_eq!(&out[6..], &text[..]);
            prop_assert!(decompress(&compressed, text.len() as u64 + 1, &mut Vec::new()).is_err());
        }

        #[test]
        fn bytes_from_outside_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60), len in 0..3000u64) {
            let mut out = Vec::new();
            if decompress(&bytes, len, &mut out).is_ok() {
                prop_assert_eq!(out.len() as u64, len);
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_at_once() {
        assert!(decompress(&[0, b'x'], u64::MAX, &mut Vec::new()).is_err());
        assert!(compress(&[b'x'; 1000], 40).is_some_and(|compressed| compressed.len() < 20));
    }
}
