//! ECHO: answers its argument.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static ECHO: CommandSpec = CommandSpec {
    name: "echo",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    args: &[Arg { name: "message", ..ARG }],
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the given string", complexity: "O(1)", since: "1.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.bulk(args[1]);
    Ok(())
}
