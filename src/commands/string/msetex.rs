//! MSETEX: several strings at one moment, with a condition on all keys and one expiry for all.
//!
//! Unlike SET it stores values whose expiry has passed; they are then found expired.

use super::mset::set_pairs;
use super::options::{Condition, Grammar, Options};
use crate::engine::context::integer_in;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::key_mut::Expiry;
use crate::keyspace::records::NumberWord;

pub(crate) static MSETEX: CommandSpec = CommandSpec {
    name: "msetex",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::STRING | acl::WRITE | acl::SLOW,
    keys: &[KeySpec {
        flags: key_flag::OW | key_flag::UPDATE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { number_at: 0, first: 1, step: 2 },
        notes: "",
    }],
    args: &[
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg {
            name: "data",
            kind: ArgKind::Block(&[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }]),
            multiple: true,
            ..ARG
        },
        Arg {
            name: "condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "expiration",
            kind: ArgKind::OneOf(&[
                Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", ..ARG },
                Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", ..ARG },
                Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", ..ARG },
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", ..ARG },
                Arg { name: "keepttl", kind: ArgKind::PureToken, token: "KEEPTTL", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets several keys to strings, with a condition and an expiry",
        complexity: "O(N) where N is the number of keys to set.",
        since: "9.1.0",
        group: "string",
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

/// Adds the record of values that end at `when_ms`: the conditions held.
fn log(context: &mut Context<'_>, before_options: &[&[u8]], when_ms: i64) {
    let when = NumberWord::new(when_ms);
    let words = before_options.iter().copied().chain([&b"PXAT"[..], when.as_bytes()]);
    context.keys.log_all(before_options.len() + 2, words);
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = integer_in(args[1], 1..=i64::from(i32::MAX), "invalid numkeys value or out of range")? as usize;
    let options_at = 2 + count * 2;
    if options_at > args.len() {
        return Err(CmdError::Syntax);
    }
    let mut options = Options::default();
    options.parse(&args[options_at..], Grammar::MSetEx)?;
    let expiry = options.lifetime.expiry(context)?;
    let pairs = &args[2..options_at];
    let mut are_all = |present: bool| args.keys().all(|key| context.keys.open(key).exists() == present);
    let stores = match options.condition {
        Condition::IfMissing => are_all(false),
        Condition::IfPresent => are_all(true),
        Condition::Always | Condition::IfEqual(_) => true,
    };
    if stores {
        set_pairs(context, args, pairs, expiry);
        if context.keys.is_logging()
            && let Expiry::At(when_ms) = expiry
        {
            log(context, &args[..options_at], when_ms);
        }
    }
    context.reply.integer(i64::from(stores));
    Ok(())
}
