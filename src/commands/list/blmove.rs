//! BLMOVE, and BRPOPLPUSH, its special case of old: an element from one list to another, or within one, once there is one.

use super::ends::{end_of, move_element};
use crate::engine::blocking::until_ms;
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;
use crate::keyspace::value::list::End;

pub(crate) static BLMOVE: CommandSpec = CommandSpec {
    name: "blmove",
    arity: 6,
    flags: flag::WRITE | flag::DENYOOM | flag::BLOCKING,
    acl: acl::BLOCKING | acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "source", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "destination", kind: ArgKind::Key(1), ..ARG },
        Arg {
            name: "wherefrom",
            kind: ArgKind::OneOf(&[
                Arg { name: "left", kind: ArgKind::PureToken, token: "LEFT", ..ARG },
                Arg { name: "right", kind: ArgKind::PureToken, token: "RIGHT", ..ARG },
            ]),
            ..ARG
        },
        Arg {
            name: "whereto",
            kind: ArgKind::OneOf(&[
                Arg { name: "left", kind: ArgKind::PureToken, token: "LEFT", ..ARG },
                Arg { name: "right", kind: ArgKind::PureToken, token: "RIGHT", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "timeout", kind: ArgKind::Double, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Moves an element from one list to another, and waits for one where there is none",
        complexity: "O(1)",
        since: "6.2.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static BRPOPLPUSH: CommandSpec = CommandSpec {
    name: "brpoplpush",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::BLOCKING,
    acl: acl::BLOCKING | acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "source", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "destination", kind: ArgKind::Key(1), ..ARG },
        Arg { name: "timeout", kind: ArgKind::Double, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(exec_brpoplpush),
    docs: Docs {
        summary: "Moves the last element of a list to the front of another, and waits for one where there is none",
        complexity: "O(1)",
        since: "2.2.0",
        group: "list",
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let (from, to) = (end_of(args[3])?, end_of(args[4])?);
    let until_ms = until_ms(args[5])?;
    let wait = wait_or_move(context, args, (from, to), until_ms)?;
    if wait.is_none() {
        context.keys.log(&[b"LMOVE", args[1], args[2], args[3], args[4]]);
    }
    Ok(wait)
}

fn exec_brpoplpush(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let until_ms = until_ms(args[3])?;
    let wait = wait_or_move(context, args, (End::Right, End::Left), until_ms)?;
    if wait.is_none() {
        context.keys.log(&[b"RPOPLPUSH", args[1], args[2]]);
    }
    Ok(wait)
}

/// It waits for the first key only.
fn wait_or_move(context: &mut Context<'_>, args: &Args<'_>, (from, to): (End, End), until_ms: u64) -> Result<Option<Wait>, CmdError> {
    let is_done = move_element(context, args, from, to)?;
    Ok((!is_done).then(|| Wait::for_any(1, Type::List, until_ms, Nothing::Null)))
}
