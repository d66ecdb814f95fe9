//! The options that SET, GETEX and MSETEX share: conditions and expiry.

use crate::engine::context::{Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::key_mut::Expiry;

/// Whose options they are: each command allows some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Set,
    GetEx,
    MSetEx,
}

/// When a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Condition<'r> {
    #[default]
    Always,
    /// NX
    IfMissing,
    /// XX
    IfPresent,
    /// IFEQ
    IfEqual(&'r [u8]),
}

/// What an expiry option's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// EX: seconds from now.
    Seconds,
    /// PX: milliseconds from now.
    Milliseconds,
    /// EXAT: seconds since 1970.
    UnixSeconds,
    /// PXAT: milliseconds since 1970.
    UnixMilliseconds,
}

/// An expiry as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiration<'r> {
    pub(super) unit: Unit,
    pub(super) number: &'r [u8],
}

impl Expiration<'_> {
    /// The time in unix milliseconds.
    pub(super) fn at_ms(self, context: &Context<'_>) -> Result<i64, CmdError> {
        let number = integer(self.number)?;
        self.resolve(number, context.now_ms).ok_or_else(|| CmdError::invalid_expire(context.command_name()))
    }

    /// `None` if it is not positive or too far away.
    fn resolve(self, number: i64, now_ms: i64) -> Option<i64> {
        if number <= 0 {
            return None;
        }
        match self.unit {
            Unit::Seconds => number.checked_mul(1000)?.checked_add(now_ms),
            Unit::Milliseconds => number.checked_add(now_ms),
            Unit::UnixSeconds => number.checked_mul(1000),
            Unit::UnixMilliseconds => Some(number),
        }
    }

    /// True if it names a point in time rather than a distance.
    pub(super) fn is_absolute(self) -> bool {
        matches!(self.unit, Unit::UnixSeconds | Unit::UnixMilliseconds)
    }
}

/// What becomes of the expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lifetime<'r> {
    /// No option says anything.
    #[default]
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT or PXAT
    Until(Expiration<'r>),
}

impl Lifetime<'_> {
    /// What a value that is stored now does with the key's expiry.
    #[inline(always)]
    pub(super) fn expiry(self, context: &Context<'_>) -> Result<Expiry, CmdError> {
        Ok(match self {
            Lifetime::Until(expiration) => Expiry::At(expiration.at_ms(context)?),
            Lifetime::Keep => Expiry::Keep,
            Lifetime::Unsaid | Lifetime::Persist => Expiry::Clear,
        })
    }
}

/// Parsed options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options<'r> {
    pub(super) condition: Condition<'r>,
    pub(super) lifetime: Lifetime<'r>,
    /// GET
    pub(super) get: bool,
}

impl<'r> Options<'r> {
    /// Parses the rest of a request. An option may be repeated (its last number counts), but not contradict another.
    ///
    /// Fills the caller's [`Options`]: to return them would copy them, and the copy would wait for what was just stored.
    #[inline]
    pub(super) fn parse(&mut self, args: &[&'r [u8]], grammar: Grammar) -> Result<(), CmdError> {
        let mut rest = args;
        while let [word, after @ ..] = rest {
            rest = self.take(word, after, grammar).ok_or(CmdError::Syntax)?;
        }
        Ok(())
    }

    /// Takes one option and returns what follows it; `None` if it is none, or not allowed here.
    fn take<'a>(&mut self, word: &[u8], after: &'a [&'r [u8]], grammar: Grammar) -> Option<&'a [&'r [u8]]> {
        let stores = grammar != Grammar::GetEx;
        let is = |name| is_word(word, name);
        if stores && is("nx") {
            self.condition = matches!(self.condition, Condition::Always | Condition::IfMissing).then_some(Condition::IfMissing)?;
            return Some(after);
        }
        if stores && is("xx") {
            self.condition = matches!(self.condition, Condition::Always | Condition::IfPresent).then_some(Condition::IfPresent)?;
            return Some(after);
        }
        if stores && is("keepttl") {
            self.lifetime = matches!(self.lifetime, Lifetime::Unsaid | Lifetime::Keep).then_some(Lifetime::Keep)?;
            return Some(after);
        }
        if grammar == Grammar::Set && is("get") {
            self.get = true;
            return Some(after);
        }
        if grammar == Grammar::GetEx && is("persist") {
            self.lifetime = matches!(self.lifetime, Lifetime::Unsaid | Lifetime::Persist).then_some(Lifetime::Persist)?;
            return Some(after);
        }
        let (argument, after) = after.split_first()?;
        if grammar == Grammar::Set && is("ifeq") {
            self.condition = (self.condition == Condition::Always).then_some(Condition::IfEqual(argument))?;
            return Some(after);
        }
        let unit = match word.len() {
            2 if is("ex") => Unit::Seconds,
            2 if is("px") => Unit::Milliseconds,
            4 if is("exat") => Unit::UnixSeconds,
            4 if is("pxat") => Unit::UnixMilliseconds,
            _ => return None,
        };
        let is_free = match self.lifetime {
            Lifetime::Unsaid => true,
            Lifetime::Until(before) => before.unit == unit,
            Lifetime::Keep | Lifetime::Persist => false,
        };
        self.lifetime = is_free.then_some(Lifetime::Until(Expiration { unit, number: argument }))?;
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, grammar: Grammar) -> Option<Options<'_>> {
        let args: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let mut options = Options::default();
        options.parse(&args, grammar).is_ok().then_some(options)
    }

    #[test]
    fn options_that_fit_together() {
        let until = |unit, number| Lifetime::Until(Expiration { unit, number });
        let cases = [
            ("", Grammar::Set, Options::default()),
            ("nx NX", Grammar::Set, Options { condition: Condition::IfMissing, ..Options::default() }),
            ("xx get Ex 5", Grammar::Set, Options { condition: Condition::IfPresent, get: true, lifetime: until(Unit::Seconds, b"5") }),
            ("ifeq ifeq keepttl", Grammar::Set, Options { condition: Condition::IfEqual(b"ifeq"), lifetime: Lifetime::Keep, get: false }),
            ("px 1 px 2", Grammar::GetEx, Options { lifetime: until(Unit::Milliseconds, b"2"), ..Options::default() }),
            ("persist", Grammar::GetEx, Options { lifetime: Lifetime::Persist, ..Options::default() }),
            (
                "pxat 9 nx",
                Grammar::MSetEx,
                Options { condition: Condition::IfMissing, lifetime: until(Unit::UnixMilliseconds, b"9"), get: false },
            ),
        ];
        for (text, grammar, expected) in cases {
            assert_eq!(parse(text, grammar), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn options_that_do_not() {
        let refused = [
            (
                Grammar::Set,
                &[
                    "nx xx",
                    "nx ifeq a",
                    "ifeq a nx",
                    "ifeq a ifeq a",
                    "ifeq",
                    "ex",
                    "ex 1 px 1",
                    "ex 1 exat 1",
                    "keepttl ex 1",
                    "ex 1 keepttl",
                    "persist",
                    "foo",
                ][..],
            ),
            (Grammar::GetEx, &["nx", "xx", "get", "keepttl", "ifeq a", "persist ex 1", "ex 1 persist", "exat"]),
            (Grammar::MSetEx, &["get", "persist", "ifeq a", "nx xx", "ex 1 keepttl"]),
        ];
        for (grammar, texts) in refused {
            for text in texts {
                assert_eq!(parse(text, grammar), None, "{text:?}");
            }
        }
    }

    #[test]
    fn times_resolve_or_overflow() {
        let resolve = |unit, number| Expiration { unit, number: b"" }.resolve(number, 1000);
        assert_eq!(resolve(Unit::Seconds, 1), Some(2000));
        assert_eq!(resolve(Unit::Milliseconds, 1), Some(1001));
        assert_eq!(resolve(Unit::UnixSeconds, 1), Some(1000));
        assert_eq!(resolve(Unit::UnixMilliseconds, 1), Some(1));
        for (unit, number) in [
            (Unit::Seconds, 0),
            (Unit::Seconds, -1),
            (Unit::Seconds, i64::MAX / 1000),
            (Unit::Seconds, i64::MAX / 1000 + 1),
            (Unit::Milliseconds, i64::MAX),
            (Unit::UnixSeconds, i64::MAX / 1000 + 1),
        ] {
            assert_eq!(resolve(unit, number), None, "{unit:?} {number}");
        }
    }
}
