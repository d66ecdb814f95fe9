//! The options of HSETEX and HGETEX: conditions, and what becomes of the fields' expiries.

use crate::engine::context::{Context, integer, is_word};
use crate::engine::error::CmdError;

/// Whose options they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Set,
    Get,
}

/// Whether something must be there, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// NX, FNX
    Absent,
    /// XX, FXX
    Present,
}

/// What becomes of the expiries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lifetime<'r> {
    /// No option says anything.
    #[default]
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT or PXAT, and the number behind it.
    Until(&'static str, &'r [u8]),
}

/// See the module's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options<'r> {
    /// NX or XX.
    pub(super) key: Option<Condition>,
    /// FNX or FXX.
    pub(super) fields: Option<Condition>,
    pub(super) lifetime: Lifetime<'r>,
}

fn choose(slot: &mut Option<Condition>, condition: Condition) -> Option<()> {
    let is_free = slot.is_none_or(|before| before == condition);
    is_free.then(|| *slot = Some(condition))
}

impl<'r> Options<'r> {
    /// Reads them. An option may be repeated, but not contradict another.
    pub(super) fn parse(words: &[&'r [u8]], grammar: Grammar) -> Result<Self, CmdError> {
        let mut options = Options::default();
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = options.take(word, after, grammar).ok_or(CmdError::Syntax)?;
        }
        Ok(options)
    }

    /// Takes one option and returns what follows it; `None` if it is none, or not allowed here.
    fn take<'a>(&mut self, word: &[u8], after: &'a [&'r [u8]], grammar: Grammar) -> Option<&'a [&'r [u8]]> {
        let sets = grammar == Grammar::Set;
        let is = |name| is_word(word, name);
        match () {
            () if sets && is("nx") => choose(&mut self.key, Condition::Absent)?,
            () if sets && is("xx") => choose(&mut self.key, Condition::Present)?,
            () if sets && is("fnx") => choose(&mut self.fields, Condition::Absent)?,
            () if sets && is("fxx") => choose(&mut self.fields, Condition::Present)?,
            () if sets && is("keepttl") => {
                self.lifetime = matches!(self.lifetime, Lifetime::Unsaid | Lifetime::Keep).then_some(Lifetime::Keep)?;
            }
            () if !sets && is("persist") => {
                self.lifetime = matches!(self.lifetime, Lifetime::Unsaid | Lifetime::Persist).then_some(Lifetime::Persist)?;
            }
            () => {
                let unit = *["ex", "px", "exat", "pxat"].iter().find(|unit| is(unit))?;
                let (number, after) = after.split_first()?;
                let is_free = match self.lifetime {
                    Lifetime::Unsaid => true,
                    Lifetime::Until(before, _) => before == unit,
                    Lifetime::Keep | Lifetime::Persist => false,
                };
                self.lifetime = is_free.then_some(Lifetime::Until(unit, number))?;
                return Some(after);
            }
        }
        Some(after)
    }

    /// The new expiry, unix milliseconds, if one is asked for.
    ///
    /// # Errors
    /// If it is no number, negative or too far away.
    pub(super) fn expiry_ms(&self, context: &Context<'_>) -> Result<Option<i64>, CmdError> {
        let Lifetime::Until(unit, number) = self.lifetime else { return Ok(None) };
        let base_ms = if unit.ends_with("at") { 0 } else { context.now_ms };
        point_ms(context, number, unit.starts_with("ex"), base_ms).map(Some)
    }
}

/// The point in time, unix milliseconds, that is so many seconds or milliseconds after `base_ms`.
///
/// # Errors
/// If it is no number, negative or too far away.
pub(super) fn point_ms(context: &Context<'_>, number: &[u8], in_seconds: bool, base_ms: i64) -> Result<i64, CmdError> {
    let number = integer(number)?;
    let number_ms = if in_seconds { number.checked_mul(1000) } else { Some(number) };
    let point_ms = number_ms.filter(|number_ms| *number_ms >= 0).and_then(|number_ms| number_ms.checked_add(base_ms));
    point_ms.ok_or_else(|| CmdError::invalid_expire(context.command_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_together_or_do_not() {
        let parse = |line: &'static str, grammar| {
            let words: Vec<&'static [u8]> = line.split_whitespace().map(str::as_bytes).collect();
            Options::parse(&words, grammar)
        };
        let all = parse("nx FXX px 1 PX 2 NX", Grammar::Set).expect("they go together");
        assert_eq!((all.key, all.fields, all.lifetime), (Some(Condition::Absent), Some(Condition::Present), Lifetime::Until("px", b"2")));
        assert_eq!(parse("persist", Grammar::Get).expect("alone").lifetime, Lifetime::Persist);
        for (line, grammar) in [
            ("nx xx", Grammar::Set),
            ("fxx fnx", Grammar::Set),
            ("keepttl ex 1", Grammar::Set),
            ("ex 1 px 1", Grammar::Set),
            ("persist", Grammar::Set),
            ("ex", Grammar::Set),
            ("nx", Grammar::Get),
            ("keepttl", Grammar::Get),
            ("persist ex 1", Grammar::Get),
        ] {
            assert_eq!(parse(line, grammar), Err(CmdError::Syntax), "{line}");
        }
    }
}
