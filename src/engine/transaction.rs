//! What a transaction is to the engine: commands that wait in a queue, and watched keys.
//!
//! Invariant: nothing here waits for a stripe, so that a refused EXEC, a RESET or the end of a connection never holds up its worker.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::context::{Args, Context};
use super::spec::Locks;
use super::table::{ResolvedKeys, Row};
use crate::base::words::PackedWords;
use crate::clients::cost::WORD_OVERHEAD;
use crate::clients::session::Queued;
use crate::clients::{Caller, Session, bit};
use crate::keyspace::Keyspace;
use crate::keyspace::held::Stripes;
use crate::keyspace::key::ResolvedKey;

/// Queues a command of an open transaction.
pub fn queue(context: &mut Context<'_>, session: &mut Session, row: &Row, args: &Args<'_>) {
    let Some(multi) = &mut session.multi else { unreachable!("the gate queues only inside a transaction") };
    multi.flags |= row.spec.flags;
    // A transaction that has already failed keeps nothing: it cannot run.
    if !multi.failed {
        multi.bytes += args.iter().map(|arg| arg.len() as u64 + WORD_OVERHEAD).sum::<u64>();
        let key = if let [only] = args.resolved() { Some((only.place, only.argument)) } else { None };
        multi.queue.push(Queued { command: row.number, key, words: PackedWords::new(args.iter().copied()) });
    }
    let figures = &context.caller.client.figures;
    figures.multi_queued.store(multi.queue.len() as i64, Ordering::Relaxed);
    figures.multi.store(multi.bytes, Ordering::Relaxed);
    context.reply.simple("QUEUED");
}

/// Where the keys of a queued command lie.
pub fn keys_of(keyspace: &Keyspace, row: &Row, queued: &Queued, words: &[&[u8]]) -> ResolvedKeys {
    match queued.key {
        Some((place, argument)) => std::iter::once(ResolvedKey { place, hint: None, argument }).collect(),
        None => row.resolve(keyspace, words),
    }
}

/// The stripes of what is queued and of the watched keys; `None` if all are needed.
pub(super) fn stripes(context: &Context<'_>, session: &Session) -> Option<Stripes> {
    let mut stripes: Stripes = session.watched.iter().map(|watched| watched.resolved.place.stripe).collect();
    // EXEC of what was refused runs nothing, but forgets the watched keys.
    for queued in session.multi.iter().filter(|multi| !multi.failed).flat_map(|multi| &multi.queue) {
        let row = context.shared.table.row(queued.command);
        match row.spec.locks {
            Locks::Each | Locks::Few | Locks::All => return None,
            Locks::Keys => {
                let keyspace = context.keys.keyspace();
                match queued.key {
                    // Its words are of no interest yet.
                    Some((place, _)) if row.spec.reads_any_key.is_none() => stripes.push(place.stripe),
                    _ => {
                        let words = queued.words.words();
                        if row.holds_all(keyspace, &words) {
                            return None;
                        }
                        stripes.extend(keys_of(keyspace, row, queued, &words).iter().map(|key| key.place.stripe));
                    }
                }
            }
            Locks::None | Locks::Queued => {}
        }
    }
    Some(stripes)
}

/// Ends a transaction without running it, and forgets the watched keys.
pub fn discard(context: &mut Context<'_>, session: &mut Session) {
    session.multi = None;
    report_end(context.caller);
    unwatch(context, session);
}

/// Publishes that the transaction is over.
pub fn report_end(caller: &Caller) {
    caller.client.set(bit::MULTI, false);
    caller.client.figures.multi_queued.store(-1, Ordering::Relaxed);
    caller.client.figures.multi.store(0, Ordering::Relaxed);
}

/// Forgets the watched keys. What a stripe that somebody holds still says of them is void from here on.
pub fn unwatch(context: &mut Context<'_>, session: &mut Session) {
    session.watch_flag.forget();
    let flag = Arc::clone(&session.watch_flag);
    for watched in session.watched.take() {
        let place = watched.resolved.place;
        if context.keys.holds(place) {
            context.keys.stripe(place.stripe).watched.remove(watched.db, &watched.key, &flag);
        } else if let Some(mut stripe) = context.keys.keyspace().try_lock(place.stripe) {
            stripe.watched.remove(watched.db, &watched.key, &flag);
        } else {
            context.keys.keyspace().note_dead_watchers();
        }
    }
    report_watched(context.caller, session);
}

/// Publishes how many keys are watched.
pub fn report_watched(caller: &Caller, session: &Session) {
    caller.client.figures.watched.store(session.watched.len() as u64, Ordering::Relaxed);
}
