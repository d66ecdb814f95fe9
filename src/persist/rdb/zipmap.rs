//! Zipmaps: what small hashes were before Redis 2.6. They are only read.
//!
//! ```text
//! pairs, or 254 if they must be counted | pair ... | 0xff
//! pair    length, field | length, bytes unused, value, unused
//! length  one byte up to 253, or 0xfe and u32 (little endian)
//! ```

use super::Corrupt;

const END: u8 = 0xff;
const LONG: u8 = 0xfe;
const WRONG: Corrupt = Corrupt("Zipmap integrity check failed");

/// Visits all fields with their values, of which there is at least one.
///
/// # Errors
/// If it is no zipmap, or `visit` refuses one of them.
pub fn read<'a>(bytes: &'a [u8], mut visit: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), Corrupt>) -> Result<(), Corrupt> {
    let [announced, content @ .., END] = bytes else { return Err(WRONG) };
    let (mut rest, mut count) = (content, 0_u64);
    while !rest.is_empty() {
        let (field, value);
        (field, rest) = text(rest, 0).ok_or(WRONG)?;
        (value, rest) = text(rest, 1).ok_or(WRONG)?;
        visit(field, value)?;
        count += 1;
    }
    if count == 0 || (*announced != LONG && u64::from(*announced) != count) { Err(WRONG) } else { Ok(()) }
}

/// A text at the beginning, and what follows it. `unused`: bytes between its length and itself, which say how many follow it.
fn text(bytes: &[u8], unused: usize) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match *bytes.first()? {
        END => return None,
        LONG => {
            let len = u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?);
            // A short length has one form only.
            (usize::try_from(len).ok().filter(|len| *len >= usize::from(LONG))?, bytes.get(5..)?)
        }
        len => (usize::from(len), &bytes[1..]),
    };
    let (head, rest) = rest.split_at_checked(unused)?;
    let (text, rest) = rest.split_at_checked(len)?;
    Some((text, rest.get(usize::from(head.first().copied().unwrap_or(0))..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_read() {
        let long = [b'x'; 300];
        let mut bytes = b"\x02\x03foo\x03\x02bar..\x01".to_vec();
        bytes.push(b'k');
        bytes.extend_from_slice(&[LONG, 44, 1, 0, 0, 0]);
        bytes.extend_from_slice(&long);
        bytes.push(END);
        let mut found = Vec::new();
        assert_eq!(
            read(&bytes, |field, value| {
                found.push((field, value));
                Ok(())
            }),
            Ok(())
        );
        assert_eq!(found, [(&b"foo"[..], &b"bar"[..]), (b"k", &long)]);
        let wrong: [&[u8]; 6] =
            [b"", b"\xff", b"\x00\xff", b"\x02\x01a\x01\x00b\xff", b"\x01\x01a\x01\x01b\xff", b"\x01\xfe\x01\x00\x00\x00a\x01\x00b\xff"];
        for bytes in wrong {
            assert!(read(bytes, |_, _| Ok(())).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_from_outside_do_no_harm(bytes in prop::collection::vec(prop_oneof![0..6u8, 250..=255u8], 0..60)) {
            let _ = read(&bytes, |_, _| Ok(()));
        }
    }
}
