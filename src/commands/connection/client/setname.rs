//! CLIENT SETNAME: names the connection, for CLIENT LIST and the command log.

use super::name;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLIENT_SETNAME: CommandSpec = CommandSpec {
    name: "setname",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    keys: &[],
    args: &[Arg { name: "connection-name", ..ARG }],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Names the connection",
        complexity: "O(1)",
        since: "2.6.9",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    name::check(args[2])?;
    *context.session.client.name.lock() = args[2].to_vec();
    context.reply.ok();
    Ok(())
}
