//! Items of collections, packed behind each other: what small hashes, sets and sorted sets consist of, and the chunks of large ones.
//!
//! ```text
//! 0x00..=0xdf  a text of so many bytes, which follow
//! 0xe0         u32 length, then the text
//! 0xe1..=0xe4  an integer of 1, 2, 4 or 8 bytes, which follow
//! 0xe5         a floating-point number of 8 bytes, which follow: only where a score is asked for
//! 0xf0..=0xff  an integer from 0 to 15
//! ```
//! All numbers are little endian.
//!
//! Invariants:
//! * Each text has one form: the canonical text of an integer is held as that integer, in the shortest way. So two items are equal if and
//!   only if their forms are.
//! * Each score has one form, too: an integer of at most 2^53 is held as an integer, anything else as a float. `-0` is held as `0`, and there
//!   is no NaN. A text is never held as a float, so that scores and texts are not mixed up.
//! * The functions that read get what [`push`] wrote; bytes from outside go through [`is_valid`] first.

use larder_proto::resp::format_double;
use smallvec::SmallVec;

use crate::base::alloc;
use crate::base::number::parse_i64;

/// Longest text with a length of one byte.
const SHORT_LEN_MAX: usize = 0xdf;
const LONG: u8 = 0xe0;
const INT8: u8 = 0xe1;
const INT16: u8 = 0xe2;
const INT32: u8 = 0xe3;
const INT64: u8 = 0xe4;
const FLOAT: u8 = 0xe5;
const SMALL_INT: u8 = 0xf0;

/// Beyond it not every integer is a float.
const EXACT_INT_MAX: f64 = 9_007_199_254_740_992.0;

/// An item's form, apart from others: to look for it.
pub type Packed = SmallVec<[u8; 32]>;

/// An item, read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// A text that is not that of an integer.
    Text(&'a [u8]),
    /// The integer whose canonical text it is.
    Int(i64),
    /// A score that is no integer.
    Float(f64),
}

impl Item<'_> {
    /// Calls `with` with the text.
    #[inline]
    pub fn with_text<R>(self, with: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Item::Text(text) => with(text),
            Item::Int(number) => with(itoa::Buffer::new().format(number).as_bytes()),
            Item::Float(number) => with(&format_double(number)),
        }
    }

    /// Length of the text.
    pub fn text_len(self) -> usize {
        self.with_text(<[u8]>::len)
    }

    /// The text, copied out.
    pub fn to_vec(self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }
}

/// Where items are written to.
pub trait Target {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Target for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Target for Packed {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends an item.
#[inline]
pub fn push(out: &mut impl Target, text: &[u8]) {
    match parse_i64(text) {
        Some(number) => push_int(out, number),
        None => push_text(out, text),
    }
}

/// Appends an item that is no integer.
#[inline]
pub fn push_text(out: &mut impl Target, text: &[u8]) {
    if text.len() <= SHORT_LEN_MAX {
        out.put(&[text.len() as u8]);
    } else {
        out.put(&[LONG]);
        out.put(&(text.len() as u32).to_le_bytes());
    }
    out.put(text);
}

/// Appends an item that is an integer.
pub fn push_int(out: &mut impl Target, number: i64) {
    if (0..16).contains(&number) {
        out.put(&[SMALL_INT | number as u8]);
    } else if let Ok(number) = i8::try_from(number) {
        out.put(&[INT8, number as u8]);
    } else if let Ok(number) = i16::try_from(number) {
        out.put(&[INT16]);
        out.put(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.put(&[INT32]);
        out.put(&number.to_le_bytes());
    } else {
        out.put(&[INT64]);
        out.put(&number.to_le_bytes());
    }
}

/// Appends a score, which is not NaN.
pub fn push_score(out: &mut impl Target, score: f64) {
    let integer = score as i64;
    if integer as f64 == score && score.abs() <= EXACT_INT_MAX {
        push_int(out, integer);
    } else {
        out.put(&[FLOAT]);
        out.put(&score.to_le_bytes());
    }
}

/// Reads the score at the beginning of `bytes`.
#[inline]
pub fn read_score(bytes: &[u8]) -> f64 {
    match read(bytes) {
        Item::Int(number) => number as f64,
        Item::Float(number) => number,
        Item::Text(_) => unreachable!("a score is a number"),
    }
}

/// An item's form by itself.
#[inline]
pub fn packed(text: &[u8]) -> Packed {
    let mut packed = Packed::new();
    push(&mut packed, text);
    packed
}

/// Length of the form of the item at the beginning of `bytes`.
#[inline]
pub fn form_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        len @ ..=0xdf => 1 + len as usize,
        LONG => 5 + u32::from_le_bytes(array(&bytes[1..])) as usize,
        INT8 => 2,
        INT16 => 3,
        INT32 => 5,
        INT64 | FLOAT => 9,
        _ => 1,
    }
}

/// The text that a form is, if it is a short one, as most are: quicker than [`read`].
#[inline]
pub fn short_text(form: &[u8]) -> Option<&[u8]> {
    form.split_first().filter(|(len, _)| usize::from(**len) <= SHORT_LEN_MAX).map(|(_, text)| text)
}

/// Reads the item at the beginning of `bytes`.
#[inline]
pub fn read(bytes: &[u8]) -> Item<'_> {
    match bytes[0] {
        len @ ..=0xdf => Item::Text(&bytes[1..1 + len as usize]),
        LONG => Item::Text(&bytes[5..form_len(bytes)]),
        INT8 => Item::Int(i64::from(bytes[1] as i8)),
        INT16 => Item::Int(i64::from(i16::from_le_bytes(array(&bytes[1..])))),
        INT32 => Item::Int(i64::from(i32::from_le_bytes(array(&bytes[1..])))),
        INT64 => Item::Int(i64::from_le_bytes(array(&bytes[1..]))),
        FLOAT => Item::Float(f64::from_le_bytes(array(&bytes[1..]))),
        small => Item::Int(i64::from(small & 15)),
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("push wrote a whole item")
}

/// True if `bytes` consist of whole items, each in its one form.
pub fn is_valid(mut bytes: &[u8]) -> bool {
    while let Some(first) = bytes.first() {
        let head = match *first {
            LONG => 5,
            0xe6..=0xef => return false,
            _ => 1,
        };
        if bytes.len() < head {
            return false;
        }
        let len = form_len(bytes);
        let Some(form) = bytes.get(..len) else { return false };
        let is_canonical = match read(form) {
            Item::Text(text) => &*packed(text) == form,
            Item::Int(number) => {
                let mut canonical = Packed::new();
                push_int(&mut canonical, number);
                &*canonical == form
            }
            Item::Float(score) => {
                let mut canonical = Packed::new();
                push_score(&mut canonical, score);
                !score.is_nan() && &*canonical == form
            }
        };
        if !is_canonical {
            return false;
        }
        bytes = &bytes[len..];
    }
    true
}

/// Goes through items: each with the offset of its form.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// All in `bytes`.
    pub fn of(bytes: &'a [u8]) -> Self {
        Items { bytes, at: 0 }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (usize, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        self.at += form_len(rest);
        Some((at, read(rest)))
    }
}

/// Offset of the first item equal to `form` among those at positions 0, `step`, 2 `step` ...
#[inline]
pub fn find(bytes: &[u8], form: &[u8], step: usize) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(form) {
            return Some(at);
        }
        for _ in 0..step {
            at += form_len(&bytes[at..]);
        }
    }
    None
}

/// A buffer that begins with so many zeros, with room for `room` bytes behind them.
pub fn with_room(zeros: usize, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(zeros + room);
    bytes.resize(zeros, 0);
    bytes
}

/// Makes room for `more` bytes, and for no more than the allocator sets aside anyway: a buffer that doubles would be half empty.
#[inline]
pub fn reserve(bytes: &mut Vec<u8>, more: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        bytes.reserve_exact(alloc::block_len(needed) - bytes.len());
    }
}

/// Gives back what a buffer has set aside and does not need. It moves: asked to make a block shorter, the allocator leaves it as it is until
/// half of it is free.
pub fn fit(bytes: &mut Vec<u8>) {
    if alloc::block_len(bytes.len()) < alloc::block_len(bytes.capacity()) {
        let mut fitting = Vec::with_capacity(alloc::block_len(bytes.len()));
        fitting.extend_from_slice(bytes);
        *bytes = fitting;
    }
}

/// Replaces `range` by `with`. One move of what lies behind.
pub fn splice(bytes: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    let (old, new) = (range.len(), with.len());
    if old == new {
        // What lies behind stays where it is, and out of the processor's way.
        bytes[range].copy_from_slice(with);
        return;
    }
    let end = bytes.len();
    if new > old {
        reserve(bytes, new - old);
        bytes.resize(end + (new - old), 0);
    }
    bytes.copy_within(range.end..end, range.start + new);
    bytes.truncate(end + new - old);
    bytes[range.start..range.start + new].copy_from_slice(with);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            (-200..40_000_i64).prop_map(|number| number.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 220..230),
            Just(vec![b'x'; 70_000]),
            Just(b"007".to_vec()),
            Just(b"-0".to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn items_come_back_in_order_and_are_found_by_their_forms(texts in prop::collection::vec(text(), 0..20)) {
            let mut bytes = Vec::new();
            let mut offsets = Vec::new();
            for text in &texts {
                offsets.push(bytes.len());
                push(&mut bytes, text);
            }
            prop_assert!(is_valid(&bytes));
            let read: Vec<_> = Items::of(&bytes).map(|(at, item)| (at, item.to_vec())).collect();
            prop_assert_eq!(&read, &offsets.iter().copied().zip(texts.iter().cloned()).collect::<Vec<_>>());
            for text in &texts {
                let first = texts.iter().position(|other| other == text).map(|first| offsets[first]);
                prop_assert_eq!(find(&bytes, &packed(text), 1), first);
            }
        }

        #[test]
        fn bytes_from_outside_are_refused_unless_they_are_items(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            if is_valid(&bytes) {
                let mut again = Vec::new();
                Items::of(&bytes).for_each(|(_, item)| match item {
                    Item::Float(score) => push_score(&mut again, score),
                    item => item.with_text(|text| push(&mut again, text)),
                });
                prop_assert_eq!(again, bytes);
            }
        }

        #[test]
        fn scores_come_back_and_have_one_form(score in prop_oneof![any::<f64>(), (-300..70_000i64).prop_map(|score| score as f64)]) {
            prop_assume!(!score.is_nan());
            let mut bytes = Vec::new();
            push_score(&mut bytes, score);
            prop_assert!(is_valid(&bytes));
            prop_assert_eq!(read_score(&bytes), score);
            prop_assert_eq!(form_len(&bytes), bytes.len());
        }

        #[test]
        fn splicing_is_what_a_vector_does(mut bytes in prop::collection::vec(any::<u8>(), 0..50), from in 0..50usize, len in 0..50usize,
                                          with in prop::collection::vec(any::<u8>(), 0..50)) {
            let from = from.min(bytes.len());
            let to = (from + len).min(bytes.len());
            let mut model = bytes.clone();
            model.splice(from..to, with.iter().copied());
            splice(&mut bytes, from..to, &with);
            prop_assert_eq!(bytes, model);
        }
    }

    #[test]
    fn buffers_set_aside_no_more_than_the_allocator_rounds_to() {
        for len in [10, 300, 1000, 2600, 5000, 70_000] {
            let mut bytes = Vec::with_capacity(len * 2 - 1);
            bytes.resize(len, 7);
            fit(&mut bytes);
            assert_eq!((bytes.len(), alloc::block_len(bytes.capacity())), (len, alloc::block_len(len)));
            bytes.resize(bytes.capacity(), 7);
            let full = bytes.len();
            reserve(&mut bytes, 3);
            assert_eq!(bytes.capacity(), alloc::block_len(full + 3));
        }
    }
}
