//! ECHO: answers its argument.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, CommandSpec, Docs, Run, acl, flag};

pub(crate) static ECHO: CommandSpec = CommandSpec {
    name: "echo",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[Arg { name: "message", ..ARG }],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the given string",
        complexity: "O(1)",
        since: "1.0.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.bulk(args[1]);
    Ok(())
}
