//! LMPOP: elements of the first list that has some.

use super::ends::{end_of, pop_first};
use crate::engine::context::{Args, CmdResult, Context, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::value::list::End;

pub(crate) static LMPOP: CommandSpec = CommandSpec {
    name: "lmpop",
    arity: -4,
    flags: flag::WRITE,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
        notes: "",
    }],
    args: &[
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
        Arg {
            name: "where",
            kind: ArgKind::OneOf(&[
                Arg { name: "left", kind: ArgKind::PureToken, token: "LEFT", ..ARG },
                Arg { name: "right", kind: ArgKind::PureToken, token: "RIGHT", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Takes elements from the first of several lists that has some",
        complexity: "O(N+M) where N is the number of keys and M the number of elements taken",
        since: "7.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

/// What is taken.
pub(super) struct Taking {
    pub(super) end: End,
    pub(super) count: usize,
}

/// Parses from the number of keys on, which is the first word: for BLMPOP, too.
pub(super) fn parse(words: &[&[u8]]) -> Result<Taking, CmdError> {
    let keys = integer_in(words[0], 1..=i64::MAX, "numkeys should be greater than 0")? as usize;
    let [end, options @ ..] = words.get(keys.saturating_add(1)..).unwrap_or(&[]) else { return Err(CmdError::Syntax) };
    let end = end_of(end)?;
    let (mut count, mut rest) = (None, options);
    while let [name, tail @ ..] = rest {
        match tail {
            [value, tail @ ..] if count.is_none() && is_word(name, "COUNT") => {
                count = Some(integer_in(value, 1..=i64::MAX, "count should be greater than 0")? as usize);
                rest = tail;
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(Taking { end, count: count.unwrap_or(1) })
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let taking = parse(&args[1..])?;
    if !pop_first(context, args, taking.end, taking.count)? {
        context.reply.null_array();
    }
    Ok(())
}
