//! CLIENT NO-EVICT: keeps the connection when clients are closed to free memory (`maxmemory-clients`). CLIENT NO-TOUCH: its commands do not
//! count as uses of the keys they access.

use super::switch::{SWITCH, on_or_off};
use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_NO_EVICT: CommandSpec = CommandSpec {
    name: "no-evict",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[SWITCH],
    run: Run::Data(no_evict),
    docs: Docs { summary: "Protects the connection from eviction", complexity: "O(1)", since: "7.0.0", group: "connection", ..DOCS },
    ..SPEC
};

pub(crate) static CLIENT_NO_TOUCH: CommandSpec = CommandSpec {
    name: "no-touch",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[SWITCH],
    run: Run::Data(no_touch),
    docs: Docs {
        summary: "Says whether the connection's commands count as uses of keys",
        complexity: "O(1)",
        since: "7.2.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn no_evict(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.caller.client.set(bit::NO_EVICT, on_or_off(args[2])?);
    context.reply.ok();
    Ok(())
}

fn no_touch(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let on = on_or_off(args[2])?;
    context.caller.no_touch = on;
    context.caller.client.set(bit::NO_TOUCH, on);
    context.reply.ok();
    Ok(())
}
