//! CLIENT NO-EVICT: keeps the connection when clients are closed to free memory (`maxmemory-clients`).

use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_NO_EVICT: CommandSpec = CommandSpec {
    name: "no-evict",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "enabled",
        kind: ArgKind::OneOf(&[
            Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
            Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs { summary: "Protects the connection from eviction", complexity: "O(1)", since: "7.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.caller.client.set(bit::NO_EVICT, super::on_or_off(args[2])?);
    context.reply.ok();
    Ok(())
}
