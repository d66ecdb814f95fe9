//! EXEC: runs the queued commands with every stripe they need locked from the first to the last, so that nobody sees half of it.

use std::sync::Arc;

use crate::base::clock;
use crate::clients::Session;
use crate::clients::session::Multi;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};
use crate::engine::{scope, transaction};
use crate::keyspace::key::Key;

pub(crate) static EXEC: CommandSpec = CommandSpec {
    name: "exec",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SKIP_COMMANDLOG | flag::NOT_QUEUED,
    acl: acl::SLOW | acl::TRANSACTION,
    locks: Locks::Queued,
    run: Run::Session(exec),
    docs: Docs {
        summary: "Runs the queued commands as one",
        complexity: "Depends on commands in the transaction",
        since: "1.2.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    let Some(multi) = session.multi.take() else { return Err(CmdError::coded("ERR EXEC without MULTI")) };
    let broken = session.watch_flag.is_set() || watched_key_expired(context, session);
    // From here on the transaction's own writes cannot break it.
    transaction::unwatch(context, session);
    let result = if multi.failed {
        Err(CmdError::coded("EXECABORT Transaction discarded because of previous errors."))
    } else {
        if broken {
            context.reply.null_array()
        } else {
            run(context, session, &multi)
        }
        Ok(())
    };
    // Until here CLIENT INFO, if that is queued, shows the transaction.
    transaction::report_end(context.caller);
    result
}

/// A watched key that has expired since is a changed key, though nobody has deleted it yet.
fn watched_key_expired(context: &mut Context<'_>, session: &Session) -> bool {
    session.watched.iter().any(|watched| {
        let stripe = watched.resolved.place.stripe;
        context.keys.in_db(watched.db, |keys| {
            keys.is_expired_but_there(Key::new(&watched.key, &watched.resolved))
                && !keys.stripe(stripe).watched.was_expired(watched.db, &watched.key, &session.watch_flag)
        })
    })
}

fn run(context: &mut Context<'_>, session: &mut Session, multi: &Multi) {
    let shared = Arc::clone(context.shared);
    let (own, thresholds) = (context.command, context.thresholds);
    context.caller.in_exec = true;
    context.keys.keeps_locks = true;
    context.thresholds = thresholds.with_all_requests();
    context.reply.array(multi.queue.len());
    let mut ticks = clock::ticks();
    for queued in &multi.queue {
        let row = shared.table.row(queued.command);
        let words = queued.words.words();
        let keys = transaction::keys_of(&shared.keyspace, row, queued, &words);
        context.follow_caller();
        ticks = scope::run_locked(context, session, row, &Args::new(&words, &keys), ticks);
    }
    context.caller.in_exec = false;
    context.keys.keeps_locks = false;
    context.thresholds = thresholds;
    context.command = own;
}
