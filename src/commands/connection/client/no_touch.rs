//! CLIENT NO-TOUCH: commands of the connection do not count as uses of the keys they access.

use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_NO_TOUCH: CommandSpec = CommandSpec {
    name: "no-touch",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg {
        name: "enabled",
        kind: ArgKind::OneOf(&[
            Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
            Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Says whether the connection's commands count as uses of keys",
        complexity: "O(1)",
        since: "7.2.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let on = super::on_or_off(args[2])?;
    context.caller.no_touch = on;
    context.caller.client.set(bit::NO_TOUCH, on);
    context.reply.ok();
    Ok(())
}
