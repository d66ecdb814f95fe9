//! Comparison of short byte strings without a call.

/// True if both have the same bytes. Keys and command names mostly have up to 16: two loads that may overlap settle those.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.len() > 16 {
        return one == other;
    }
    if let (Some(first), Some(last)) = (one.first_chunk::<8>(), one.last_chunk::<8>()) {
        return other.first_chunk() == Some(first) && other.last_chunk() == Some(last);
    }
    if let (Some(first), Some(last)) = (one.first_chunk::<4>(), one.last_chunk::<4>()) {
        return other.first_chunk() == Some(first) && other.last_chunk() == Some(last);
    }
    // Up to three bytes: the first two and the last.
    one.first() == other.first() && one.get(1) == other.get(1) && one.last() == other.last()
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn agrees_with_the_operator_at_every_length_and_place() {
        let text: Vec<u8> = (0..20).collect();
        for len in 0..text.len() {
            let one = &text[..len];
            assert!(same(one, &text.clone()[..len]));
            assert!(!same(one, &text[..len + 1]));
            for at in 0..len {
                let mut other = one.to_vec();
                other[at] ^= 0x80;
                assert!(!same(one, &other), "{len} {at}");
            }
        }
    }
}
