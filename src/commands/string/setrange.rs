//! SETRANGE: overwrites a part of a string. A gap before it is filled with zeros.

use super::value;
use crate::engine::context::integer;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::string_value;

pub(crate) static SETRANGE: CommandSpec = CommandSpec {
    name: "setrange",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
        Arg { name: "value", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Overwrites a part of the string under a key",
        complexity: "O(1) for a short part that needs no gap, else O(N) with the length of both",
        since: "2.2.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let part = args[3];
    let Ok(offset) = u64::try_from(integer(args[2])?) else {
        return Err(CmdError::coded("ERR offset is out of range"));
    };
    let mut key = context.keys.open(args.key(0)?);
    let old_len = key.string()?.map_or(0, string_value::len);
    if part.is_empty() {
        context.reply.integer(old_len as i64);
        return Ok(());
    }
    value::check_len(context.config, offset, part.len())?;
    let len = key.write_range(offset as usize, part);
    key.change_event(class::STRING, "setrange");
    context.reply.integer(len as i64);
    Ok(())
}
