//! Intsets: `u32 bytes of each: 2, 4 or 8 | u32 count | the integers, ascending`, all little endian.

use super::Corrupt;

const HEADER_LEN: usize = 8;
const WRONG: Corrupt = Corrupt("intset integrity check failed");

/// Visits all integers, of which there is at least one.
///
/// # Errors
/// If it is no intset.
pub fn read(bytes: &[u8], mut visit: impl FnMut(i64)) -> Result<(), Corrupt> {
    let (header, content) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(WRONG)?;
    let [a, b, c, d, count @ ..] = *header;
    let (width, count) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(count));
    if !matches!(width, 2 | 4 | 8) || content.len() as u64 != u64::from(width) * u64::from(count) || count == 0 {
        return Err(WRONG);
    }
    let width = width as usize;
    let mut before = None;
    for integer in content.chunks_exact(width) {
        let mut wide = [0; 8];
        wide[8 - width..].copy_from_slice(integer);
        // Shifted back, the sign comes along.
        let number = i64::from_le_bytes(wide) >> (64 - 8 * width);
        if before.is_some_and(|before| before >= number) {
            return Err(WRONG);
        }
        before = Some(number);
        visit(number);
    }
    Ok(())
}

/// The integers, which come in ascending order, as an intset.
pub fn write(integers: impl Iterator<Item = i64> + Clone) -> Vec<u8> {
    let widest = integers.clone().map(|number| {
        let fits = |bits: u32| number >> (bits - 1) == number >> 63;
        if fits(16) {
            2
        } else if fits(32) {
            4
        } else {
            8
        }
    });
    let width: usize = widest.max().unwrap_or(2);
    let mut bytes = vec![0; HEADER_LEN];
    let mut count = 0_u32;
    for number in integers {
        bytes.extend_from_slice(&number.to_le_bytes()[..width]);
        count += 1;
    }
    bytes[..4].copy_from_slice(&(width as u32).to_le_bytes());
    bytes[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_come_back(
            all in prop::collection::btree_set(prop_oneof![any::<i16>().prop_map(i64::from), any::<i32>().prop_map(i64::from), any::<i64>()], 1..20),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut bytes = write(all.iter().copied());
            let mut found = Vec::new();
            prop_assert_eq!(read(&bytes, |number| found.push(number)), Ok(()));
            prop_assert!(found.iter().eq(all.iter()));
            prop_assert!(read(&bytes[..bytes.len() - 1], |_| ()).is_err());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read(&bytes, |_| ());
        }
    }

    #[test]
    fn an_empty_one_is_refused() {
        assert!(read(&write([].into_iter()), |_| ()).is_err());
    }
}
