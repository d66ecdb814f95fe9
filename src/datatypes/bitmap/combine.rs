//! Operations on whole strings. A shorter string counts as if zeros followed it.

/// An operation of several strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Set where all are.
    And,
    /// Set where one is.
    Or,
    /// Set where an odd number are.
    Xor,
}

/// Combines `sum` with one more string; `sum` grows to the longer one's length.
///
/// Strings are taken one after the other, so that only the result has to be held. The loops are plain bytes: the compiler makes
/// vector instructions of them.
pub fn combine(operation: Combine, sum: &mut Vec<u8>, other: &[u8]) {
    if sum.len() < other.len() {
        sum.resize(other.len(), 0);
    }
    let (shared, beyond) = sum.split_at_mut(other.len());
    let pairs = shared.iter_mut().zip(other);
    match operation {
        Combine::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            beyond.fill(0);
        }
        Combine::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Combine::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
    }
}

/// Turns every bit over.
pub fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_strings_end_in_zeros() {
        let cases = [
            (Combine::And, &[0xf0, 0xff][..], &[0x3c][..], &[0x30, 0][..]),
            (Combine::And, &[0x3c], &[0xf0, 0xff], &[0x30, 0]),
            (Combine::Or, &[0xf0], &[0x0f, 1], &[0xff, 1]),
            (Combine::Or, &[0x0f, 1], &[0xf0], &[0xff, 1]),
            (Combine::Xor, &[0xff, 7], &[0x0f], &[0xf0, 7]),
            (Combine::Xor, &[], &[1], &[1]),
        ];
        for (operation, one, other, expected) in cases {
            let mut sum = one.to_vec();
            combine(operation, &mut sum, other);
            assert_eq!(sum, expected, "{operation:?} of {one:?} and {other:?}");
        }
    }
}
