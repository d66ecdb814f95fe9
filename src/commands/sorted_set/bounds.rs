//! Ranges of scores and of members, as arguments give them.

use std::ops::Range;

use crate::base::float::parse_f64_leniently;
use crate::engine::error::CmdError;
use crate::keyspace::value::zset::ZsetView;

/// One end of a range of scores.
#[derive(Debug, Clone, Copy)]
struct ScoreBound {
    score: f64,
    is_excluded: bool,
}

/// Scores from one to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoreRange {
    min: ScoreBound,
    max: ScoreBound,
}

impl ScoreBound {
    /// As Valkey reads it: up to a zero byte, and nothing at all is 0.
    fn parse(arg: &[u8]) -> Option<ScoreBound> {
        let (is_excluded, text) = arg.strip_prefix(b"(").map_or((false, arg), |text| (true, text));
        let text = crate::engine::error::as_shown(text);
        let score = if text.is_empty() { 0.0 } else { parse_f64_leniently(text)? };
        Some(ScoreBound { score, is_excluded })
    }
}

impl ScoreRange {
    /// Reads both ends.
    pub(super) fn parse(min: &[u8], max: &[u8]) -> Result<ScoreRange, CmdError> {
        match (ScoreBound::parse(min), ScoreBound::parse(max)) {
            (Some(min), Some(max)) => Ok(ScoreRange { min, max }),
            _ => Err(CmdError::coded("ERR min or max is not a float")),
        }
    }

    /// The elements in it.
    pub(super) fn ranks(&self, zset: ZsetView<'_>) -> Range<usize> {
        let ScoreRange { min, max } = *self;
        if min.score > max.score || min.score == max.score && (min.is_excluded || max.is_excluded) {
            return 0..0;
        }
        let start = zset.count_by_score(|score| score < min.score || min.is_excluded && score == min.score);
        let end = zset.count_by_score(|score| score < max.score || !max.is_excluded && score == max.score);
        start..end.max(start)
    }
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy)]
enum LexBound<'a> {
    BeforeAll,
    AfterAll,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

/// Members from one to another, in a sorted set whose scores are all equal.
#[derive(Debug, Clone, Copy)]
pub(super) struct LexRange<'a> {
    min: LexBound<'a>,
    max: LexBound<'a>,
}

impl<'a> LexBound<'a> {
    fn parse(arg: &'a [u8]) -> Option<LexBound<'a>> {
        match arg {
            [b'(', member @ ..] => Some(LexBound::Excluded(member)),
            [b'[', member @ ..] => Some(LexBound::Included(member)),
            [b'-'] | [b'-', 0, ..] => Some(LexBound::BeforeAll),
            [b'+'] | [b'+', 0, ..] => Some(LexBound::AfterAll),
            _ => None,
        }
    }
}

impl<'a> LexRange<'a> {
    /// Reads both ends.
    pub(super) fn parse(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CmdError> {
        match (LexBound::parse(min), LexBound::parse(max)) {
            (Some(min), Some(max)) => Ok(LexRange { min, max }),
            _ => Err(CmdError::coded("ERR min or max not valid string range item")),
        }
    }

    /// The elements in it.
    pub(super) fn ranks(&self, zset: ZsetView<'_>) -> Range<usize> {
        let start = zset.count_by_member(|member| match self.min {
            LexBound::BeforeAll => false,
            LexBound::AfterAll => true,
            LexBound::Included(min) => member < min,
            LexBound::Excluded(min) => member <= min,
        });
        let end = zset.count_by_member(|member| match self.max {
            LexBound::BeforeAll => false,
            LexBound::AfterAll => true,
            LexBound::Included(max) => member <= max,
            LexBound::Excluded(max) => member < max,
        });
        start..end.max(start)
    }
}

/// The elements between two ranks, of which negative ones count from the end.
pub(super) fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_end = |rank: i64| if rank < 0 { len.saturating_add(rank) } else { rank };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_valkey_reads_them() {
        for (arg, bound) in [
            ("1", Some((1.0, false))),
            ("(1.5", Some((1.5, true))),
            ("-inf", Some((f64::NEG_INFINITY, false))),
            ("", Some((0.0, false))),
            ("(", Some((0.0, true))),
            ("1e999", Some((f64::INFINITY, false))),
            ("nan", None),
            ("((1", None),
            ("[1", None),
            ("x", None),
        ] {
            assert_eq!(ScoreBound::parse(arg.as_bytes()).map(|bound| (bound.score, bound.is_excluded)), bound, "{arg}");
        }
        for arg in ["", "a", "+a", "--"] {
            assert!(LexBound::parse(arg.as_bytes()).is_none(), "{arg}");
        }
    }

    #[test]
    fn ranks_count_from_either_end() {
        for (start, stop, range) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 100, 0..5),
            (3, 2, 0..0),
            (5, 9, 0..0),
            (0, -9, 0..0),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            assert_eq!(ranks(start, stop, 5), range, "{start} {stop}");
        }
    }
}
