//! The options that XADD and XTRIM share: up to where a stream is trimmed.

use super::access::strict_id;
use crate::config::Config;
use crate::engine::context::{integer, is_word};
use crate::engine::error::{CmdError, as_shown};
use crate::engine::spec::{ARG, Arg, ArgKind};
use crate::keyspace::value::stream::{Figures, NewId, StreamId, Threshold, Trim};

pub(super) const TRIM_ARGS: &[Arg] = &[
    Arg {
        name: "strategy",
        kind: ArgKind::OneOf(&[
            Arg { name: "maxlen", kind: ArgKind::PureToken, token: "MAXLEN", ..ARG },
            Arg { name: "minid", kind: ArgKind::PureToken, token: "MINID", since: "6.2.0", ..ARG },
        ]),
        ..ARG
    },
    Arg {
        name: "operator",
        kind: ArgKind::OneOf(&[
            Arg { name: "equal", kind: ArgKind::PureToken, token: "=", ..ARG },
            Arg { name: "approximately", kind: ArgKind::PureToken, token: "~", ..ARG },
        ]),
        optional: true,
        ..ARG
    },
    Arg { name: "threshold", ..ARG },
    Arg { name: "count", kind: ArgKind::Integer, token: "LIMIT", optional: true, since: "6.2.0", ..ARG },
];

const TWO_STRATEGIES: CmdError = CmdError::coded("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const LIMIT_ALONE: CmdError = CmdError::coded("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_EXACT: CmdError = CmdError::coded("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) trim: Option<Trim>,
    pub(super) no_mkstream: bool,
    /// XADD's ID, and where it stands. The clock is not asked yet.
    pub(super) id: NewId,
    pub(super) id_at: usize,
}

/// A trimming that was not exact, as one that takes the same away from whatever node sizes a reader of the log has: `MAXLEN` or `MINID`, and
/// up to where the stream, which is as it is now, was trimmed.
pub(super) fn exact(trim: Trim, figures: Figures) -> (&'static [u8], Vec<u8>) {
    match trim.threshold {
        Threshold::Id(_) if figures.len > 0 => (b"MINID", figures.first_id.text().as_bytes().into()),
        Threshold::Id(_) | Threshold::Len(_) => (b"MAXLEN", itoa::Buffer::new().format(figures.len).as_bytes().into()),
    }
}

/// What ID an entry is to have.
fn new_id(arg: &[u8]) -> Result<NewId, CmdError> {
    match StreamId::parse_open(arg) {
        Some(ms) => Ok(NewId::Open(ms)),
        None => strict_id(arg, 0).map(NewId::Given),
    }
}

/// Most entries that an approximate trimming takes away for which nothing else was said: a hundred nodes' worth.
fn usual_limit(config: &Config) -> u64 {
    match 100_i64.wrapping_mul(config.stream_node_max_entries as i64) {
        ..=0 => 10_000,
        limit => limit.min(1_000_000) as u64,
    }
}

/// Parses from argument 2 on. With `is_add` an ID ends the options; without it there is none, and a trimming must be said.
pub(super) fn parse(args: &[&[u8]], is_add: bool, config: &Config) -> Result<Options, CmdError> {
    let mut options = Options { trim: None, no_mkstream: false, id: NewId::Clock(0), id_at: args.len() };
    let mut limit = None;
    let mut at = 2;
    while at < args.len() {
        let (arg, more) = (args[at], args.len() - at - 1);
        let is_len = is_word(arg, "MAXLEN");
        if is_add && as_shown(arg) == b"*" {
            options.id_at = at;
            break;
        } else if more > 0 && (is_len || is_word(arg, "MINID")) {
            if options.trim.is_some() {
                return Err(TWO_STRATEGIES);
            }
            let operator = if more >= 2 { as_shown(args[at + 1]) } else { b"" };
            at += 1 + usize::from(matches!(operator, b"~" | b"="));
            let threshold = if is_len {
                let len = u64::try_from(integer(args[at])?).map_err(|_| CmdError::coded("ERR The MAXLEN argument must be >= 0."))?;
                Threshold::Len(len)
            } else {
                Threshold::Id(strict_id(args[at], 0)?)
            };
            options.trim = Some(Trim { threshold, is_approximate: operator == b"~", limit: 0 });
        } else if more > 0 && is_word(arg, "LIMIT") {
            at += 1;
            limit = Some(u64::try_from(integer(args[at])?).map_err(|_| CmdError::coded("ERR The LIMIT argument must be >= 0."))?);
        } else if is_add && is_word(arg, "NOMKSTREAM") {
            options.no_mkstream = true;
        } else if is_add {
            options.id = new_id(arg)?;
            options.id_at = at;
            break;
        } else {
            return Err(CmdError::Syntax);
        }
        at += 1;
    }
    match (&mut options.trim, limit) {
        (None, Some(1..)) => Err(LIMIT_ALONE),
        (None, _) if !is_add => Err(CmdError::coded("ERR syntax error, XTRIM must be called with a trimming strategy")),
        (None, Some(_)) => Err(LIMIT_EXACT),
        (Some(trim), Some(_)) if !trim.is_approximate => Err(LIMIT_EXACT),
        (Some(trim), limit) => {
            if trim.is_approximate {
                trim.limit = limit.unwrap_or_else(|| usual_limit(config));
            }
            Ok(options)
        }
        (None, None) => Ok(options),
    }
}
