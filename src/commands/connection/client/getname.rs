//! CLIENT GETNAME and SETNAME: the connection's name, for CLIENT LIST and the command log.

use super::name;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    docs: Docs { complexity: "O(1)", since: "2.6.9", group: "connection", ..DOCS },
    ..SPEC
};

pub(crate) static CLIENT_GETNAME: CommandSpec = CommandSpec {
    name: "getname",
    arity: 2,
    run: Run::Data(get),
    docs: Docs { summary: "Returns the connection's name", ..BASE.docs },
    ..BASE
};

pub(crate) static CLIENT_SETNAME: CommandSpec = CommandSpec {
    name: "setname",
    arity: 3,
    args: &[Arg { name: "connection-name", ..ARG }],
    run: Run::Data(set),
    docs: Docs { summary: "Names the connection", tips: &["request_policy:all_nodes", "response_policy:all_succeeded"], ..BASE.docs },
    ..BASE
};

fn get(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let name = context.caller.client.name.lock();
    if name.is_empty() {
        context.reply.null();
    } else {
        context.reply.bulk(&name);
    }
    Ok(())
}

fn set(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    name::check(args[2])?;
    *context.caller.client.name.lock() = args[2].to_vec();
    context.reply.ok();
    Ok(())
}
