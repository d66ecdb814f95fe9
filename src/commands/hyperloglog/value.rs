//! A key's string as a HyperLogLog.

use std::borrow::Cow;

use crate::datatypes::hyperloglog::{self as hll, Corrupt, HEADER_LEN, REGISTERS};
use crate::engine::error::CmdError;
use crate::keyspace::entry::{Encoding, EntryRef};
use crate::keyspace::key_mut::{Expiry, KeyMut};
use crate::keyspace::string_value;
use crate::keyspace::value::string::LongString;

/// Longest sparse one: two bytes for each register. What is longer cannot be valid, and is not looked at.
const LEN_MAX: usize = HEADER_LEN + 2 * REGISTERS;

/// The error for one whose operations do not make up its registers.
pub(super) fn corrupt(_: Corrupt) -> CmdError {
    CmdError::coded("INVALIDOBJ Corrupted HLL object detected")
}

/// The bytes of an entry that must be one, at least by its header.
pub(super) fn of(entry: EntryRef<'_>) -> Result<Cow<'_, [u8]>, CmdError> {
    let value = string_value::of(entry)?;
    let len = string_value::len(value);
    let is_one =
        entry.encoding() != Encoding::Int && string_value::with_string(value, |string| hll::is_one(&string.part(0..HEADER_LEN), len));
    if !is_one {
        return Err(CmdError::coded("WRONGTYPE Key is not a valid HyperLogLog string value."));
    }
    if len > LEN_MAX {
        return Err(corrupt(Corrupt));
    }
    Ok(match value {
        crate::keyspace::entry::ValueRef::Bytes(bytes) => Cow::Borrowed(bytes),
        _ => Cow::Owned(string_value::to_vec(entry)),
    })
}

/// The bytes of a key that is to be changed, `None` if it is not there. They are raw from then on, even if nothing changes in the end.
pub(super) fn of_key<'m>(key: &'m mut KeyMut<'_, '_, '_>) -> Result<Option<Cow<'m, [u8]>>, CmdError> {
    let Some(entry) = key.entry() else { return Ok(None) };
    let is_embedded = entry.encoding() == Encoding::Embstr;
    of(entry)?;
    if is_embedded {
        key.grow(0);
    }
    key.entry().map(of).transpose()
}

/// Makes it the key's value, which keeps its expiry.
pub(super) fn put(key: &mut KeyMut<'_, '_, '_>, bytes: Vec<u8>) {
    key.set_raw(LongString::from(bytes), Expiry::Keep);
}
