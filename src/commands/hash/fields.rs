//! What the hash commands share: how a hash is read, and the limits of small ones.

use crate::config::Config;
use crate::engine::context::{integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::value::hash::{Hash, HashView, SmallLimits};

/// `FIELDS numfields field ...`.
pub(super) const FIELDS: Arg = Arg {
    name: "fields",
    kind: ArgKind::Block(&[Arg { name: "numfields", kind: ArgKind::KeyInteger(0), ..ARG }, Arg { name: "field", multiple: true, ..ARG }]),
    token: "FIELDS",
    ..ARG
};

/// Up to which size a hash is a small one.
pub(super) fn limits(config: &Config) -> SmallLimits {
    SmallLimits { entries: config.hash_max_listpack_entries, value_len: config.hash_max_listpack_value }
}

/// Reads the hash under a key, for a command that only reads.
#[inline]
pub(super) fn view<'k>(keys: &'k mut KeyAccess<'_>, key: Key<'_>) -> Result<Option<HashView<'k>>, CmdError> {
    Ok(keys.read(key).map(collection::of::<Hash>).transpose()?)
}

/// The fields behind `FIELDS` and their number, of which each is followed by `step` - 1 other words.
///
/// # Errors
/// If the number is none, or not theirs: then with `mismatch`.
pub(super) fn numbered<'a, 'r>(
    words: &'a [&'r [u8]],
    step: usize,
    mismatch: impl FnOnce() -> CmdError,
) -> Result<&'a [&'r [u8]], CmdError> {
    let (number, fields) = words.split_first().ok_or(CmdError::Syntax)?;
    let number = integer(number)?;
    let is_their_number = number > 0 && usize::try_from(number).ok().and_then(|number| number.checked_mul(step)) == Some(fields.len());
    if is_their_number { Ok(fields) } else { Err(mismatch()) }
}

/// The words before `FIELDS` and those behind it, searched from word `from` on: it cannot be the last one.
///
/// # Errors
/// If it is not there: what Valkey says of a wrong number.
pub(super) fn split<'a, 'r>(words: &'a [&'r [u8]], from: usize) -> Result<(&'a [&'r [u8]], &'a [&'r [u8]]), CmdError> {
    let searched = words.get(from..words.len() - 1).unwrap_or_default();
    let at = searched.iter().position(|word| is_word(word, "FIELDS")).ok_or_else(wrong_number)? + from;
    Ok((&words[..at], &words[at + 1..]))
}

/// What most commands say if the number of fields is not what was said.
pub(super) fn wrong_number() -> CmdError {
    CmdError::coded("ERR numfields should be greater than 0 and match the provided number of fields")
}
