//! Whether the keys of a request are served here, or where its client should go instead: in cluster mode by the slot, and without it from a
//! replica to its primary, if the client has said that it follows such an answer (CLIENT CAPA REDIRECT).

use std::sync::atomic::Ordering;

use super::cluster_access::{ClusterAccess, client_view, preferred_endpoint};
use super::context::Context;
use super::shared::Shared;
use super::spec::flag;
use crate::clients::client::capability;
use crate::clients::{Client, bit};
use crate::keyspace::blocked::Waiter;
use crate::keyspace::key::ResolvedKey;
use crate::topology::{Access, Route, Topology};

/// The first words of the errors that [`check`] and [`to_primary`] give: a client follows or repeats them, so EXEC answers them as they are.
const CODES: [&str; 4] = ["MOVED ", "CLUSTERDOWN ", "CROSSSLOT ", "REDIRECT "];

/// True if the text of a refusal is one of ours.
pub(super) fn is_redirection(text: &[u8]) -> bool {
    CODES.iter().any(|code| text.starts_with(code.as_bytes()))
}

/// Refuses a request with these `keys` and `flags` if they are not served here. One without keys runs anywhere.
///
/// # Errors
/// The text of the refusal, after `-`.
pub(super) fn check(
    context: &Context<'_>,
    cluster: &ClusterAccess,
    topology: &Topology,
    flags: u32,
    keys: impl Iterator<Item = ResolvedKey>,
) -> Result<(), String> {
    let mut slot = None;
    for key in keys {
        let of_key = context.shared.keyspace.slot_of(key.place);
        if *slot.get_or_insert(of_key) != of_key {
            return Err("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
        }
    }
    let Some(slot) = slot else { return Ok(()) };
    let access =
        Access { readonly_client: context.caller.readonly, write: flags & flag::WRITE != 0, shard_channel: flags & flag::PUBSUB != 0 };
    match topology.route(&cluster.me, slot, access) {
        Route::Serve => Ok(()),
        Route::Moved { slot, node } => Err(Route::moved_text(slot, node, preferred_endpoint(context.config), client_view(context.caller))),
        Route::Down(reason) => Err(reason.text().to_owned()),
    }
}

/// True if a replica's client goes to the primary for a command with these flags: for a write, and for a read unless it has sent READONLY.
pub(super) fn goes_to_primary(shared: &Shared, client: &Client, flags: u32) -> bool {
    let is_told = client.capabilities.load(Ordering::Relaxed) & capability::REDIRECT != 0 && shared.cluster.is_none();
    let is_served = flags & flag::WRITE == 0 && (flags & flag::READONLY == 0 || client.has(bit::READONLY));
    is_told && !is_served && shared.replication.is_replica()
}

/// What such a client is answered. `None` while it waits: this node hands over to the primary that it names already, and which does not know
/// of it yet.
pub(super) fn to_primary(shared: &Shared) -> Option<String> {
    let state = shared.replication.look();
    let following = state.following.as_ref().filter(|_| state.failover.is_none());
    following.map(|following| format!("REDIRECT {}:{}", following.host, following.port))
}

/// True if what a client waits for is served here.
pub(super) fn serves_waiter(shared: &Shared, client: &Client, waiter: &Waiter) -> bool {
    let (Some(cluster), Some(key)) = (&shared.cluster, waiter.names().next()) else { return true };
    let write = shared.table.row(waiter.command).spec.is_write();
    let access = Access { readonly_client: client.has(bit::READONLY), write, shard_channel: false };
    matches!(cluster.topology.load().route(&cluster.me, shared.keyspace.slot_of(shared.keyspace.place(key)), access), Route::Serve)
}

/// True if a key is served here. The short form of [`check`] for a command on one key.
#[inline]
pub(super) fn serves(context: &Context<'_>, topology: &Topology, key: &ResolvedKey, write: bool) -> bool {
    let Some(cluster) = &context.shared.cluster else { return true };
    let access = Access { readonly_client: context.caller.readonly, write, shard_channel: false };
    matches!(topology.route(&cluster.me, context.shared.keyspace.slot_of(key.place), access), Route::Serve)
}
