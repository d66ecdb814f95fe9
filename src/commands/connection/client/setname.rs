//! CLIENT SETNAME: names the connection, for CLIENT LIST and the command log.

use super::name;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_SETNAME: CommandSpec = CommandSpec {
    name: "setname",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "connection-name", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Names the connection",
        complexity: "O(1)",
        since: "2.6.9",
        group: "connection",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    name::check(args[2])?;
    *context.caller.client.name.lock() = args[2].to_vec();
    context.reply.ok();
    Ok(())
}
