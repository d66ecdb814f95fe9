//! SELECT: chooses the database that the connection's commands see.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static SELECT: CommandSpec = CommandSpec {
    name: "select",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    args: &[Arg { name: "index", kind: ArgKind::Integer, ..ARG }],
    run: Run::Data(exec),
    docs: Docs { summary: "Chooses the connection's database", complexity: "O(1)", since: "1.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let db = context.database(args[1])?;
    context.caller.select(db);
    context.reply.ok();
    Ok(())
}
