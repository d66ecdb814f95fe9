//! SETBIT: sets or clears one bit of a string, which grows with zeros where needed. Replies what the bit was.

use super::arguments::offset;
use crate::base::number::parse_i64;
use crate::datatypes::bitmap;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::string_value;

pub(crate) static SETBIT: CommandSpec = CommandSpec {
    name: "setbit",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::CONSTANT_TIME,
    acl: acl::BITMAP | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
        Arg { name: "value", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets or clears the bit at an offset of the string under a key",
        complexity: "O(1)",
        since: "2.2.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let offset = offset(context.config, args[2])?;
    let on = match parse_i64(args[3]) {
        Some(bit @ (0 | 1)) => bit == 1,
        _ => return Err(CmdError::coded("ERR bit is not an integer or out of range")),
    };
    let mut key = context.keys.open(args.key(0)?);
    let at = (offset >> 3) as usize;
    let byte = key.string()?.and_then(|value| string_value::with_string(value, |string| string.byte(at)));
    let was_on = byte.is_some_and(|byte| bitmap::get(&[byte], offset & 7));
    key.grow(at + 1);
    if byte.is_none() || was_on != on {
        if was_on != on {
            key.edit_range(at, 1, |byte| bitmap::set(byte, offset & 7, on));
        }
        key.change_event(class::STRING, "setbit");
    } else {
        // At most an integer has become the text that it was.
        key.mark_unchanged();
    }
    context.reply.integer(i64::from(was_on));
    Ok(())
}
