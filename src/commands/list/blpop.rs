//! BLPOP and BRPOP: the first or last element of the first list that has some, once one has.

use super::ends::pop_one_of_first;
use crate::engine::blocking::until_ms;
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;
use crate::keyspace::value::list::End;

pub(crate) static BLPOP: CommandSpec = CommandSpec {
    name: "blpop",
    arity: -3,
    flags: flag::WRITE | flag::BLOCKING,
    acl: acl::BLOCKING | acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::range(1, -2, 1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }, Arg { name: "timeout", kind: ArgKind::Double, ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(|context, args| exec(context, args, End::Left)),
    docs: Docs {
        summary: "Takes the first element of a list, and waits for one where there is none",
        complexity: "O(N) where N is the number of keys",
        since: "2.0.0",
        group: "list",
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static BRPOP: CommandSpec = CommandSpec {
    name: "brpop",
    arity: -3,
    flags: flag::WRITE | flag::BLOCKING,
    acl: acl::BLOCKING | acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::range(1, -2, 1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }, Arg { name: "timeout", kind: ArgKind::Double, ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(|context, args| exec(context, args, End::Right)),
    docs: Docs {
        summary: "Takes the last element of a list, and waits for one where there is none",
        complexity: "O(N) where N is the number of keys",
        since: "2.0.0",
        group: "list",
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, end: End) -> Result<Option<Wait>, CmdError> {
    let until_ms = until_ms(args[args.len() - 1])?;
    let is_done = pop_one_of_first(context, args, end)?;
    Ok((!is_done).then(|| Wait::for_any(args.resolved().len(), Type::List, until_ms, Nothing::NullArray)))
}
