//! FAILOVER: a primary hands over to one of its replicas, without losing anything. Writes wait until a replica has everything; then this node
//! becomes its replica and tells it to lead (`PSYNC id offset FAILOVER`).
//!
//! ```text
//! begin ---> writes wait ---> a replica has all ---> follows it ---> it goes on: over, writes are answered by a replica
//!                \---> too late, or ABORT: over          \---> it refuses, or ABORT: leads again
//! ```
//!
//! Invariants:
//! * That a replica has everything is looked at under the stripes under which the node becomes its replica: nothing is written in between.
//! * Whatever ends it lets writes go on.

use super::replication_core::Failover;
use super::roles;
use super::shared::Shared;
use crate::base::clock;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::freeze;

/// What is done next.
enum Next {
    Wait,
    Follow(String, u16),
    GiveUp,
}

/// Begins it. No stripe need be held: who still writes is waited for.
pub fn begin(shared: &Shared, failover: Failover) {
    shared.replication.look().failover = Some(failover);
    shared.hold_writes(freeze::FAILOVER, true);
    shared.replication.wake.notify_one();
}

/// Does what is due. Asked several times per second by a thread that serves no clients.
pub fn look(shared: &Shared) {
    if shared.replication.look().failover.as_ref().is_none_or(|failover| failover.is_in_progress) {
        return;
    }
    shared.replication.ask(&shared.write_log);
    let next = with_all_stripes(shared, |keys| {
        let next = next(shared);
        if let Next::Follow(host, port) = &next {
            roles::follow(shared, keys, host, *port);
        }
        next
    });
    match next {
        Next::Wait => {}
        Next::Follow(host, port) => {
            shared.config.update(|config| config.replicaof = format!("{host} {port}"));
            shared.replication.wake.notify_one();
        }
        Next::GiveUp => abort(shared, "Replica never caught up before timeout"),
    }
}

/// Decides, under all stripes, and notes whom the node follows from now on.
fn next(shared: &Shared) -> Next {
    let (mut state, end) = (shared.replication.look(), shared.write_log.end());
    let caught_up = state.replica_to_lead(end);
    let Some(failover) = state.failover.as_mut().filter(|failover| !failover.is_in_progress) else { return Next::Wait };
    let is_late = failover.until_ms > 0 && clock::monotonic_ms() >= failover.until_ms;
    let target = match (caught_up, is_late, failover.is_forced) {
        (Some((host, port)), ..) => {
            tracing::info!("Failover target {host}:{port} is synced, failing over.");
            (host, port)
        }
        (None, true, true) => {
            let Some((host, port)) = failover.target.clone() else { return Next::GiveUp };
            tracing::info!("FAILOVER to {host}:{port} time out exceeded, failing over.");
            (host, port)
        }
        (None, true, false) => return Next::GiveUp,
        (None, false, _) => return Next::Wait,
    };
    failover.is_in_progress = true;
    failover.target = Some(target.clone());
    Next::Follow(target.0, target.1)
}

/// Ends it without a new primary: a node that has become a replica already leads again. Takes all stripes then.
pub fn abort(shared: &Shared, why: &str) {
    let Some(failover) = shared.replication.look().failover.clone() else { return };
    match &failover.target {
        Some((host, port)) => tracing::info!("FAILOVER to {host}:{port} aborted: {why}"),
        None => tracing::info!("FAILOVER to any replica aborted: {why}"),
    }
    if failover.is_in_progress {
        with_all_stripes(shared, |keys| roles::lead(shared, keys));
        shared.config.update(|config| config.replicaof.clear());
    }
    end(shared);
}

/// The new primary has answered as one: it is over.
pub fn end(shared: &Shared) {
    shared.replication.look().failover = None;
    shared.hold_writes(freeze::FAILOVER, false);
}

fn with_all_stripes<R>(shared: &Shared, act: impl FnOnce(&mut KeyAccess<'_>) -> R) -> R {
    KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0).with_all(act)
}
