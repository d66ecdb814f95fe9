//! EXEC: runs the queued commands with every stripe they need locked from the first to the last, so that nobody sees half of it.

use crate::base::clock;
use crate::clients::session::Multi;
use crate::engine::call::call;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::keys::KeyShape;
use crate::engine::shared::Shared;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::keyspace::Busy;
use crate::keyspace::access::Stripes;

pub(crate) static EXEC: CommandSpec = CommandSpec {
    name: "exec",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SKIP_COMMANDLOG,
    acl: acl::SLOW | acl::TRANSACTION,
    run: Run::Exec(exec),
    docs: Docs {
        summary: "Runs the queued commands as one",
        complexity: "Depends on commands in the transaction",
        since: "1.2.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let Some(multi) = context.session.multi.take() else { return Err(CmdError::coded("ERR EXEC without MULTI")) };
    if multi.failed {
        super::discard(context);
        return Err(CmdError::coded("EXECABORT Transaction discarded because of previous errors."));
    }
    let broken = context.session.watch_flag.is_set() || watched_key_expired(context);
    super::forget_watches_locked(context);
    if broken {
        context.keys.unlock();
        super::discard(context);
        context.reply.null_array();
        return Ok(());
    }
    run(context, &multi);
    super::discard(context);
    Ok(())
}

/// Locks what the queued commands touch, and the watched keys.
///
/// # Errors
/// If one of the stripes is held for long: then none is locked.
pub fn lock(context: &mut Context<'_>) -> Result<(), Busy> {
    let shared: &Shared = context.shared;
    let needs_all = |kind: &Run| matches!(kind, Run::All(_) | Run::Stripes(_) | Run::Sweep(_) | Run::Control(_));
    // EXEC of what was refused runs nothing, but forgets the watched keys.
    let multi = context.session.multi.as_ref().filter(|multi| !multi.failed);
    let rows = || multi.into_iter().flat_map(|multi| &multi.queue).map(|queued| (queued, shared.table.row(queued.command)));
    if rows().any(|(_, row)| needs_all(&row.spec.run)) {
        return context.keys.try_lock_all();
    }
    let mut stripes: Stripes = context.session.watched.iter().map(|watched| shared.keyspace.place(&watched.key).stripe).collect();
    for (queued, row) in rows().filter(|(_, row)| row.shape != KeyShape::None) {
        let args: Vec<&[u8]> = queued.args.iter().map(|arg| &arg[..]).collect();
        stripes.extend(row.shape.positions(row.spec, &args).into_iter().map(|at| shared.keyspace.place(args[at]).stripe));
    }
    context.keys.try_lock_stripes(stripes)
}

/// A watched key that has expired since is a changed key, though nobody has deleted it yet.
fn watched_key_expired(context: &mut Context<'_>) -> bool {
    let db = context.keys.db;
    let flag = &context.session.watch_flag;
    let expired = context.session.watched.iter().any(|watched| {
        context.keys.db = watched.db;
        let stripe = context.keys.place(&watched.key).stripe;
        context.keys.is_expired_but_there(&watched.key) && !context.keys.stripe(stripe).watched.was_expired(watched.db, &watched.key, flag)
    });
    context.keys.db = db;
    expired
}

fn run(context: &mut Context<'_>, multi: &Multi) {
    let shared = std::sync::Arc::clone(context.shared);
    let own = context.command;
    context.session.in_exec = true;
    let attention = context.attention;
    context.attention = attention.with_all_requests();
    context.reply.array(multi.queue.len());
    let mut ticks = clock::ticks();
    for queued in &multi.queue {
        let row = shared.table.row(queued.command);
        let args: Vec<&[u8]> = queued.args.iter().map(|arg| &arg[..]).collect();
        context.keys.db = context.session.db;
        ticks = call(context, row, &Args(&args), ticks);
    }
    context.session.in_exec = false;
    context.attention = attention;
    context.command = own;
}
