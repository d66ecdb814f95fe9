//! INCR, INCRBY, DECR and DECRBY: add to an integer.

use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::entry::{NewValue, ValueRef};
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::Expiry;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key(0), ..ARG };

const BASE: CommandSpec = CommandSpec {
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", since: "1.0.0", group: "string", ..DOCS },
    ..SPEC
};

pub(crate) static INCR: CommandSpec = CommandSpec {
    name: "incr",
    arity: 2,
    args: &[KEY],
    run: Run::Data(|context, args| add(context, args.key(0)?, 1)),
    docs: Docs { summary: "Adds one to the integer under a key, which counts as 0 if missing", ..BASE.docs },
    ..BASE
};

pub(crate) static INCRBY: CommandSpec = CommandSpec {
    name: "incrby",
    arity: 3,
    args: &[KEY, Arg { name: "increment", kind: ArgKind::Integer, ..ARG }],
    run: Run::Data(increase),
    docs: Docs { summary: "Adds to the integer under a key, which counts as 0 if missing", ..BASE.docs },
    ..BASE
};

pub(crate) static DECR: CommandSpec = CommandSpec {
    name: "decr",
    arity: 2,
    args: &[KEY],
    run: Run::Data(|context, args| add(context, args.key(0)?, -1)),
    docs: Docs { summary: "Takes one from the integer under a key, which counts as 0 if missing", ..BASE.docs },
    ..BASE
};

pub(crate) static DECRBY: CommandSpec = CommandSpec {
    name: "decrby",
    arity: 3,
    args: &[KEY, Arg { name: "decrement", kind: ArgKind::Integer, ..ARG }],
    run: Run::Data(decrease),
    docs: Docs { summary: "Takes from the integer under a key, which counts as 0 if missing", ..BASE.docs },
    ..BASE
};

fn increase(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let delta = integer(args[2])?;
    add(context, args.key(0)?, delta)
}

fn decrease(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let Some(delta) = integer(args[2])?.checked_neg() else {
        return Err(CmdError::coded("ERR decrement would overflow"));
    };
    add(context, args.key(0)?, delta)
}

/// Adds `delta` to the integer under `key`, which is 0 if it is not there, and replies the sum.
#[inline]
fn add(context: &mut Context<'_>, key: Key<'_>, delta: i64) -> CmdResult {
    let mut key = context.keys.open(key);
    let old = match key.string()? {
        None => 0,
        Some(ValueRef::Int(number)) => number,
        Some(ValueRef::Bytes(bytes)) => parse_i64(bytes).ok_or(CmdError::NotInteger)?,
        // Nothing that long is a number.
        Some(ValueRef::Chunks(_)) => return Err(CmdError::NotInteger),
    };
    let Some(new) = old.checked_add(delta) else {
        return Err(CmdError::coded("ERR increment or decrement would overflow"));
    };
    key.set(NewValue::Int(new), Expiry::Keep);
    key.change_event(class::STRING, "incrby");
    context.reply.integer(new);
    Ok(())
}
