//! Which elements a range command wants: what ZRANGE and its kin share.

use std::ops::Range;

use super::bounds::{self, LexRange, ScoreRange};
use crate::engine::context::{integer, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::value::zset::{Elements, ZsetView};

/// By what a range is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Positions.
    Rank,
    /// Scores.
    Score,
    /// Members.
    Lex,
}

#[derive(Debug)]
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct RangeQuery<'a> {
    bounds: Bounds<'a>,
    is_reverse: bool,
    offset: i64,
    /// Negative: no limit.
    limit: i64,
    /// WITHSCORES.
    pub(super) with_scores: bool,
}

/// What the command's name leaves open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// `None`: the arguments say it.
    pub(super) by: Option<By>,
    /// `None`: the arguments say it.
    pub(super) is_reverse: Option<bool>,
    /// The result is stored, with its scores.
    pub(super) stores: bool,
}

impl<'a> RangeQuery<'a> {
    /// Reads `min max [option ...]`.
    pub(super) fn parse(words: &[&'a [u8]], form: Form) -> Result<RangeQuery<'a>, CmdError> {
        let (mut by, mut is_reverse) = (form.by, form.is_reverse);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut rest = &words[2..];
        while let [word, tail @ ..] = rest {
            rest = tail;
            match tail {
                _ if !form.stores && is_word(word, "withscores") => with_scores = true,
                [first, second, more @ ..] if is_word(word, "limit") => {
                    (offset, limit) = (integer(first)?, integer(second)?);
                    rest = more;
                }
                _ if form.is_reverse.is_none() && is_reverse.is_none() && is_word(word, "rev") => is_reverse = Some(true),
                _ if by.is_none() && is_word(word, "bylex") => by = Some(By::Lex),
                _ if by.is_none() && is_word(word, "byscore") => by = Some(By::Score),
                _ => return Err(CmdError::Syntax),
            }
        }
        let (by, is_reverse) = (by.unwrap_or(By::Rank), is_reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(CmdError::coded("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"));
        }
        if with_scores && by == By::Lex {
            return Err(CmdError::coded("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (min, max) = if is_reverse && by != By::Rank { (words[1], words[0]) } else { (words[0], words[1]) };
        let bounds = match by {
            By::Rank => Bounds::Ranks(integer(min)?, integer(max)?),
            By::Score => Bounds::Scores(ScoreRange::parse(min, max)?),
            By::Lex => Bounds::Members(LexRange::parse(min, max)?),
        };
        Ok(RangeQuery { bounds, is_reverse, offset, limit, with_scores })
    }

    /// The elements, in the order in which they are wanted, and their number.
    pub(super) fn run<'z>(&self, zset: ZsetView<'z>) -> (Elements<'z>, usize) {
        let ranks = self.ranks(zset);
        (zset.range(ranks.clone(), self.is_reverse), ranks.len())
    }

    /// The number of elements, if Valkey knows it before it has seen them; else 0.
    pub(super) fn known_len(&self, count: usize) -> usize {
        if matches!(self.bounds, Bounds::Ranks(..)) { count } else { 0 }
    }

    fn ranks(&self, zset: ZsetView<'_>) -> Range<usize> {
        let len = zset.len();
        let ranks = match &self.bounds {
            Bounds::Ranks(start, stop) => {
                let ranks = bounds::ranks(*start, *stop, len);
                return if self.is_reverse && !ranks.is_empty() { len - ranks.end..len - ranks.start } else { ranks };
            }
            Bounds::Scores(range) => range.ranks(zset),
            Bounds::Members(range) => range.ranks(zset),
        };
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let skipped = match usize::try_from(self.offset) {
            Ok(skipped) if skipped > 0 && skipped >= len => return 0..0,
            Ok(skipped) => skipped,
            // Valkey takes a negative offset of a large set from the other end; a small one has no such elements.
            Err(_) if matches!(zset, ZsetView::Large(_)) => {
                let from_end = usize::try_from(self.offset.unsigned_abs()).unwrap_or(usize::MAX);
                match ranks.len().checked_sub(from_end) {
                    Some(skipped) => skipped,
                    None => return 0..0,
                }
            }
            Err(_) => return 0..0,
        };
        let left = ranks.len().saturating_sub(skipped);
        let taken = left.min(wanted);
        if self.is_reverse {
            let end = ranks.start + left;
            end - taken..end
        } else {
            let start = ranks.end - left;
            start..start + taken
        }
    }
}
