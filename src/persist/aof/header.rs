//! The first record of a part of the append only file that this server writes: which history it belongs to, and where in it.
//!
//! It is a PING with a payload, which changes nothing: Redis and Valkey pass over it, in a file as in the stream of a primary. All have the
//! same length.
//!
//! ```text
//! 4 bytes  LDR1
//! 40 bytes the history's name (replication ID)
//! 8 bytes  the epoch of the shard, big endian
//! 8 bytes  the offset of the write log behind this record, big endian
//! ```

use crate::base::requests::{push_header, push_word};

const MAGIC: &[u8; 4] = b"LDR1";
/// Bytes of a history's name.
const HISTORY_LEN: usize = 40;
const PAYLOAD_LEN: usize = 4 + HISTORY_LEN + 8 + 8;
/// No log gets so long: what says so was not written by this server, and no place behind it could be counted.
const OFFSET_MAX: u64 = 1 << 62;

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHeader {
    /// The history's name.
    pub history: String,
    /// The shard's epoch.
    pub epoch: u64,
    /// The offset of what follows.
    pub offset: u64,
}

impl PartHeader {
    /// The record.
    pub fn record(&self) -> Vec<u8> {
        assert_eq!(self.history.len(), HISTORY_LEN, "all have the same length");
        let mut payload = Vec::with_capacity(PAYLOAD_LEN);
        payload.extend_from_slice(MAGIC);
        payload.extend_from_slice(self.history.as_bytes());
        payload.extend_from_slice(&self.epoch.to_be_bytes());
        payload.extend_from_slice(&self.offset.to_be_bytes());
        let mut record = Vec::new();
        push_header(&mut record, 2);
        push_word(&mut record, b"PING");
        push_word(&mut record, &payload);
        record
    }

    /// What a request says, if it is such a record: what names no history or no offset that there can be is a plain PING.
    pub fn parse(words: &[&[u8]]) -> Option<PartHeader> {
        let [command, payload] = words else { return None };
        let rest = payload.strip_prefix(MAGIC).filter(|_| command.eq_ignore_ascii_case(b"PING"))?;
        let (history, numbers) = rest.split_at_checked(HISTORY_LEN)?;
        let (numbers, []) = numbers.as_chunks::<8>() else { return None };
        let [epoch, offset] = *numbers else { return None };
        let (epoch, offset) = (u64::from_be_bytes(epoch), u64::from_be_bytes(offset));
        let history = String::from_utf8(history.to_vec()).ok()?;
        let is_sound = offset <= OFFSET_MAX && history.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sound.then_some(PartHeader { history, epoch, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_its_form_stays() {
        let header = PartHeader { history: "0123456789".repeat(4), epoch: 7, offset: 0x0102_0304_0506_0708 };
        let record = header.record();
        let mut expected = b"*2\r\n$4\r\nPING\r\n$60\r\nLDR10123456789012345678901234567890123456789\0\0\0\0\0\0\0\x07".to_vec();
        expected.extend_from_slice(b"\x01\x02\x03\x04\x05\x06\x07\x08\r\n");
        assert_eq!(record, expected);
        let payload = &record[record.len() - 2 - PAYLOAD_LEN..record.len() - 2];
        assert_eq!(PartHeader::parse(&[b"ping", payload]), Some(header));
        assert_eq!(PartHeader::parse(&[b"PING", &payload[1..]]), None);
        assert_eq!(PartHeader::parse(&[b"PING", &payload[..59]]), None);
        assert_eq!(PartHeader::parse(&[b"PING"]), None);
        for (at, byte) in [(4, b'\n'), (43, b'g'), (52, 0x40)] {
            let mut damaged = payload.to_vec();
            damaged[at] = byte;
            assert_eq!(PartHeader::parse(&[b"PING", &damaged]), None, "byte {at}");
        }
    }
}
