//! HINCRBY and HINCRBYFLOAT: add to a field, which counts as 0 if it is not there.

use super::shared::limits;
use crate::base::float::LongDouble;
use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::Hash;

pub(crate) static HINCRBY: CommandSpec = CommandSpec {
    name: "hincrby",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "field", ..ARG },
        Arg { name: "increment", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Adds to the number in a field", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

pub(crate) static HINCRBYFLOAT: CommandSpec = CommandSpec {
    name: "hincrbyfloat",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "field", ..ARG },
        Arg { name: "increment", kind: ArgKind::Double, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec_float),
    docs: Docs { summary: "Adds to the floating-point number in a field", complexity: "O(1)", since: "2.6.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let delta = integer(args[3])?;
    let (limits, hasher) = (limits(context), context.keys.keyspace().hasher());
    let mut key = context.keys.open(args.key(0)?);
    let old = match key.collection::<Hash>()?.and_then(|hash| hash.get(args[2], hasher)) {
        None => 0,
        Some(value) => value.with_text(parse_i64).ok_or(CmdError::coded("ERR hash value is not an integer"))?,
    };
    let new = old.checked_add(delta).ok_or(CmdError::coded("ERR increment or decrement would overflow"))?;
    key.change(|hash: &mut Hash| hash.set(args[2], itoa::Buffer::new().format(new).as_bytes(), limits, hasher))?;
    key.change_event(class::HASH, "hincrby");
    context.reply.integer(new);
    Ok(())
}

fn exec_float(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let delta = LongDouble::parse(args[3]).ok_or(CmdError::NotFloat)?;
    if !delta.is_finite() {
        return Err(CmdError::coded("ERR value is NaN or Infinity"));
    }
    let (limits, hasher) = (limits(context), context.keys.keyspace().hasher());
    let mut key = context.keys.open(args.key(0)?);
    let old = match key.collection::<Hash>()?.and_then(|hash| hash.get(args[2], hasher)) {
        None => LongDouble::from(0),
        Some(value) => value.with_text(LongDouble::parse).ok_or(CmdError::coded("ERR hash value is not a float"))?,
    };
    let new = old.checked_add(delta).ok_or(CmdError::coded("ERR increment would produce NaN or Infinity"))?;
    let text = new.to_text();
    key.change(|hash: &mut Hash| hash.set(args[2], text.as_bytes(), limits, hasher))?;
    key.change_event(class::HASH, "hincrbyfloat");
    context.reply.bulk(text.as_bytes());
    Ok(())
}
