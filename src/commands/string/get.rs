//! GET: the value of a string.

use super::value;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::STRING,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Keys(exec),
    docs: Docs { summary: "Returns the string under a key", complexity: "O(1)", since: "1.0.0", group: "string", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    value::reply_of(context, args[1])?;
    Ok(())
}
