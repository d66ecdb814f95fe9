//! What the hash commands share: how a hash is read, and the limits of small ones.

use crate::config::Config;
use crate::engine::context::{integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::records::NumberWord;
use crate::keyspace::value::hash::{Hash, HashView, SmallLimits};
use smallvec::SmallVec;

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

/// The fields that were changed, for a record of the log: which others had ended then, who reads it does not know.
pub(super) fn changed<'r, R>(names: &[&'r [u8]], results: &[R], is_changed: impl Fn(&R) -> bool) -> SmallVec<[&'r [u8]; 8]> {
    names.iter().zip(results).filter(|(_, result)| is_changed(result)).map(|(name, _)| *name).collect()
}

/// Adds the record of fields that were taken out of a hash.
pub(super) fn log_removed(keys: &mut KeyAccess<'_>, key: Key<'_>, fields: &[&[u8]]) {
    let head = [&b"HDEL"[..], key.name()];
    keys.log_all(2 + fields.len(), head.into_iter().chain(fields.iter().copied()));
}

/// Adds the record of fields that end at a time from now on, or no longer.
pub(super) fn log_expiry(keys: &mut KeyAccess<'_>, key: Key<'_>, at_ms: Option<i64>, fields: &[&[u8]]) {
    let (at, number) = (NumberWord::new(at_ms.unwrap_or_default()), NumberWord::new(fields.len() as i64));
    let mut head: SmallVec<[&[u8]; 5]> = SmallVec::new();
    match at_ms {
        Some(_) => head.extend([&b"HPEXPIREAT"[..], key.name(), at.as_bytes()]),
        None => head.extend([&b"HPERSIST"[..], key.name()]),
    }
    head.extend([&b"FIELDS"[..], number.as_bytes()]);
    keys.log_all(head.len() + fields.len(), head.iter().chain(fields).copied());
}

/// Adds the record of a field that has a value now, and when it ends.
pub(super) fn log_value(keys: &mut KeyAccess<'_>, key: Key<'_>, (field, value): (&[u8], &[u8]), expiry_ms: Option<i64>) {
    match expiry_ms {
        None => keys.log(&[b"HSET", key.name(), field, value]),
        Some(expiry_ms) => {
            let at = NumberWord::new(expiry_ms);
            keys.log(&[b"HSETEX", key.name(), b"PXAT", at.as_bytes(), b"FIELDS", b"1", field, value]);
        }
    }
}
