//! CLIENT UNBLOCK: ends another client's waiting for keys. A client that CLIENT PAUSE holds back is not meant.

use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::keyspace::blocked::Outcome;

pub(crate) static CLIENT_UNBLOCK: CommandSpec = CommandSpec {
    name: "unblock",
    arity: -3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg { name: "client-id", kind: ArgKind::Integer, ..ARG },
        Arg {
            name: "unblock-type",
            kind: ArgKind::OneOf(&[
                Arg { name: "timeout", kind: ArgKind::PureToken, token: "TIMEOUT", ..ARG },
                Arg { name: "error", kind: ArgKind::PureToken, token: "ERROR", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Ends the waiting of another connection",
        complexity: "O(log N) where N is the number of client connections",
        since: "5.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let outcome = match args[3..] {
        [word] if is_word(word, "ERROR") => Outcome::Unblocked,
        [word] if !is_word(word, "TIMEOUT") => return Err(CmdError::err("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => Outcome::TimedOut,
    };
    let id = integer(args[2])?;
    let client = u64::try_from(id).ok().and_then(|id| context.shared.clients.get(id));
    let waiter = client.and_then(|client| client.waiter.lock().clone());
    context.reply.integer(i64::from(waiter.is_some_and(|waiter| waiter.end(outcome))));
    Ok(())
}
