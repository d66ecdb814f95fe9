//! CLIENT TRACKING: refused until client-side caching is there; OFF is what every client is.

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_TRACKING: CommandSpec = CommandSpec {
    name: "tracking",
    arity: -3,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[
        Arg {
            name: "status",
            kind: ArgKind::OneOf(&[
                Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
                Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "client-id", kind: ArgKind::Integer, token: "REDIRECT", optional: true, ..ARG },
        Arg { name: "prefix", token: "PREFIX", optional: true, multiple: true, multiple_token: true, ..ARG },
        Arg { name: "bcast", kind: ArgKind::PureToken, token: "BCAST", optional: true, ..ARG },
        Arg { name: "optin", kind: ArgKind::PureToken, token: "OPTIN", optional: true, ..ARG },
        Arg { name: "optout", kind: ArgKind::PureToken, token: "OPTOUT", optional: true, ..ARG },
        Arg { name: "noloop", kind: ArgKind::PureToken, token: "NOLOOP", optional: true, ..ARG },
    ],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Switches client-side caching",
        complexity: "O(1). Some options may introduce additional complexity.",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[3..];
    while let [word, more @ ..] = rest {
        let flags = ["BCAST", "OPTIN", "OPTOUT", "NOLOOP"];
        rest = match more {
            _ if flags.iter().any(|flag| is_word(word, flag)) => more,
            [_, more @ ..] if is_word(word, "REDIRECT") || is_word(word, "PREFIX") => more,
            _ => return Err(CmdError::Syntax),
        };
    }
    if super::on_or_off(args[2])? {
        return Err(CmdError::err("this server does not support client-side caching yet"));
    }
    context.reply.ok();
    Ok(())
}
