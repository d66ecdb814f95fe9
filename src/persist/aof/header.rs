//! The first records of a part of the append only file that this server writes: which history it belongs to, and where in it; and the database
//! that what follows is about.
//!
//! The one is a PING with a payload, which changes nothing: Redis and Valkey pass over it, in a file as in the stream of a primary. The other
//! one is a SELECT, for a part that begins in the middle of a primary's stream. Both are bytes of the file and not of the write log. All
//! headers have the same length, so that another one can take the place of one.
//!
//! ```text
//! 4 bytes  LDR1
//! 40 bytes the history's name (replication ID)
//! 8 bytes  the epoch of the shard, big endian
//! 8 bytes  the offset of the write log behind this header, big endian
//! 4 bytes  the database there, big endian                               (headers of old end here, and have no SELECT)
//! 1 byte   1 if the part holds what a primary has written, else 0
//! then     zeros, as many as the SELECT is shorter than the longest one
//! ```

use crate::base::limits::LOG_OFFSET_MAX;
use crate::base::number::parse_i64;
use crate::base::requests::{push_header, push_select, push_word};
use crate::persist::history::{ID_LEN, is_id};

const MAGIC: &[u8; 4] = b"LDR1";
/// Bytes of what all headers have, and of what the newer ones have.
const OLD_LEN: usize = 4 + ID_LEN + 8 + 8;
const PAYLOAD_LEN: usize = OLD_LEN + 4 + 1;
/// Bytes of the SELECT with the longest number that a `u32` can be.
const SELECT_LEN_MAX: usize = "*2\r\n$6\r\nSELECT\r\n$10\r\n4294967295\r\n".len();
/// Bytes of a header.
pub const HEADER_LEN: usize = "*2\r\n$4\r\nPING\r\n$75\r\n\r\n".len() + PAYLOAD_LEN + SELECT_LEN_MAX;

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHeader {
    /// The history's name.
    pub history: String,
    /// The shard's epoch.
    pub epoch: u64,
    /// The offset of what follows.
    pub offset: u64,
    /// The database that what follows begins in.
    pub database: u32,
    /// Something of it was written by a primary, and may be what this server cannot apply.
    pub is_copy: bool,
}

/// What a header's first request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The header.
    pub header: PartHeader,
    /// A SELECT follows that is a part of it.
    pub has_select: bool,
}

impl PartHeader {
    /// Its records.
    pub fn record(&self) -> Vec<u8> {
        assert_eq!(self.history.len(), ID_LEN, "all have the same length");
        let mut select = Vec::new();
        push_select(&mut select, self.database);
        let mut payload = Vec::new();
        payload.extend_from_slice(MAGIC);
        payload.extend_from_slice(self.history.as_bytes());
        payload.extend_from_slice(&self.epoch.to_be_bytes());
        payload.extend_from_slice(&self.offset.to_be_bytes());
        payload.extend_from_slice(&self.database.to_be_bytes());
        payload.push(u8::from(self.is_copy));
        payload.resize(PAYLOAD_LEN + SELECT_LEN_MAX - select.len(), 0);
        let mut record = Vec::new();
        push_header(&mut record, 2);
        push_word(&mut record, b"PING");
        push_word(&mut record, &payload);
        record.extend_from_slice(&select);
        record
    }

    /// What a request says, if it is the first one of a header: what names no history or no offset that there can be is a plain PING.
    pub fn parse(words: &[&[u8]]) -> Option<Found> {
        let [command, payload] = words else { return None };
        let rest = payload.strip_prefix(MAGIC).filter(|_| command.eq_ignore_ascii_case(b"PING"))?;
        let (history, rest) = rest.split_at_checked(ID_LEN)?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (epoch, offset) = (u64::from_be_bytes(*epoch), u64::from_be_bytes(*offset));
        let history = String::from_utf8(history.to_vec()).ok()?;
        let is_sound = offset <= LOG_OFFSET_MAX && is_id(&history);
        let (database, is_copy, has_select) = match rest.split_first_chunk() {
            _ if rest.is_empty() => (0, false, false),
            Some((database, [is_copy, ..])) => (u32::from_be_bytes(*database), *is_copy != 0, true),
            _ => return None,
        };
        is_sound.then_some(Found { header: PartHeader { history, epoch, offset, database, is_copy }, has_select })
    }

    /// True if this request is the SELECT that belongs to it.
    pub fn is_select(&self, words: &[&[u8]]) -> bool {
        matches!(words, [command, number] if command.eq_ignore_ascii_case(b"SELECT") && parse_i64(number) == Some(self.database.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> PartHeader {
        PartHeader { history: "0123456789".repeat(4), epoch: 7, offset: 0x0102_0304_0506_0708, database: 12, is_copy: true }
    }

    /// The payload of a header's first request.
    fn payload(record: &[u8], len: usize) -> Vec<u8> {
        let start = record.windows(4).position(|bytes| bytes == MAGIC).expect("it is there");
        record[start..start + len].to_vec()
    }

    #[test]
    fn a_header_is_read_as_it_was_written_and_its_form_stays() {
        let header = header();
        let record = header.record();
        let mut expected = b"*2\r\n$4\r\nPING\r\n$74\r\nLDR10123456789012345678901234567890123456789\0\0\0\0\0\0\0\x07".to_vec();
        expected.extend_from_slice(b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x0c\x01\0\0\0\0\0\0\0\0\0\r\n");
        expected.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n");
        assert_eq!(String::from_utf8_lossy(&record), String::from_utf8_lossy(&expected));
        let payload = payload(&record, 74);
        assert_eq!(PartHeader::parse(&[b"ping", &payload]), Some(Found { header: header.clone(), has_select: true }));
        // Later versions may say more.
        assert!(PartHeader::parse(&[b"PING", &[&payload[..], b"more"].concat()]).is_some_and(|found| found.header == header));
        // One of old says less.
        let old = Found { header: PartHeader { database: 0, is_copy: false, ..header.clone() }, has_select: false };
        assert_eq!(PartHeader::parse(&[b"PING", &payload[..OLD_LEN]]), Some(old));
        assert_eq!(PartHeader::parse(&[b"PING", &payload[1..]]), None);
        for len in [OLD_LEN - 1, OLD_LEN + 1, OLD_LEN + 4] {
            assert_eq!(PartHeader::parse(&[b"PING", &payload[..len]]), None, "{len}");
        }
        assert_eq!(PartHeader::parse(&[b"PING"]), None);
        for (at, byte) in [(4, b'\n'), (43, b'g'), (52, 0x40)] {
            let mut damaged = payload.clone();
            damaged[at] = byte;
            assert_eq!(PartHeader::parse(&[b"PING", &damaged]), None, "byte {at}");
        }
        assert!(header.is_select(&[b"select", b"12"]));
        assert!(!header.is_select(&[b"SELECT", b"1"]) && !header.is_select(&[b"SELECT"]) && !header.is_select(&[b"GET", b"12"]));
    }

    #[test]
    fn all_headers_have_the_same_length() {
        for database in [0, 9, 10, 123_456, 999_999_999, 1_000_000_000, u32::MAX] {
            assert_eq!(PartHeader { database, ..header() }.record().len(), header().record().len(), "{database}");
        }
    }
}
