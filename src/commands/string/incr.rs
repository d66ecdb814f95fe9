//! INCR: one more.

use super::incr_engine;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static INCR: CommandSpec = CommandSpec {
    name: "incr",
    arity: 2,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Keys(exec),
    docs: Docs {
        summary: "Adds one to the integer under a key, which counts as 0 if missing",
        complexity: "O(1)",
        since: "1.0.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    incr_engine::add(context, args[1], 1)
}
