//! Cluster mode: whether a request's keys are served here, or where its client should go instead.

use crate::base::slot::key_slot;
use crate::clients::session::Multi;
use crate::engine::cluster_access::{ClusterAccess, preferred_endpoint};
use crate::engine::context::{Args, Context};
use crate::engine::keys::KeyShape;
use crate::engine::shared::Shared;
use crate::engine::spec::flag;
use crate::engine::table::Row;
use crate::keyspace::Place;
use crate::topology::{Access, Route, Topology};

/// The first words of the errors that [`check`] gives: a client follows or repeats them, so EXEC answers them as they are.
const CODES: [&str; 3] = ["MOVED ", "CLUSTERDOWN ", "CROSSSLOT "];

/// True if the text of a refusal is one of ours.
pub(super) fn is_redirection(text: &[u8]) -> bool {
    CODES.iter().any(|code| text.starts_with(code.as_bytes()))
}

/// Refuses a request whose keys are not served here. `place` is where its first key lies, if the pipeline knows. EXEC is asked for what
/// is queued.
///
/// # Errors
/// The text of the refusal, after `-`.
#[inline]
pub(super) fn check(
    context: &Context<'_>,
    cluster: &ClusterAccess,
    row: &Row,
    args: &Args<'_>,
    place: Option<Place>,
) -> Result<(), String> {
    let slot = match (row.shape, place) {
        (KeyShape::First, Some(place)) => Some(context.shared.keyspace.slot_of(place)),
        (KeyShape::First, None) => args.get(1).map(|key| key_slot(key)),
        (KeyShape::None, _) => match &context.session.multi {
            Some(multi) if row.full_name == "exec" => queued_slot(context.shared, multi)?,
            _ => None,
        },
        _ => one_slot(row.shape.positions(row.spec, args).into_iter().map(|at| args[at]), None)?,
    };
    // Commands without keys run anywhere.
    let Some(slot) = slot else {
        return Ok(());
    };
    let flags = row.spec.flags;
    let (queued_writes, queued_pubsub) = match &context.session.multi {
        Some(multi) if row.full_name == "exec" => (multi.has_write, has_pubsub(context.shared, multi)),
        _ => (false, false),
    };
    let access = Access {
        readonly_client: context.session.readonly,
        write: flags & flag::WRITE != 0 || queued_writes,
        shard_channel: flags & flag::PUBSUB != 0 || queued_pubsub,
    };
    let topology = cluster.topology.load();
    match topology.route(&cluster.me, slot, access) {
        Route::Serve => Ok(()),
        // No connection is encrypted yet: all are told ports without TLS.
        Route::Moved { slot, node } => Err(Route::moved_text(slot, node, preferred_endpoint(context.config), false)),
        Route::Down(reason) => Err(reason.text().to_owned()),
    }
}

/// True if the key that lies at `place` is served here. The short form of [`check`] for a command on one key.
#[inline]
pub(super) fn serves(context: &Context<'_>, topology: &Topology, place: Place, write: bool) -> bool {
    let Some(cluster) = &context.shared.cluster else { return true };
    let access = Access { readonly_client: context.session.readonly, write, shard_channel: false };
    matches!(topology.route(&cluster.me, context.shared.keyspace.slot_of(place), access), Route::Serve)
}

/// The slot of all these keys and of `slot`, if there is any.
fn one_slot<'k>(keys: impl Iterator<Item = &'k [u8]>, mut slot: Option<u16>) -> Result<Option<u16>, String> {
    for key in keys {
        let of_key = key_slot(key);
        if *slot.get_or_insert(of_key) != of_key {
            return Err("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
        }
    }
    Ok(slot)
}

#[cold]
fn queued_slot(shared: &Shared, multi: &Multi) -> Result<Option<u16>, String> {
    let mut slot = None;
    for queued in &multi.queue {
        let row = shared.table.row(queued.command);
        let args: Vec<&[u8]> = queued.args.iter().map(|arg| &arg[..]).collect();
        slot = one_slot(row.shape.positions(row.spec, &args).into_iter().map(|at| args[at]), slot)?;
    }
    Ok(slot)
}

#[cold]
fn has_pubsub(shared: &Shared, multi: &Multi) -> bool {
    multi.queue.iter().any(|queued| shared.table.row(queued.command).spec.has(flag::PUBSUB))
}
