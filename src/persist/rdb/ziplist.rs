//! Ziplists: what small collections were before Redis 7 in one piece. They are only read.
//!
//! ```text
//! u32 bytes of all | u32 where the last entry begins | u16 entries, or 65535 if they must be counted | entry ... | 0xff
//! entry     length of the entry before: one byte, or 0xfe and u32; form; content
//! 00xxxxxx  text of x bytes     01xxxxxx x  text of x bytes (big endian)     10.. u32  text of so many bytes (big endian)
//! 0xc0 i16  0xd0 i32  0xe0 i64  0xf0 i24  0xfe i8  0xf1 to 0xfd: 0 to 12     (little endian)
//! ```

use super::Corrupt;
use crate::datatypes::items::Item;

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
const LONG: u8 = 0xfe;
/// A count that says nothing.
const UNCOUNTED: u16 = u16::MAX;
const WRONG: Corrupt = Corrupt("ziplist integrity check failed");

/// Visits all entries. Returns how many there are.
///
/// # Errors
/// If it is no ziplist, or `visit` refuses one of them.
pub fn read<'a>(bytes: &'a [u8], mut visit: impl FnMut(Item<'a>) -> Result<(), Corrupt>) -> Result<u64, Corrupt> {
    let header = bytes.first_chunk::<HEADER_LEN>().filter(|_| bytes.len() > HEADER_LEN).ok_or(WRONG)?;
    let [a, b, c, d, e, f, g, h, i, j] = *header;
    let (len, last, announced) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), u16::from_le_bytes([i, j]));
    let end = bytes.len() - 1;
    if len as usize != bytes.len() || bytes[end] != END || last as usize > end {
        return Err(WRONG);
    }
    let content = &bytes[..end];
    let (mut at, mut before, mut count) = (HEADER_LEN, None, 0);
    while at < end {
        let (item, before_len, len) = entry(&content[at..]).ok_or(WRONG)?;
        if before_len != before.map_or(0, |before| at - before) {
            return Err(WRONG);
        }
        visit(item)?;
        before = Some(at);
        at += len;
        count += 1;
    }
    let is_last_right = before.is_none_or(|before| before == last as usize);
    let is_count_right = announced == UNCOUNTED || u64::from(announced) == count;
    if is_last_right && is_count_right { Ok(count) } else { Err(WRONG) }
}

/// The entry at the beginning, the length of the one before, and its own.
fn entry(bytes: &[u8]) -> Option<(Item<'_>, usize, usize)> {
    let (before_len, head) = match *bytes.first()? {
        END => return None,
        LONG => (u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize, 5),
        len => (usize::from(len), 1),
    };
    let (item, len) = content(bytes.get(head..)?)?;
    Some((item, before_len, head + len))
}

fn content(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let form = *bytes.first()?;
    let text = |head: usize, len: usize| {
        let text = bytes.get(head..head.checked_add(len)?)?;
        Some((Item::Text(text), head + len))
    };
    let integer = |len: usize| {
        let mut wide = [0; 8];
        wide[8 - len..].copy_from_slice(bytes.get(1..1 + len)?);
        // Shifted back, the sign comes along.
        Some((Item::Int(i64::from_le_bytes(wide) >> (64 - 8 * len)), 1 + len))
    };
    match form {
        0..0x40 => text(1, usize::from(form)),
        0x40..0x80 => text(2, usize::from(form & 0x3f) << 8 | usize::from(*bytes.get(1)?)),
        0x80..0xc0 => text(5, u32::from_be_bytes(*bytes.get(1..)?.first_chunk()?) as usize),
        0xc0 => integer(2),
        0xd0 => integer(4),
        0xe0 => integer(8),
        0xf0 => integer(3),
        0xfe => integer(1),
        0xf1..=0xfd => Some((Item::Int(i64::from(form & 0x0f) - 1), 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ziplist of texts and integers, as it is described above.
    fn write(items: &[Item<'_>]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        let (mut before, mut last) = (0, HEADER_LEN);
        for item in items {
            last = bytes.len();
            if before < 254 {
                bytes.push(before as u8);
            } else {
                bytes.push(LONG);
                bytes.extend_from_slice(&(before as u32).to_le_bytes());
            }
            match *item {
                Item::Text(text) if text.len() < 64 => bytes.push(text.len() as u8),
                Item::Text(text) if text.len() < 16_384 => bytes.extend_from_slice(&[0x40 | (text.len() >> 8) as u8, text.len() as u8]),
                Item::Text(text) => {
                    bytes.push(0x80);
                    bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
                }
                Item::Int(number @ 0..=12) => bytes.push(0xf1 + number as u8),
                Item::Int(number) => {
                    let (form, len) = match number {
                        -128..=127 => (0xfe, 1),
                        -0x8000..=0x7fff => (0xc0, 2),
                        -0x80_0000..=0x7f_ffff => (0xf0, 3),
                        -0x8000_0000..=0x7fff_ffff => (0xd0, 4),
                        _ => (0xe0, 8),
                    };
                    bytes.push(form);
                    bytes.extend_from_slice(&number.to_le_bytes()[..len]);
                }
                Item::Float(_) => unreachable!("none is made"),
            }
            if let Item::Text(text) = item {
                bytes.extend_from_slice(text);
            }
            before = bytes.len() - last;
        }
        bytes.push(END);
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&(items.len() as u16).to_le_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn entries_come_back(
            texts in prop::collection::vec((any::<i64>(), 0..64u32, prop_oneof![0..70usize, 240..260usize, 16_380..16_390usize], any::<bool>()), 0..20),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let contents: Vec<Vec<u8>> = texts.iter().map(|(_, _, len, _)| vec![b'x'; *len]).collect();
            let items: Vec<Item<'_>> = texts.iter().zip(&contents).map(|((number, shift, _, is_text), content)| {
                if *is_text { Item::Text(content) } else { Item::Int(number >> shift) }
            }).collect();
            let mut bytes = write(&items);
            let mut found = Vec::new();
            let count = read(&bytes, |item| { found.push(item); Ok(()) });
            prop_assert_eq!(count, Ok(items.len() as u64));
            prop_assert_eq!(found, items);
            let at = at.index(bytes.len());
            prop_assert!(read(&bytes[..at], |_| Ok(())).is_err());
            bytes[at] = byte;
            let _ = read(&bytes, |_| Ok(()));
        }
    }
}
