//! COMMANDLOG GET: the newest entries of a log.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, CommandSpec, Docs, Run, acl, flag};

pub(crate) static COMMANDLOG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 4,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[
        Arg { name: "count", kind: ArgKind::Integer, ..ARG },
        Arg {
            name: "type",
            kind: ArgKind::OneOf(&[
                Arg { name: "slow", kind: ArgKind::PureToken, token: "SLOW", ..ARG },
                Arg { name: "large-request", kind: ArgKind::PureToken, token: "LARGE-REQUEST", ..ARG },
                Arg { name: "large-reply", kind: ArgKind::PureToken, token: "LARGE-REPLY", ..ARG },
            ]),
            ..ARG
        },
    ],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the newest entries of a command log",
        complexity: "O(N) where N is the number of entries returned",
        since: "8.1.0",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = super::count(args[2])?;
    let kind = super::kind(args[3])?;
    super::show(context, kind, count);
    Ok(())
}
