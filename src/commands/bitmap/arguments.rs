//! Arguments that several bitmap commands take: a bit's offset, a range of bytes or bits.

use crate::base::number::parse_i64;
use crate::config::Config;
use crate::engine::context::{integer, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::value::string::StringRef;

const BAD_OFFSET: CmdError = CmdError::coded("ERR bit offset is not an integer or out of range");

/// An offset in bits within a string of at most `proto-max-bulk-len`.
pub(super) fn offset(config: &Config, arg: &[u8]) -> Result<u64, CmdError> {
    check(config, parse_i64(arg))
}

/// An offset that may also count fields of `bits`: `#3`.
pub(super) fn field_offset(config: &Config, arg: &[u8], bits: u64) -> Result<u64, CmdError> {
    match arg {
        [b'#', number @ ..] => check(config, parse_i64(number).and_then(|number| number.checked_mul(bits as i64))),
        _ => offset(config, arg),
    }
}

fn check(config: &Config, offset: Option<i64>) -> Result<u64, CmdError> {
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    offset.filter(|offset| offset >> 3 < config.proto_max_bulk_len).ok_or(BAD_OFFSET)
}

/// A range as it was given: `[start [end [BYTE|BIT]]]`. The default is the whole string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RangeArgs {
    start: i64,
    /// `None`: to the end.
    pub(super) end: Option<i64>,
    counts_bits: bool,
}

impl RangeArgs {
    /// Parses what follows; `None` if there is nothing.
    pub(super) fn parse(args: &[&[u8]]) -> Result<Option<RangeArgs>, CmdError> {
        let (start, end, unit) = match args {
            [] => return Ok(None),
            [start] => (start, None, None),
            [start, end] => (start, Some(end), None),
            [start, end, unit] => (start, Some(end), Some(unit)),
            _ => return Err(CmdError::Syntax),
        };
        let start = integer(start)?;
        let counts_bits = match unit {
            None => false,
            Some(word) if is_word(word, "byte") => false,
            Some(word) if is_word(word, "bit") => true,
            Some(_) => return Err(CmdError::Syntax),
        };
        let end = end.map(|end| integer(end)).transpose()?;
        Ok(Some(RangeArgs { start, end, counts_bits }))
    }

    /// True if both ends count from the end of the string, in the wrong order.
    pub(super) fn is_backwards(self) -> bool {
        matches!(self.end, Some(end) if self.start < 0 && end < 0 && self.start > end)
    }

    /// The first and the last bit within a string of `len` bytes; `None` if there is none. Negative positions count from the end,
    /// and what lies outside is left out.
    pub(super) fn resolve(self, len: usize) -> Option<(u64, u64)> {
        let unit = if self.counts_bits { 1 } else { 8 };
        let total = (len * 8 / unit) as i64;
        let from_front = |position: i64| if position < 0 { (position + total).max(0) } else { position };
        let start = from_front(self.start);
        let end = from_front(self.end.unwrap_or(-1)).min(total - 1);
        let unit = unit as u64;
        (start <= end).then(|| (start as u64 * unit, (end as u64 + 1) * unit - 1))
    }
}

/// The pieces of a string in which the bits from `first` to `last`, both included and within the string, lie: the bits before the piece, its
/// bytes, and the first and the last of those bits in it.
pub(super) fn bits_by_piece(string: StringRef<'_>, first: u64, last: u64) -> impl Iterator<Item = (u64, &[u8], u64, u64)> {
    string.pieces((first >> 3) as usize..=(last >> 3) as usize).map(move |piece| {
        let before = piece.at as u64 * 8;
        let bits = piece.bytes.len() as u64 * 8;
        (before, piece.bytes, first.saturating_sub(before), (last - before).min(bits - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments, the string's length, and the range they mean.
    type Case<'a> = (&'a [&'a [u8]], usize, Option<(u64, u64)>);

    fn resolve(args: &[&[u8]], len: usize) -> Option<(u64, u64)> {
        RangeArgs::parse(args).expect("valid").unwrap_or_default().resolve(len)
    }

    #[test]
    fn ranges_are_clamped_to_the_string() {
        let cases: [Case<'_>; 12] = [
            (&[], 3, Some((0, 23))),
            (&[], 0, None),
            (&[b"1"], 3, Some((8, 23))),
            (&[b"-1"], 3, Some((16, 23))),
            (&[b"3"], 3, None),
            (&[b"0", b"0"], 3, Some((0, 7))),
            (&[b"0", b"-100"], 3, Some((0, 7))),
            (&[b"1", b"100", b"byte"], 3, Some((8, 23))),
            (&[b"3", b"-2", b"BIT"], 3, Some((3, 22))),
            (&[b"-1", b"-3"], 3, None),
            (&[b"-9223372036854775808", b"9223372036854775807", b"bit"], 3, Some((0, 23))),
            (&[b"0", b"0"], 0, None),
        ];
        for (args, len, expected) in cases {
            assert_eq!(resolve(args, len), expected, "{args:?} of {len}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let cases: [(&[&[u8]], CmdError); 4] = [
            (&[b"a", b"b", b"c"], CmdError::NotInteger),
            (&[b"1", b"b", b"c"], CmdError::Syntax),
            (&[b"1", b"b"], CmdError::NotInteger),
            (&[b"1", b"2", b"bit", b"bit"], CmdError::Syntax),
        ];
        for (args, expected) in cases {
            assert_eq!(RangeArgs::parse(args), Err(expected), "{args:?}");
        }
    }
}
