//! APPEND: more bytes at the end of a string, which is made if it is not there.

use super::value;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::string_value;

pub(crate) static APPEND: CommandSpec = CommandSpec {
    name: "append",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Appends to the string under a key",
        complexity: "O(1) amortized, for a short tail",
        since: "2.0.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    if let Some(value) = key.string()? {
        value::check_len(context.config, string_value::len(value) as u64, args[2].len())?;
    }
    let len = key.append(args[2]);
    key.change_event(class::STRING, "append");
    context.reply.integer(len as i64);
    Ok(())
}
