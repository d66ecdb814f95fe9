//! ZPOPMIN and ZPOPMAX: take the members with the lowest or highest scores out.

use super::access;
use super::pop::{End, pop};
use crate::engine::context::{Args, CmdResult, Context, integer_in};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::zset::Zset;

pub(crate) static ZPOPMIN: CommandSpec = CommandSpec {
    name: "zpopmin",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "count", kind: ArgKind::Integer, optional: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Min)),
    docs: Docs {
        summary: "Takes the members with the lowest scores out and returns them",
        complexity: "O(log(N)*M)",
        since: "5.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZPOPMAX: CommandSpec = CommandSpec {
    name: "zpopmax",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "count", kind: ArgKind::Integer, optional: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Max)),
    docs: Docs {
        summary: "Takes the members with the highest scores out and returns them",
        complexity: "O(log(N)*M)",
        since: "5.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let count = match args[2..] {
        [] => None,
        [count] => Some(integer_in(count, 0..=i64::MAX, "value is out of range, must be positive")? as usize),
        _ => return Err(CmdError::Syntax),
    };
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    if key.collection::<Zset>()?.is_none() || count == Some(0) {
        context.reply.empty_array();
        return Ok(());
    }
    // One that was not asked for by number is no pair among others.
    let is_nested = count.is_some();
    pop(
        &mut key,
        end,
        count.unwrap_or(1),
        hasher,
        context.reply,
        |reply, count| if is_nested { access::reply_header(reply, count, true) } else { reply.array(2) },
        |reply, element| {
            if is_nested {
                access::reply_element(reply, element, true);
            } else {
                element.member().with_text(|member| reply.bulk(member));
                reply.double(element.score);
            }
        },
    )?;
    Ok(())
}
