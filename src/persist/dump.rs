//! The payload of DUMP and RESTORE: a value as in a snapshot, the format's version, and a checksum.
//!
//! ```text
//! type byte, value | u16 version | u64 CRC       (little endian)
//! ```
//!
//! The version is the lowest one that knows what is in the payload. So Redis from 7.0 on reads all but hashes with expiries of fields (sets
//! as listpacks from 7.2 on), and so does Valkey from 7.2 on; with the newest version, as Valkey writes it, Redis would refuse everything.

use super::rdb::load::{self, Access, Object};
use super::rdb::save;
use super::rdb::source::Source;
use super::rdb::style::Style;
use super::rdb::{Corrupt, version};
use crate::base::crc64::crc64;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::value::string::StringRef;

const CRC_LEN: usize = 8;
const FOOTER_LEN: usize = 2 + CRC_LEN;

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

/// A payload of an entry.
pub fn of_entry(entry: EntryRef<'_>, style: Style) -> Vec<u8> {
    let mut payload = Vec::new();
    let version = save::object(&mut payload, entry, style).expect("the newest version holds everything, and memory takes it");
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
    if !load::is_known_in(kind, version) {
        let is_foreign = version::is_foreign(version) && load::is_known(kind);
        return Err(if is_foreign { Refused::ForeignType(kind) } else { Refused::Value(Corrupt("its type is not known")) });
    }
    load::object(kind, &mut source, access, &mut Vec::new()).map_err(Refused::Value)
}
