//! GETBIT: one bit of a string; behind its end all are 0.

use super::arguments::offset;
use crate::datatypes::bitmap;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;

pub(crate) static GETBIT: CommandSpec = CommandSpec {
    name: "getbit",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::BITMAP | acl::FAST | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the bit at an offset of the string under a key",
        complexity: "O(1)",
        since: "2.2.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let offset = offset(context.config, args[2])?;
    let bit = match context.keys.read(args.key(0)?) {
        None => false,
        Some(entry) => string_value::with_string(string_value::of(entry)?, |string| {
            string.byte((offset >> 3) as usize).is_some_and(|byte| bitmap::get(&[byte], offset & 7))
        }),
    };
    context.reply.integer(i64::from(bit));
    Ok(())
}
