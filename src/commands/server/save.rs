//! SAVE and BGSAVE: a snapshot of all data, as a file. LASTSAVE: when one was written.
//!
//! Neither holds up anybody else: both take a snapshot without a fork, SAVE on a thread that serves nobody, and only its client waits.

use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::saving::{self, Cancelled, SaveError};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Place, Run, SPEC, acl, flag};

const IN_PROGRESS: CmdError = CmdError::coded("ERR Background save already in progress");
const OTHER_RUNS: CmdError = CmdError::coded(
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.",
);

pub(crate) static SAVE: CommandSpec = CommandSpec {
    name: "save",
    arity: 1,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::NO_MULTI,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    locks: Locks::Each,
    run: Run::Data(save),
    docs: Docs {
        summary: "Saves all databases to disk, and answers when that is done",
        complexity: "O(N) where N is the total number of keys in all databases",
        since: "1.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static BGSAVE: CommandSpec = CommandSpec {
    name: "bgsave",
    arity: -1,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "operation",
        kind: ArgKind::OneOf(&[
            Arg { name: "schedule", kind: ArgKind::PureToken, token: "SCHEDULE", since: "3.2.2", ..ARG },
            Arg { name: "cancel", kind: ArgKind::PureToken, token: "CANCEL", since: "8.1.0", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    place: Place::Async,
    run: Run::Async(background, Some(in_transaction)),
    docs: Docs {
        summary: "Saves all databases to disk in the background",
        complexity: "O(1)",
        since: "1.0.0",
        group: "server",
        history: &[("3.2.2", "Added the `SCHEDULE` option."), ("8.1.0", "Added the `CANCEL` option.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static LASTSAVE: CommandSpec = CommandSpec {
    name: "lastsave",
    arity: 1,
    flags: flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::ADMIN | acl::DANGEROUS | acl::FAST,
    run: Run::Data(last),
    docs: Docs {
        summary: "Tells when data was last saved to disk, in unix seconds",
        complexity: "O(1)",
        since: "1.0.0",
        group: "server",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn save(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    if context.shared.saving.runs_in_background() {
        return Err(IN_PROGRESS);
    }
    // On a thread of its own.
    context.haste().check(usize::MAX)?;
    match saving::save(context.shared) {
        Ok(()) => context.reply.ok(),
        Err(SaveError::Busy) => return Err(IN_PROGRESS),
        // The log says why.
        Err(SaveError::Failed | SaveError::Cancelled) => return Err(CmdError::coded("ERR")),
    }
    Ok(())
}

/// What a client of BGSAVE wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Save,
    /// To save when nothing is in the way.
    SaveLater,
    Cancel,
}

fn wish(args: &Args<'_>) -> Result<Wish, CmdError> {
    match args[1..] {
        [] => Ok(Wish::Save),
        [word] if is_word(word, "SCHEDULE") => Ok(Wish::SaveLater),
        [word] if is_word(word, "CANCEL") => Ok(Wish::Cancel),
        _ => Err(CmdError::Syntax),
    }
}

/// Answers once it is settled what will be saved: what its client changes later is not in it.
fn background<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let wish = wish(args)?;
        let shared = context.shared;
        match wish {
            Wish::Cancel => return cancel(context),
            Wish::Save | Wish::SaveLater if shared.saving.runs_in_background() => return Err(IN_PROGRESS),
            // It takes a snapshot as well, and another one would begin when that has ended.
            Wish::Save if shared.rewriting.figures().running_s.is_some() => return Err(OTHER_RUNS),
            Wish::SaveLater if shared.rewriting.figures().running_s.is_some() => schedule(context, "due to user request"),
            Wish::Save | Wish::SaveLater => match saving::save_in_background(shared) {
                Ok(settled) => {
                    // An error is what tells.
                    let _ = settled.await;
                    context.reply.simple("Background saving started");
                }
                Err(SaveError::Busy) if wish == Wish::SaveLater => schedule(context, "due to user request"),
                Err(SaveError::Busy) => return Err(IN_PROGRESS),
                Err(SaveError::Failed | SaveError::Cancelled) => return Err(CmdError::coded("ERR")),
            },
        }
        Ok(())
    })
}

/// A save would begin in the middle of the transaction: it is noted.
fn in_transaction(context: &mut Context<'_>, _: &mut Session, args: &Args<'_>) -> CmdResult {
    let wish = wish(args)?;
    match wish {
        Wish::Cancel => return cancel(context),
        _ if context.shared.saving.runs_in_background() => return Err(IN_PROGRESS),
        Wish::SaveLater => schedule(context, "due to user request"),
        Wish::Save => schedule(context, "to run after transaction execution"),
    }
    Ok(())
}

fn schedule(context: &mut Context<'_>, why: &str) {
    context.shared.saving.schedule();
    tracing::info!("Background saving scheduled {why}");
    context.reply.simple("Background saving scheduled");
}

fn cancel(context: &mut Context<'_>) -> CmdResult {
    match context.shared.saving.cancel() {
        Cancelled::Running => {
            tracing::info!("Background saving will be aborted due to user request");
            context.reply.simple("Background saving cancelled");
        }
        Cancelled::Scheduled => {
            tracing::info!("Scheduled background saving will be cancelled due to user request");
            context.reply.simple("Scheduled background saving cancelled");
        }
        Cancelled::Nothing => return Err(CmdError::err("Background saving is currently not in progress or scheduled")),
    }
    Ok(())
}

fn last(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.saving.figures().last_save_s);
    Ok(())
}
