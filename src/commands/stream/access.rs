//! What the commands on streams share: how IDs are read, how a stream is, and errors.

use smallvec::SmallVec;

use crate::config::Config;
use crate::engine::error::{CmdError, as_shown};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::value::stream::{NodeLimits, Stream, StreamId};

const INVALID_ID: CmdError = CmdError::coded("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: CmdError = CmdError::coded("ERR invalid start ID for the interval");
const INVALID_END: CmdError = CmdError::coded("ERR invalid end ID for the interval");

/// An ID; where its second part is missing it is `seq`.
#[inline]
pub(super) fn strict_id(arg: &[u8], seq: u64) -> Result<StreamId, CmdError> {
    StreamId::parse(arg, seq).ok_or(INVALID_ID)
}

/// An ID, or `-` or `+` for the least and the greatest.
pub(super) fn id(arg: &[u8], seq: u64) -> Result<StreamId, CmdError> {
    match as_shown(arg) {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => strict_id(arg, seq),
    }
}

/// All of these, before any is used.
pub(super) fn strict_ids(args: &[&[u8]]) -> Result<SmallVec<[StreamId; 8]>, CmdError> {
    args.iter().map(|arg| strict_id(arg, 0)).collect()
}

/// The first ID of a range: `(` excludes the one that is named.
pub(super) fn range_start(arg: &[u8]) -> Result<StreamId, CmdError> {
    match arg {
        [b'(', rest @ ..] if !rest.is_empty() => strict_id(rest, 0)?.next().ok_or(INVALID_START),
        _ => id(arg, 0),
    }
}

/// The last ID of a range.
pub(super) fn range_end(arg: &[u8]) -> Result<StreamId, CmdError> {
    match arg {
        [b'(', rest @ ..] if !rest.is_empty() => strict_id(rest, u64::MAX)?.previous().ok_or(INVALID_END),
        _ => id(arg, u64::MAX),
    }
}

/// How large the nodes of streams become.
#[inline]
pub(super) fn node_limits(config: &Config) -> NodeLimits {
    let bytes = usize::try_from(config.stream_node_max_bytes).unwrap_or(usize::MAX);
    NodeLimits { bytes, entries: config.stream_node_max_entries }
}

/// The stream under a key, `None` if there is none.
#[inline]
pub(super) fn read<'k>(keys: &'k mut KeyAccess<'_>, key: Key<'_>) -> Result<Option<&'k Stream>, CmdError> {
    Ok(keys.read(key).map(collection::of::<Stream>).transpose()?)
}

/// That the key or the group is not there. `place` says where it was named.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8], place: &str) -> CmdError {
    let parts: [&[u8]; 6] = [b"NOGROUP No such key '", as_shown(key), b"' or consumer group '", as_shown(group), b"'", place.as_bytes()];
    CmdError::Text(parts.concat().into())
}

/// That the group is not there.
pub(super) fn no_group(key: &[u8], group: &[u8]) -> CmdError {
    let parts: [&[u8]; 5] = [b"NOGROUP No such consumer group '", as_shown(group), b"' for key name '", as_shown(key), b"'"];
    CmdError::Text(parts.concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_ranges() {
        let max = u64::MAX;
        let start: [(&[u8], Option<(u64, u64)>); 6] = [
            (b"-", Some((0, 0))),
            (b"5", Some((5, 0))),
            (b"(5", Some((5, 1))),
            (b"(", None),
            (b"(-", None),
            (b"(18446744073709551615-18446744073709551615", None),
        ];
        for (arg, expected) in start {
            assert_eq!(range_start(arg).ok().map(|id| (id.ms, id.seq)), expected);
        }
        let end: [(&[u8], Option<(u64, u64)>); 4] =
            [(b"+", Some((max, max))), (b"5", Some((5, max))), (b"(5", Some((5, max - 1))), (b"(0-0", None)];
        for (arg, expected) in end {
            assert_eq!(range_end(arg).ok().map(|id| (id.ms, id.seq)), expected);
        }
    }
}
