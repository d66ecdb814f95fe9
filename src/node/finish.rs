//! What is done before a node ends.
//!
//! 1. Writes wait, and replicas get what they lack, for up to `shutdown-timeout`: one of them may be the next primary.
//! 2. A background save and a rewrite of the append only file are given up, but for the first one after `appendonly` was set: nothing else
//!    has the data, so the node goes on unless it is forced to end.
//! 3. What is to be saved is saved while writes wait, so that what was acknowledged is in the file.
//!
//! Invariant: a node that goes on after all is as before: nothing waits any longer, and who asked for its end meanwhile was told so.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock;
use crate::config::ShutdownFlags;
use crate::engine::replication_core::{Replica, Stage};
use crate::engine::saving::{self, Cancelled};
use crate::engine::shared::Shared;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::freeze;

/// How often replicas are looked at.
const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// Does it. False if the node is to go on: the log says why.
pub(super) async fn prepare(shared: &Arc<Shared>, flags: ShutdownFlags) -> bool {
    if shared.saving.is_loading() {
        // A part of the data must not take the place of all of it.
        shared.saving.give_up_loading();
        return true;
    }
    let timeout_ms = if flags.contains(ShutdownFlags::NOW) { 0 } else { u64::from(shared.config.load().shutdown_timeout) * 1000 };
    let waited = wait_for_replicas(shared, timeout_ms).await;
    if waited != Waited::CalledOff && save(shared, flags).await {
        return true;
    }
    if waited != Waited::CalledOff {
        tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
    }
    shared.hold_writes(freeze::END, false);
    if waited != Waited::No {
        // Those who asked meanwhile were not heard.
        while let Some(wish) = shared.stop.take_wish() {
            wish.refuse();
        }
    }
    false
}

/// How an end waited for replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// There was no need, or no wish.
    No,
    /// Until they had everything, or the time was over.
    Yes,
    /// Until somebody wanted the node to go on.
    CalledOff,
}

/// Waits until replicas have all that was written, and tells which do not.
#[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
async fn wait_for_replicas(shared: &Arc<Shared>, timeout_ms: u64) -> Waited {
    let replication = &shared.replication;
    if replication.count() == 0 {
        return Waited::No;
    }
    if timeout_ms == 0 {
        tell_of_replicas(shared, shared.write_log.end());
        return Waited::No;
    }
    shared.hold_writes(freeze::END, true);
    let for_thread = Arc::clone(shared);
    // A write that is under way has its stripe.
    let end_of_writes = move || {
        let moment = Moment::new(&for_thread.keyspace, clock::unix_ms());
        KeyAccess::new(&for_thread.keyspace, 0, &moment, 0).with_all(|_| for_thread.write_log.end())
    };
    let Ok(end) = tokio::task::spawn_blocking(end_of_writes).await else { return Waited::No };
    let are_there = || replication.replicas_at(end) >= replication.count();
    replication.ask(&shared.write_log);
    let waits = !are_there();
    if waits {
        tracing::info!("Waiting for replicas before shutting down.");
        shared.stop.begin_to_wait(clock::monotonic_ms().saturating_add(timeout_ms));
        while !are_there() && shared.stop.waits_for_ms().is_some_and(|left_ms| left_ms > 0) {
            tokio::time::sleep(LOOK_PERIOD).await;
        }
        if !shared.stop.end_wait() {
            return Waited::CalledOff;
        }
    }
    tell_of_replicas(shared, end);
    if waits { Waited::Yes } else { Waited::No }
}

/// Writes to the log which replicas lack something.
fn tell_of_replicas(shared: &Shared, end: u64) {
    let replicas = shared.replication.replicas();
    let (there, lagging): (Vec<Replica>, Vec<Replica>) =
        replicas.into_iter().partition(|replica| replica.stage == Stage::Online && replica.acked >= end);
    for Replica { ip, port, stage, acked, acked_ms, .. } in &lagging {
        let (behind, lag_s) = (end.saturating_sub(*acked), clock::monotonic_ms().saturating_sub(*acked_ms) / 1000);
        let lag_s = if *stage == Stage::Online { lag_s } else { 0 };
        tracing::info!("Lagging replica {ip}:{port} reported offset {behind} behind master, lag={lag_s}, state={}.", stage.name());
    }
    tracing::info!("{} of {} replicas are in sync when shutting down.", there.len(), there.len() + lagging.len());
}

/// Saves what is to be saved. False if that fails, and the node is to go on.
async fn save(shared: &Arc<Shared>, flags: ShutdownFlags) -> bool {
    let config = shared.config.load();
    if shared.saving.cancel() == Cancelled::Running {
        tracing::warn!("There is a thread saving an .rdb. Stopping it!");
    }
    if shared.rewriting.is_initial() {
        // What was acknowledged is in no file yet.
        if !flags.contains(ShutdownFlags::FORCE) {
            tracing::warn!("Writing initial AOF, can't exit.");
            return false;
        }
        tracing::warn!("Writing initial AOF. Exit anyway.");
    }
    if shared.rewriting.cancel() {
        tracing::warn!("There is a thread rewriting the AOF. Stopping it!");
    }
    let saves = flags.contains(ShutdownFlags::SAVE) || (!config.save.is_empty() && !flags.contains(ShutdownFlags::NOSAVE));
    if !saves {
        return true;
    }
    tracing::info!("Saving the final RDB snapshot before exiting.");
    shared.hold_writes(freeze::END, true);
    let for_thread = Arc::clone(shared);
    let is_saved = tokio::task::spawn_blocking(move || saving::save_when_free(&for_thread).is_ok()).await.unwrap_or(false);
    if is_saved {
        return true;
    }
    if flags.contains(ShutdownFlags::FORCE) {
        tracing::warn!("Error trying to save the DB. Exit anyway.");
        return true;
    }
    tracing::warn!("Error trying to save the DB, can't exit.");
    false
}
