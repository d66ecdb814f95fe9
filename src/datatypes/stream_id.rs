//! IDs of stream entries: a time in milliseconds and a number within it, `1526919030474-55`.

use crate::base::number::parse_u64;

/// Longest text that is read as an ID.
const TEXT_LEN_MAX: usize = 127;

/// See the module's page. Ordered as entries are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds.
    pub ms: u64,
    /// Number within the millisecond.
    pub seq: u64,
}

/// The text of an ID, apart from others.
#[derive(Debug, Clone, Copy)]
pub struct IdText {
    bytes: [u8; 41],
    len: u8,
}

impl IdText {
    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

/// Texts end at a zero byte, as they do for Valkey.
fn until_zero(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

impl StreamId {
    /// The least, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// An ID from its parts.
    #[inline]
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The one that follows, if there is one.
    #[inline]
    pub fn next(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (u64::MAX, u64::MAX) => None,
            (ms, u64::MAX) => Some(StreamId::new(ms + 1, 0)),
            (ms, seq) => Some(StreamId::new(ms, seq + 1)),
        }
    }

    /// The one before, if there is one.
    pub fn previous(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (0, 0) => None,
            (ms, 0) => Some(StreamId::new(ms - 1, u64::MAX)),
            (ms, seq) => Some(StreamId::new(ms, seq - 1)),
        }
    }

    /// Reads `ms` or `ms-seq`; `seq` is what is taken where it is missing.
    pub fn parse(text: &[u8], seq: u64) -> Option<StreamId> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let text = until_zero(text);
        let Some(dash) = memchr::memchr(b'-', text) else { return Some(StreamId::new(parse_u64(text)?, seq)) };
        Some(StreamId::new(parse_u64(&text[..dash])?, parse_u64(&text[dash + 1..])?))
    }

    /// Reads `ms-*`: the milliseconds of an ID whose number is to be found.
    pub fn parse_open(text: &[u8]) -> Option<u64> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let text = until_zero(text);
        let dash = memchr::memchr(b'-', text)?;
        if &text[dash + 1..] != b"*" {
            return None;
        }
        parse_u64(&text[..dash])
    }

    /// `ms-seq`.
    #[inline]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; 41], len: 0 };
        let mut len = 0;
        let mut put = |bytes: &[u8]| {
            text.bytes[len..len + bytes.len()].copy_from_slice(bytes);
            len += bytes.len();
        };
        let mut digits = itoa::Buffer::new();
        put(digits.format(self.ms).as_bytes());
        put(b"-");
        if self.seq < 10 {
            put(&[b'0' + self.seq as u8]);
        } else {
            put(digits.format(self.seq).as_bytes());
        }
        text.len = len as u8;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_valkey_reads_them() {
        let max = u64::MAX;
        let cases: [(&[u8], Option<(u64, u64)>); 12] = [
            (b"5", Some((5, 7))),
            (b"5-3", Some((5, 3))),
            (b"5-03", Some((5, 3))),
            (b"5--3", None),
            (b"5-", None),
            (b"-", None),
            (b"", None),
            (b"5-*", None),
            (b"5-3\0-x", Some((5, 3))),
            (b"18446744073709551615-18446744073709551615", Some((max, max))),
            (b"18446744073709551616", None),
            (&[b'1'; 128], None),
        ];
        for (text, id) in cases {
            assert_eq!(StreamId::parse(text, 7).map(|id| (id.ms, id.seq)), id, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(StreamId::parse_open(b"5-*"), Some(5));
        assert_eq!(StreamId::parse_open(b"5-1"), None);
    }

    #[test]
    fn neighbours_and_texts() {
        let max = u64::MAX;
        let id = StreamId::new(3, max);
        assert_eq!(id.next(), Some(StreamId::new(4, 0)));
        assert_eq!(StreamId::new(4, 0).previous(), Some(id));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
        assert_eq!(StreamId::MAX.text().as_bytes(), format!("{max}-{max}").as_bytes());
        assert_eq!(StreamId::new(12, 3).text().as_bytes(), b"12-3");
    }
}
