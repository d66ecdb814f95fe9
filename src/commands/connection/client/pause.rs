//! CLIENT PAUSE: holds back all commands, or those that write, for a time. While it lasts, keys neither expire nor are evicted.
//! CLIENT UNPAUSE ends it early.

use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Place, Run, SPEC, acl, flag};
use crate::engine::sweep;

pub(crate) static CLIENT_PAUSE: CommandSpec = CommandSpec {
    name: "pause",
    arity: -3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg { name: "timeout", kind: ArgKind::Integer, ..ARG },
        Arg {
            name: "mode",
            kind: ArgKind::OneOf(&[
                Arg { name: "write", kind: ArgKind::PureToken, token: "WRITE", ..ARG },
                Arg { name: "all", kind: ArgKind::PureToken, token: "ALL", ..ARG },
            ]),
            optional: true,
            since: "6.2.0",
            ..ARG
        },
    ],
    locks: Locks::Each,
    place: Place::Async,
    run: Run::Async(exec_async, Some(exec)),
    docs: Docs {
        summary: "Holds commands back for a time",
        complexity: "O(1)",
        since: "3.0.0",
        group: "connection",
        history: &[("6.2.0", "Modes `WRITE` and `ALL`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static CLIENT_UNPAUSE: CommandSpec = CommandSpec {
    name: "unpause",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(unpause),
    docs: Docs {
        summary: "Ends a pause",
        complexity: "O(N) Where N is the number of paused clients",
        since: "6.2.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

/// Answers once every write that was under way has ended: from then on nothing changes.
fn exec_async<'c>(context: &'c mut Context<'_>, session: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        exec(context, session, args)?;
        sweep::fence(context.shared).await;
        Ok(())
    })
}

/// Inside EXEC all stripes are held, so that nobody else writes.
fn exec(context: &mut Context<'_>, _: &mut Session, args: &Args<'_>) -> CmdResult {
    let all = match args[3..] {
        [word] if is_word(word, "WRITE") => false,
        [word] if !is_word(word, "ALL") => return Err(CmdError::err("CLIENT PAUSE mode must be WRITE or ALL")),
        // Valkey looks at the mode only where nothing follows it.
        _ => true,
    };
    let timeout_ms = crate::base::number::parse_i64(args[2]).ok_or_else(|| CmdError::err("timeout is not an integer or out of range"))?;
    if timeout_ms < 0 {
        return Err(CmdError::err("timeout is negative"));
    }
    context.now_ms.checked_add(timeout_ms).ok_or_else(|| CmdError::err("timeout is out of range"))?;
    let shared = context.shared;
    // Frozen first: who still finds no pause may find that nothing changes by itself any more, never the other way round.
    shared.keyspace.settings.freeze(true);
    shared.pause.begin(timeout_ms as u64, all);
    shared.gate.advance();
    context.reply.ok();
    Ok(())
}

fn unpause(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.shared.keyspace.settings.freeze(false);
    context.shared.pause.end();
    context.shared.gate.advance();
    context.reply.ok();
    Ok(())
}
