//! BZPOPMIN and BZPOPMAX: the member with the lowest or highest score of the first sorted set that has any, once one has.

use super::pop::{self, End, pop};
use crate::engine::blocking::until_ms;
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;
use crate::keyspace::value::zset::Zset;

pub(crate) static BZPOPMIN: CommandSpec = CommandSpec {
    name: "bzpopmin",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::BLOCKING,
    acl: acl::BLOCKING | acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::range(1, -2, 1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }, Arg { name: "timeout", kind: ArgKind::Double, ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(|context, args| exec(context, args, End::Min)),
    docs: Docs {
        summary: "Takes the member with the lowest score, and waits for one where there is none",
        complexity: "O(log(N))",
        since: "5.0.0",
        group: "sorted-set",
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static BZPOPMAX: CommandSpec = CommandSpec {
    name: "bzpopmax",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::BLOCKING,
    acl: acl::BLOCKING | acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::range(1, -2, 1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }, Arg { name: "timeout", kind: ArgKind::Double, ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(|context, args| exec(context, args, End::Max)),
    docs: Docs {
        summary: "Takes the member with the highest score, and waits for one where there is none",
        complexity: "O(log(N))",
        since: "5.0.0",
        group: "sorted-set",
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, end: End) -> Result<Option<Wait>, CmdError> {
    let until_ms = until_ms(args[args.len() - 1])?;
    let hasher = context.keys.keyspace().hasher();
    for key in args.keys() {
        let mut opened = context.keys.open(key);
        if opened.collection::<Zset>()?.is_none() {
            continue;
        }
        pop(
            &mut opened,
            end,
            1,
            hasher,
            context.reply,
            |reply, _| {
                reply.array(3);
                reply.bulk(key.name());
            },
            |reply, element| {
                element.member().with_text(|member| reply.bulk(member));
                reply.double(element.score);
            },
        )?;
        drop(opened);
        context.keys.log(&[pop::command(end), key.name()]);
        return Ok(None);
    }
    Ok(Some(Wait::for_any(args.resolved().len(), Type::Zset, until_ms, Nothing::NullArray)))
}
