//! CLIENT NO-TOUCH: commands of the connection do not count as uses of the keys they access.

use crate::clients::bit;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLIENT_NO_TOUCH: CommandSpec = CommandSpec {
    name: "no-touch",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::SLOW,
    keys: &[],
    args: &[Arg {
        name: "enabled",
        kind: ArgKind::OneOf(&[
            Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
            Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Says whether the connection's commands count as uses of keys",
        complexity: "O(1)",
        since: "7.2.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let on = super::on_or_off(args[2])?;
    context.session.no_touch = on;
    context.session.client.set(bit::NO_TOUCH, on);
    context.reply.ok();
    Ok(())
}
