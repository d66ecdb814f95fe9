//! Where a value ends, without reading it: so that one thread can find the values of a file while others read them.
//!
//! It answers `None` for whatever it does not see the end of, be it long or wrong: whoever reads it says what it is.

use super::kind;
use super::source::{Length, Source};

/// An ID, and a time.
const ID_LEN: u64 = 16;
const TIME_LEN: u64 = 8;

/// Length of the value of this type at the beginning of `bytes`.
pub(super) fn value_len(kind: u8, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    pass_over(kind, &mut rest)?;
    Some(bytes.len() - rest.len())
}

/// Passes over the value of this type that comes next.
pub(super) fn pass_over(kind: u8, source: &mut impl Source) -> Option<()> {
    Skimmer(source).value(kind)
}

struct Skimmer<'s, S>(&'s mut S);

impl<S: Source> Skimmer<'_, S> {
    #[inline]
    fn skip(&mut self, len: u64) -> Option<()> {
        self.0.skip(len).ok()
    }

    fn length(&mut self) -> Option<u64> {
        self.0.length().ok()
    }

    #[inline]
    fn text(&mut self) -> Option<()> {
        match self.0.length_or_form().ok()? {
            Length::Of(len) => self.skip(len),
            Length::Form(form @ 0..=2) => self.skip(1 << form),
            Length::Form(_) => {
                let compressed_len = self.length()?;
                self.length()?;
                self.skip(compressed_len)
            }
        }
    }

    /// So many as a length says. Each takes a byte at least, so that this ends with the bytes.
    fn each(&mut self, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        (0..self.length()?).try_for_each(|_| one(self))
    }

    fn value(&mut self, kind: u8) -> Option<()> {
        match kind {
            kind::LIST | kind::SET | kind::LIST_QUICKLIST => self.each(Self::text),
            kind::LIST_QUICKLIST_2 => self.each(|rest| {
                rest.length()?;
                rest.text()
            }),
            kind::ZSET => self.each(|rest| {
                rest.text()?;
                match rest.0.byte().ok()? {
                    253..=255 => Some(()),
                    len => rest.skip(u64::from(len)),
                }
            }),
            kind::ZSET_2 => self.each(|rest| {
                rest.text()?;
                rest.skip(TIME_LEN)
            }),
            kind::HASH => self.each(|rest| {
                rest.text()?;
                rest.text()
            }),
            kind::HASH_2 => self.each(|rest| {
                rest.text()?;
                rest.text()?;
                rest.skip(TIME_LEN)
            }),
            kind::HASH_METADATA => {
                self.skip(TIME_LEN)?;
                self.each(|rest| {
                    rest.length()?;
                    rest.text()?;
                    rest.text()
                })
            }
            kind::HASH_LISTPACK_EX => {
                self.skip(TIME_LEN)?;
                self.text()
            }
            kind::STREAM_LISTPACKS => self.stream(1),
            kind::STREAM_LISTPACKS_2 => self.stream(2),
            kind::STREAM_LISTPACKS_3 => self.stream(3),
            kind::STREAM_LISTPACKS_4 => self.stream(4),
            // All in one piece.
            _ => self.text(),
        }
    }

    fn lengths(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.length().map(drop))
    }

    fn stream(&mut self, form: u8) -> Option<()> {
        self.each(|rest| {
            rest.text()?;
            rest.text()
        })?;
        self.lengths(if form > 1 { 8 } else { 3 })?;
        self.each(|rest| {
            rest.text()?;
            rest.lengths(if form > 1 { 3 } else { 2 })?;
            rest.each(|rest| {
                rest.skip(ID_LEN + TIME_LEN)?;
                rest.lengths(1)
            })?;
            rest.each(|rest| {
                rest.text()?;
                rest.skip(if form > 2 { 2 * TIME_LEN } else { TIME_LEN })?;
                rest.each(|rest| rest.skip(ID_LEN))
            })
        })?;
        if form < 4 {
            return Some(());
        }
        // How long and how many messages are remembered, and of each producer which ones; then two counts.
        self.lengths(2)?;
        self.each(|rest| {
            rest.text()?;
            rest.each(|rest| {
                rest.text()?;
                rest.lengths(2)
            })
        })?;
        self.lengths(2)
    }
}
