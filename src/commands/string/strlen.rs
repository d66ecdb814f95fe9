//! STRLEN: how many bytes a string has.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;

pub(crate) static STRLEN: CommandSpec = CommandSpec {
    name: "strlen",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::STRING,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the length of the string under a key", complexity: "O(1)", since: "2.2.0", group: "string", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = match context.keys.read(args.key(0)?) {
        None => 0,
        Some(entry) => string_value::len(string_value::of(entry)?),
    };
    context.reply.integer(len as i64);
    Ok(())
}
