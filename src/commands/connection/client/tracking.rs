//! CLIENT TRACKING, TRACKINGINFO, CACHING and GETREDIR: client-side caching, which is not there yet. It can be switched off, as it is for
//! every client.

use super::switch::{SWITCH, on_or_off};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_TRACKING: CommandSpec = CommandSpec {
    name: "tracking",
    arity: -3,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[
        Arg { name: "status", ..SWITCH },
        Arg { name: "client-id", kind: ArgKind::Integer, token: "REDIRECT", optional: true, ..ARG },
        Arg { name: "prefix", token: "PREFIX", optional: true, multiple: true, multiple_token: true, ..ARG },
        Arg { name: "bcast", kind: ArgKind::PureToken, token: "BCAST", optional: true, ..ARG },
        Arg { name: "optin", kind: ArgKind::PureToken, token: "OPTIN", optional: true, ..ARG },
        Arg { name: "optout", kind: ArgKind::PureToken, token: "OPTOUT", optional: true, ..ARG },
        Arg { name: "noloop", kind: ArgKind::PureToken, token: "NOLOOP", optional: true, ..ARG },
    ],
    run: Run::Data(tracking),
    docs: Docs {
        summary: "Switches client-side caching",
        complexity: "O(1). Some options may introduce additional complexity.",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static CLIENT_TRACKINGINFO: CommandSpec = CommandSpec {
    name: "trackinginfo",
    arity: 2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(tracking_info),
    docs: Docs {
        summary: "Describes client-side caching for the connection",
        complexity: "O(1)",
        since: "6.2.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

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
    run: Run::Data(caching),
    docs: Docs {
        summary: "Says whether the next command's keys are tracked",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static CLIENT_GETREDIR: CommandSpec = CommandSpec {
    name: "getredir",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(redirection),
    docs: Docs {
        summary: "Returns the client that invalidations are sent to",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn tracking(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[3..];
    while let [word, more @ ..] = rest {
        let flags = ["BCAST", "OPTIN", "OPTOUT", "NOLOOP"];
        rest = match more {
            _ if flags.iter().any(|flag| is_word(word, flag)) => more,
            [_, more @ ..] if is_word(word, "REDIRECT") || is_word(word, "PREFIX") => more,
            _ => return Err(CmdError::Syntax),
        };
    }
    if on_or_off(args[2])? {
        return Err(CmdError::err("this server does not support client-side caching yet"));
    }
    context.reply.ok();
    Ok(())
}

fn tracking_info(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let reply = &mut *context.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(1);
    reply.bulk(b"off");
    reply.bulk(b"redirect");
    reply.integer(-1);
    reply.bulk(b"prefixes");
    reply.empty_array();
    Ok(())
}

fn caching(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"))
}

/// -1: nobody, as for a client that does not track.
fn redirection(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(-1);
    Ok(())
}
