//! BZMPOP: takes members with the lowest or highest scores out of the first of several sorted sets that has any, once one has.

use super::zmpop::{parse, pop_first};
use crate::engine::blocking::until_ms;
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;

pub(crate) static BZMPOP: CommandSpec = CommandSpec {
    name: "bzmpop",
    arity: -5,
    flags: flag::WRITE | flag::BLOCKING,
    acl: acl::BLOCKING | acl::SLOW | acl::SORTEDSET | acl::WRITE,
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
                Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..ARG },
                Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Takes members of the first sorted set that has any, and waits for one where none has",
        complexity: "O(K) + O(M*log(N)) where K is the number of keys, N that of members and M that of members taken",
        since: "7.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let request = parse(&args[2..])?;
    let until_ms = until_ms(args[1])?;
    let is_done = pop_first(context, args, &request)?;
    Ok((!is_done).then(|| Wait::for_any(args.resolved().len(), Type::Zset, until_ms, Nothing::NullArray)))
}
