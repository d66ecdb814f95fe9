//! A key's string as a HyperLogLog.

use std::borrow::Cow;

use crate::datatypes::hyperloglog::{self as hll, Corrupt, HEADER_LEN, REGISTERS};
use crate::engine::error::CmdError;
use crate::keyspace::entry::{Encoding, EntryRef, ValueRef};
use crate::keyspace::key_mut::{Expiry, KeyMut};
use crate::keyspace::string_value;
use crate::keyspace::value::string::LongString;

/// Longest sparse one: two bytes for each register. What is longer cannot be valid.
const LEN_MAX: usize = HEADER_LEN + 2 * REGISTERS;
/// As much as is read of a longer one: every register lies in it, and one operation more, by which all who count them find that it is corrupt.
const READ_MAX: usize = LEN_MAX + 2;

/// The error for one whose operations do not make up its registers.
pub(super) fn corrupt(_: Corrupt) -> CmdError {
    CmdError::coded("INVALIDOBJ Corrupted HLL object detected")
}

/// The bytes of an entry that must be one, at least by its header.
#[inline]
pub(super) fn of(entry: EntryRef<'_>) -> Result<Cow<'_, [u8]>, CmdError> {
    match string_value::of(entry)? {
        ValueRef::Bytes(bytes) if hll::is_one(bytes, bytes.len()) => Ok(Cow::Borrowed(bytes)),
        ValueRef::Chunks(_) => of_long(entry),
        _ => Err(NOT_ONE),
    }
}

const NOT_ONE: CmdError = CmdError::coded("WRONGTYPE Key is not a valid HyperLogLog string value.");

/// As [`of`], for a string that does not lie in one piece: its first [`READ_MAX`] bytes.
#[cold]
fn of_long(entry: EntryRef<'_>) -> Result<Cow<'static, [u8]>, CmdError> {
    check_header(entry)?;
    let value = string_value::of(entry)?;
    let len = string_value::len(value).min(READ_MAX);
    Ok(Cow::Owned(string_value::with_string(value, |string| string.part(0..len).into_owned())))
}

/// True if bytes that were read may be a whole one.
#[inline]
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() <= LEN_MAX
}

/// That an entry is one by its header, whatever follows it.
fn check_header(entry: EntryRef<'_>) -> Result<(), CmdError> {
    let value = string_value::of(entry)?;
    let len = string_value::len(value);
    let is_one = string_value::with_string(value, |string| hll::is_one(&string.part(0..HEADER_LEN.min(len)), len));
    if is_one { Ok(()) } else { Err(NOT_ONE) }
}

/// The bytes of a key that is to be changed, `None` if it is not there. They are raw from then on, even if nothing changes in the end.
#[inline]
pub(super) fn of_key<'m>(key: &'m mut KeyMut<'_, '_, '_>) -> Result<Option<Cow<'m, [u8]>>, CmdError> {
    if let Some(entry) = key.entry()
        && entry.encoding() == Encoding::Embstr
    {
        of(entry)?;
        key.grow(0);
    }
    key.entry().map(of).transpose()
}

/// Makes it the key's value, which keeps its expiry.
pub(super) fn put(key: &mut KeyMut<'_, '_, '_>, bytes: Vec<u8>) {
    key.set_raw(LongString::from(bytes), Expiry::Keep);
}
