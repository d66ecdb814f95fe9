//! Which role a node has in replication, and how it changes: under all stripes, so that no command runs half under one and half under another.
//!
//! Invariants:
//! * While a node follows another one, its log is a copy of the other's, and nothing else enters it: neither what clients may write here nor
//!   what ends by its own time.
//! * The append only file goes on through all of it, and knows the history by the name that it has now ([`name_history`]). Only where another log
//!   takes the place of this node's it begins anew ([`super::rewriting::give_way_to_copy`]).
//! * Whoever waited for keys when the role changes waits no longer: others decide from then on what becomes of these.

use std::sync::atomic::Ordering;

use super::replication_core::{Action, Event, Link};
use super::replication_state::LogUser;
use super::shared::Shared;
use crate::base::{clock, rng};
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::freeze;

/// Has the node follow another one. All stripes are held.
pub fn follow(shared: &Shared, keys: &mut KeyAccess<'_>, host: &str, port: u16) {
    // What a transaction did before this one of its commands was done by a primary.
    keys.commit_before_role_changes();
    let (log, replication) = (&shared.write_log, &shared.replication);
    let (end, is_logging) = (log.end(), keys.keyspace().is_logging());
    let backlog = log.read_from(end).and_then(|reader| replication.keep_backlog(reader));
    backlog.into_iter().for_each(|superfluous| log.end_reader(&superfluous));
    let event = Event::Follow { host: host.to_owned(), port, end, is_logging, now_ms: clock::monotonic_ms() };
    let actions = replication.step(event);
    replication.set_role(keys, true);
    keys.keyspace().settings.freeze_for(freeze::FOLLOW, true);
    log.begin_verbatim();
    changed(shared, actions);
}

/// Has the node follow nobody. All stripes are held.
pub fn lead(shared: &Shared, keys: &mut KeyAccess<'_>) {
    let (log, replication) = (&shared.write_log, &shared.replication);
    let event = Event::Lead { end: log.end(), new_history: rng::random_hex(20), now_ms: clock::monotonic_ms() };
    let actions = replication.step(event);
    log.end_verbatim();
    // The backlog is for those who followed the same primary.
    replication.set_logging(keys, LogUser::Replicas, true);
    replication.set_role(keys, false);
    keys.keyspace().settings.freeze_for(freeze::FOLLOW, false);
    // From now on all keys go when their time comes.
    keys.forget_local_expiries(0..keys.keyspace().databases() as u32);
    if shared.aof.is_on() && !shared.config.load().replica_read_only {
        // What clients have written here is in no log.
        shared.rewriting.schedule();
    }
    changed(shared, actions);
}

fn changed(shared: &Shared, actions: Vec<Action>) {
    perform(shared, actions);
    name_history(shared);
    note_link(shared);
    // Nobody is woken under the locks: those who wait, and who serves the link, look by the clock whether something has changed.
    shared.replication.role_border.store(shared.keyspace.waits.last_number(), Ordering::Relaxed);
    shared.gate.advance();
}

/// Tells the append only file what the history of its log is called now, and who writes that.
pub fn name_history(shared: &Shared) {
    shared.aof.name(&shared.replication.history_id(), shared.replication.is_replica());
}

/// Does what follows from a change of the link or the role.
pub fn perform(shared: &Shared, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::DropAll => {
                for number in shared.replication.numbers() {
                    shared.clients.get(number).into_iter().for_each(|client| client.close_asap());
                }
                shared.replication.dropped.notify_waiters();
            }
            other => unreachable!("{other:?} does not follow from it"),
        }
    }
}

/// Has the gate see how far the link is.
pub fn note_link(shared: &Shared) {
    let is_up = shared.replication.look().following.as_ref().is_some_and(|following| following.link == Link::Connected);
    if shared.replication.link_is_up.swap(is_up, Ordering::Relaxed) != is_up {
        shared.gate.advance();
    }
}

/// A full copy is about to take the place of what is here. False if nobody wants it any more.
pub fn begin_copy(shared: &Shared, number: u64) -> bool {
    let mut keys = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0);
    let actions = keys.with_all(|_| {
        let is_wanted = shared.replication.follows_by(number);
        is_wanted.then(|| shared.replication.step(Event::Replacing { number }))
    });
    let is_wanted = actions.is_some();
    perform(shared, actions.unwrap_or_default());
    is_wanted
}

/// What a replica had is gone, and it has not got anything in its place: it needs all of its primary's data.
pub fn lose_data(shared: &Shared) {
    let number = shared.replication.look().following.as_ref().map(|following| following.number);
    if number.is_some_and(|number| begin_copy(shared, number)) {
        tracing::warn!("This replica has lost its data, and asks its primary for all of it");
    }
}

/// It has. The log goes on behind it, at `at`, in this database.
pub fn end_copy(shared: &Shared, copied: Event<'_>, at: u64, db: u32) {
    restart_log(shared, copied, at, db, &[]);
    note_link(shared);
}

/// The node's own file has given it what the history of this name had at the offset `at`, behind which the log was about this database. A replica goes
/// on from there; a primary, with a history of its own, with those who have no more than that. `tail` is what the log holds before `at`, for those who
/// have less.
pub fn resume(shared: &Shared, id: String, at: u64, db: u32, tail: &[u8]) {
    let from = at - tail.len() as u64;
    let loaded = Event::Loaded { id, from, at, new_history: rng::random_hex(20), now_ms: clock::monotonic_ms() };
    restart_log(shared, loaded, at, db, tail);
    // The backlog needs the log, whatever becomes of the file.
    shared.set_logging(LogUser::Replicas, true, |_| ());
}

/// The log begins anew at `at`, in this database, with `tail` before that: it is the one of another history.
fn restart_log(shared: &Shared, event: Event<'_>, at: u64, db: u32, tail: &[u8]) {
    assert!(!shared.aof.is_on(), "its file would have a gap");
    let (log, replication) = (&shared.write_log, &shared.replication);
    let mut keys = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0);
    let (actions, gone) = keys.with_all(|keys| {
        let gone = (log.restart_at(at, tail), replication.take_backlog());
        // Nothing depends on what the log of before had.
        (0..keys.keyspace().stripes() as u32).for_each(|number| keys.stripe(number).last_write_offset = 0);
        shared.durable.restart_at(at);
        shared.aof.flushed.restart_at(at);
        replication.stream_db.store(db, Ordering::Relaxed);
        let superfluous = log.read_from(at - tail.len() as u64).and_then(|reader| replication.keep_backlog(reader));
        superfluous.into_iter().for_each(|reader| log.end_reader(&reader));
        (replication.step(event), gone)
    });
    drop(gone);
    perform(shared, actions);
}
