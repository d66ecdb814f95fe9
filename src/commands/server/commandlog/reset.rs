//! COMMANDLOG RESET: empties a log.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMANDLOG_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 3,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "type",
        kind: ArgKind::OneOf(&[
            Arg { name: "slow", kind: ArgKind::PureToken, token: "SLOW", ..ARG },
            Arg { name: "large-request", kind: ArgKind::PureToken, token: "LARGE-REQUEST", ..ARG },
            Arg { name: "large-reply", kind: ArgKind::PureToken, token: "LARGE-REPLY", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Empties a command log",
        complexity: "O(N) where N is the number of entries in the commandlog",
        since: "8.1.0",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let kind = super::kind(args[2])?;
    context.shared.metrics.command_log.clear(kind);
    context.reply.ok();
    Ok(())
}
