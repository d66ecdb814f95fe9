//! COMMANDLOG GET: the newest entries of a log.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMANDLOG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 4,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
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
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the newest entries of a command log",
        complexity: "O(N) where N is the number of entries returned",
        since: "8.1.0",
        group: "server",
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = super::count(args[2])?;
    let kind = super::kind(args[3])?;
    super::show(context, kind, count);
    Ok(())
}
