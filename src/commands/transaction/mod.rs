//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

mod discard;
mod exec;
mod multi;
mod unwatch;
mod watch;

use std::sync::atomic::Ordering;

pub use self::exec::lock;
use crate::clients::{Session, bit};
use crate::engine::context::Context;
use crate::engine::spec::CommandSpec;
use crate::keyspace::Busy;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&discard::DISCARD, &exec::EXEC, &multi::MULTI, &unwatch::UNWATCH, &watch::WATCH];

/// Ends a transaction without running it, and forgets the watched keys.
pub fn discard(context: &mut Context<'_>) {
    context.session.multi = None;
    context.session.client.set(bit::MULTI, false);
    context.session.client.figures.multi_queued.store(-1, Ordering::Relaxed);
    context.session.client.figures.multi.store(0, Ordering::Relaxed);
    unwatch(context);
}

/// Forgets the watched keys.
pub fn unwatch(context: &mut Context<'_>) {
    for watched in std::mem::take(&mut context.session.watched) {
        let flag = std::sync::Arc::clone(&context.session.watch_flag);
        let stripe = context.keys.place(&watched.key).stripe;
        context.keys.with_stripe(stripe, |keys| keys.stripe(stripe).watched.remove(watched.db, &watched.key, &flag));
    }
    context.session.watch_flag.clear();
    report(context.session);
}

/// Makes sure that [`unwatch()`] will not have to wait.
///
/// # Errors
/// If a stripe with a watched key is held for long.
pub fn watched_are_free(context: &Context<'_>) -> Result<(), Busy> {
    let keyspace = context.keys.keyspace();
    let mut stripes = context.session.watched.iter().map(|watched| keyspace.place(&watched.key).stripe);
    stripes.find(|stripe| keyspace.lock_soon(*stripe).is_none()).map_or(Ok(()), |stripe| Err(Busy(stripe)))
}

/// As [`unwatch()`], with the stripes of the watched keys held: from here on the transaction's own writes cannot break it.
fn forget_watches_locked(context: &mut Context<'_>) {
    for watched in std::mem::take(&mut context.session.watched) {
        let stripe = context.keys.place(&watched.key).stripe;
        context.keys.stripe(stripe).watched.remove(watched.db, &watched.key, &context.session.watch_flag);
    }
    report(context.session);
}

/// Publishes how many keys are watched.
fn report(session: &Session) {
    session.client.figures.watched.store(session.watched.len() as u64, Ordering::Relaxed);
}
