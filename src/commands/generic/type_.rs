//! TYPE: what kind of value a key holds.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static TYPE: CommandSpec = CommandSpec {
    name: "type",
    arity: 2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec { flags: key_flag::RO, begin: BeginSearch::Index(1), find: FindKeys::Range { last: 0, step: 1, limit: 0 }, notes: "" }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Keys(exec),
    docs: Docs { summary: "Names the type of a key's value", complexity: "O(1)", since: "1.0.0", group: "generic", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let name = context.keys.look_up(args[1]).map_or("none", |entry| entry.kind().name());
    context.reply.simple(name);
    Ok(())
}
