//! LPOP and RPOP: elements from an end. With a count the reply is an array, also for one element.

use super::ends::pop;
use crate::engine::context::{Args, CmdResult, Context, integer_in};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::list::{End, List};

pub(crate) static LPOP: CommandSpec = CommandSpec {
    name: "lpop",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, optional: true, since: "6.2.0", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Left)),
    docs: Docs {
        summary: "Takes elements from the front of a list",
        complexity: "O(N) where N is the number of elements taken",
        since: "1.0.0",
        group: "list",
        history: &[("6.2.0", "Added the `count` argument.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static RPOP: CommandSpec = CommandSpec {
    name: "rpop",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, optional: true, since: "6.2.0", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Right)),
    docs: Docs {
        summary: "Takes elements from the back of a list",
        complexity: "O(N) where N is the number of elements taken",
        since: "1.0.0",
        group: "list",
        history: &[("6.2.0", "Added the `count` argument.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, end: End) -> CmdResult {
    let count = match args.words() {
        [_, _] => None,
        [_, _, count] => Some(integer_in(count, 0..=i64::MAX, "value is out of range, must be positive")? as usize),
        _ => return Err(CmdError::arity(if end == End::Left { "lpop" } else { "rpop" })),
    };
    let key = args.key(0)?;
    if context.keys.open(key).collection::<List>()?.is_none() {
        match count {
            None => context.reply.null(),
            Some(_) => context.reply.null_array(),
        }
        return Ok(());
    }
    match count {
        Some(0) => context.reply.array(0),
        Some(count) => pop(context, key, end, count, true)?,
        None => pop(context, key, end, 1, false)?,
    }
    Ok(())
}
