//! The payload of DUMP and RESTORE: a value as in a snapshot, the format's version, and a checksum.
//!
//! ```text
//! type byte, value | u16 version | u64 CRC       (little endian)
//! ```
//!
//! The version is the lowest one that knows what is in the payload. So Redis from 7.0 on reads all but hashes with expiries of fields (sets
//! as listpacks from 7.2 on), and so does Valkey from 7.2 on; with the newest version, as Valkey writes it, Redis would refuse everything.

use super::rdb::load::{self, Access, Object};
use super::rdb::save::{self, Style};
use super::rdb::source::Source;
use super::rdb::{Corrupt, kind, version};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::value::string::StringRef;

const CRC_LEN: usize = 8;
const FOOTER_LEN: usize = 2 + CRC_LEN;
/// Bits from the lowest on: the polynomial of Jones, ad93d23594c935a9.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its version is not known, or its checksum is another.
    Footer,
    /// Its type means something else where it comes from.
    ForeignType(u8),
    /// What it holds is no value.
    Value(Corrupt),
}

/// What is asked of a payload's footer.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Its version is known.
    pub version: bool,
    /// Its checksum is right.
    pub checksum: bool,
}

/// Tables for eight bytes at a time: for a byte with 0 to 7 bytes behind it.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[behind - 1][byte];
            tables[behind][byte] = tables[0][(crc & 0xff) as usize] ^ crc >> 8;
            byte += 1;
        }
        behind += 1;
    }
    tables
}

/// The checksum.
pub fn crc64(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let by_word = words.iter().fold(0_u64, |crc, word| {
        let mixed = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
        mixed.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    });
    rest.iter().fold(by_word, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// A payload of an entry.
pub fn of_entry(entry: EntryRef<'_>, style: Style) -> Vec<u8> {
    let mut payload = Vec::new();
    let version = save::object(&mut payload, entry, style);
    seal(payload, version)
}

/// A payload of a string.
pub fn of_string(string: StringRef<'_>, style: Style) -> Vec<u8> {
    let mut payload = Vec::new();
    save::string(&mut payload, string, style);
    seal(payload, version::LISTPACKS)
}

/// Adds version and checksum.
pub fn seal(mut payload: Vec<u8>, version: u16) -> Vec<u8> {
    payload.extend_from_slice(&version.to_le_bytes());
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

/// Reads a payload.
///
/// # Errors
/// If it is none. What follows the value is not looked at, as in Valkey.
pub fn read(payload: &[u8], access: &Access<'_>, checks: Checks) -> Result<Object, Refused> {
    let (content, footer) = payload.split_last_chunk::<FOOTER_LEN>().ok_or(Refused::Footer)?;
    let [low, high, crc @ ..] = *footer;
    let version = u16::from_le_bytes([low, high]);
    let has_right_checksum = || crc64(&payload[..payload.len() - CRC_LEN]) == u64::from_le_bytes(crc);
    if !version::is_accepted(version, checks.version) || (checks.checksum && !has_right_checksum()) {
        return Err(Refused::Footer);
    }
    let mut source = content;
    let kind = source.byte().map_err(Refused::Value)?;
    let is_redis = matches!(kind, kind::HASH_METADATA | kind::HASH_LISTPACK_EX | kind::STREAM_LISTPACKS_4);
    if version::is_foreign(version) && kind > kind::COMMON_MAX && !is_redis && load::is_known(kind) {
        return Err(Refused::ForeignType(kind));
    }
    // What Redis' numbers mean is not what they may come to mean in Valkey.
    if !load::is_known(kind) || (is_redis && !version::is_foreign(version)) {
        return Err(Refused::Value(Corrupt("its type is not known")));
    }
    load::object(kind, &mut source, access).map_err(Refused::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let text = b"This is a test of the emergency broadcast system.";
        let simple = text.iter().fold(0_u64, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8);
        assert_eq!(crc64(text), simple);
    }
}
