//! Listpacks: small collections in one piece, which can be walked from either end.
//!
//! ```text
//! u32 bytes of all | u16 elements, or 65535 if they must be counted | element ... | 0xff          (little endian)
//! element    form, content, and the length of both backwards: seven bits a byte, the highest bit set in all but the first of them
//! 0xxxxxxx   0 to 127                    10xxxxxx   text of x bytes
//! 110xxxxx x integer of 13 bits          1110xxxx x text of x bytes
//! 0xf0 u32   text of so many bytes       0xf1 i16, 0xf2 i24, 0xf3 i32, 0xf4 i64
//! ```

use super::Corrupt;
use crate::base::number::parse_i64;
use crate::datatypes::items::Item;

const HEADER_LEN: usize = 6;
const END: u8 = 0xff;
/// A count that says nothing.
const UNCOUNTED: u16 = u16::MAX;
const WRONG: Corrupt = Corrupt("listpack integrity check failed");

/// Visits all elements. Returns how many there are.
///
/// # Errors
/// If it is no listpack, or `visit` refuses one of them.
pub fn read<'a>(bytes: &'a [u8], mut visit: impl FnMut(Item<'a>) -> Result<(), Corrupt>) -> Result<u64, Corrupt> {
    let (content, announced) = content(bytes)?;
    let (mut at, mut count) = (0, 0);
    while at < content.len() {
        let (item, len) = element(&content[at..]).ok_or(WRONG)?;
        let back = back_len(len);
        if decode_back(content.get(at + len..at + len + back).ok_or(WRONG)?) != Some(len as u64) {
            return Err(WRONG);
        }
        visit(item)?;
        at += len + back;
        count += 1;
    }
    if announced != UNCOUNTED && u64::from(announced) != count { Err(WRONG) } else { Ok(count) }
}

/// The elements of what [`read`] has found to be a listpack.
pub fn elements(bytes: &[u8]) -> impl Iterator<Item = Item<'_>> {
    elements_of(content(bytes).map_or(&[], |(content, _)| content))
}

fn elements_of(content: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (item, len) = element(content.get(at..)?)?;
        at += len + back_len(len);
        Some(item)
    })
}

/// The elements' bytes, and how many elements the header announces.
fn content(bytes: &[u8]) -> Result<(&[u8], u16), Corrupt> {
    let [a, b, c, d, e, f, content @ .., END] = bytes else { return Err(WRONG) };
    let len = u32::from_le_bytes([*a, *b, *c, *d]);
    if u64::from(len) != bytes.len() as u64 { Err(WRONG) } else { Ok((content, u16::from_le_bytes([*e, *f]))) }
}

/// The element at the beginning, and the length of its form and content.
fn element(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let first = *bytes.first()?;
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
    match first {
        0..0x80 => Some((Item::Int(i64::from(first)), 1)),
        0x80..0xc0 => text(1, usize::from(first & 0x3f)),
        0xc0..0xe0 => {
            let number = i64::from(first & 0x1f) << 8 | i64::from(*bytes.get(1)?);
            Some((Item::Int(if number >= 1 << 12 { number - (1 << 13) } else { number }), 2))
        }
        0xe0..0xf0 => text(2, usize::from(first & 0x0f) << 8 | usize::from(*bytes.get(1)?)),
        0xf0 => text(5, u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize),
        0xf1 => integer(2),
        0xf2 => integer(3),
        0xf3 => integer(4),
        0xf4 => integer(8),
        _ => None,
    }
}

/// Bytes of a length that is written backwards.
fn back_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        2_097_152..=268_435_455 => 4,
        _ => 5,
    }
}

fn decode_back(bytes: &[u8]) -> Option<u64> {
    let mut len = 0;
    for (number, byte) in bytes.iter().rev().enumerate() {
        len |= u64::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            return (number + 1 == bytes.len()).then_some(len);
        }
    }
    None
}

/// A listpack that is written.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    count: u64,
}

impl Builder {
    /// An empty one.
    pub fn new() -> Builder {
        Builder { bytes: vec![0; HEADER_LEN], count: 0 }
    }

    /// Adds an element.
    pub fn push(&mut self, item: Item<'_>) {
        match item {
            Item::Int(number) => self.push_integer(number),
            Item::Text(text) => self.push_plain(text),
            Item::Float(_) => item.with_text(|text| self.push_text(text)),
        }
    }

    /// Adds a text, as an integer if it is that of one.
    pub fn push_text(&mut self, text: &[u8]) {
        match parse_i64(text) {
            Some(number) => self.push_integer(number),
            None => self.push_plain(text),
        }
    }

    fn push_plain(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        match text.len() {
            len @ 0..0x40 => self.bytes.push(0x80 | len as u8),
            len @ 0x40..0x1000 => self.bytes.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
            len => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
        self.end_element(start);
    }

    /// Adds an integer.
    pub fn push_integer(&mut self, number: i64) {
        let start = self.bytes.len();
        let wide = number.to_le_bytes();
        match number {
            0..=127 => self.bytes.push(number as u8),
            -4096..=4095 => self.bytes.extend_from_slice(&[0xc0 | (number >> 8 & 0x1f) as u8, number as u8]),
            -0x8000..=0x7fff => self.push_form(0xf1, &wide[..2]),
            -0x80_0000..=0x7f_ffff => self.push_form(0xf2, &wide[..3]),
            -0x8000_0000..=0x7fff_ffff => self.push_form(0xf3, &wide[..4]),
            _ => self.push_form(0xf4, &wide),
        }
        self.end_element(start);
    }

    fn push_form(&mut self, form: u8, content: &[u8]) {
        self.bytes.push(form);
        self.bytes.extend_from_slice(content);
    }

    fn end_element(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        for number in (0..back_len(len)).rev() {
            let more = if number + 1 == back_len(len) { 0 } else { 0x80 };
            self.bytes.push((len >> (7 * number) & 0x7f) as u8 | more);
        }
        self.count += 1;
    }

    /// Its length so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if it has no element.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its elements so far.
    pub fn elements(&self) -> impl Iterator<Item = Item<'_>> {
        elements_of(&self.bytes[HEADER_LEN..])
    }

    /// All of it. The caller sees to it that it is not too long for its header.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let len = u32::try_from(self.bytes.len()).expect("nobody makes a longer one");
        let count = u16::try_from(self.count).unwrap_or(UNCOUNTED);
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Corrupt> {
        let mut texts = Vec::new();
        read(bytes, |item| {
            texts.push(item.to_vec());
            Ok(())
        })?;
        Ok(texts)
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let near = |border: i64| (border - 3..border + 3).prop_map(|number| number.to_string().into_bytes());
        prop_oneof![
            near(0),
            near(127),
            near(4096),
            near(-4096),
            near(1 << 15),
            near(-(1 << 15)),
            near(1 << 23),
            near(-(1 << 23)),
            near(1 << 31),
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..70),
            prop_oneof![4090..4100usize, 120..130usize, 16_370..16_390usize].prop_map(|len| vec![b'x'; len]),
        ]
    }

    proptest! {
        #[test]
        fn elements_come_back(all in prop::collection::vec(text(), 0..20), cut in any::<prop::sample::Index>(), byte: u8) {
            let mut builder = Builder::new();
            all.iter().for_each(|text| builder.push_text(text));
            let mut bytes = builder.finish();
            prop_assert_eq!(texts(&bytes), Ok(all));
            prop_assert!(texts(&bytes[..cut.index(bytes.len())]).is_err());
            let at = cut.index(bytes.len());
            bytes[at] = byte;
            let _ = texts(&bytes);
        }
    }
}
