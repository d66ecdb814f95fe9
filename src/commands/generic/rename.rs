//! RENAME: gives a key another name, in place of what had that name.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static RENAME: CommandSpec = CommandSpec {
    name: "rename",
    arity: 3,
    flags: flag::WRITE | flag::CONSTANT_TIME,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::OW | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "newkey", kind: ArgKind::Key(1), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Gives a key another name, whatever had that name before",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    super::rename(context, args, false)?;
    context.reply.ok();
    Ok(())
}
