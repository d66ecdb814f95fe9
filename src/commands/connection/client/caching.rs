//! CLIENT CACHING: belongs to tracking, which is not there yet, so that no client is in tracking mode.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_CACHING: CommandSpec = CommandSpec {
    name: "caching",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg {
        name: "mode",
        kind: ArgKind::OneOf(&[
            Arg { name: "yes", kind: ArgKind::PureToken, token: "YES", ..ARG },
            Arg { name: "no", kind: ArgKind::PureToken, token: "NO", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Says whether the next command's keys are tracked",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"))
}
