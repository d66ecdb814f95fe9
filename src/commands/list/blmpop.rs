//! BLMPOP: elements of the first list that has some, once one has.

use super::ends::pop_first;
use super::lmpop::parse;
use crate::engine::blocking::until_ms;
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;

pub(crate) static BLMPOP: CommandSpec = CommandSpec {
    name: "blmpop",
    arity: -5,
    flags: flag::WRITE | flag::BLOCKING,
    acl: acl::BLOCKING | acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
        begin: BeginSearch::Index(2),
        find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
        notes: "",
    }],
    args: &[
        Arg { name: "timeout", kind: ArgKind::Double, ..ARG },
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
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Takes elements of the first list that has some, and waits for one where none has",
        complexity: "O(N+M) where N is the number of keys and M the number of elements taken",
        since: "7.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let taking = parse(&args[2..])?;
    let until_ms = until_ms(args[1])?;
    let is_done = pop_first(context, args, taking.end, taking.count)?;
    Ok((!is_done).then(|| Wait::for_any(args.resolved().len(), Type::List, until_ms, Nothing::NullArray)))
}
