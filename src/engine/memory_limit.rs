//! Eviction as the node runs it, of clients and of keys: real memory, real time, notifications published, latency recorded.
//!
//! Clients go before keys: where their buffers exceed `maxmemory-clients`, no key has to make room for them.

use super::client_line;
use super::shared::Shared;
use crate::base::{alloc, clock};
use crate::clients::evict as clients;
use crate::config::Config;
use crate::keyspace::access::Moment;
use crate::keyspace::evict::{self, OutOfMemory, Room, World};
use crate::metrics::Counters;

/// Asks the clients that take most memory to close if all together have reported more than `maxmemory-clients`.
#[inline]
pub fn evict_clients(shared: &Shared, config: &Config) {
    if clients::limit_bytes(config).is_some_and(|limit_bytes| shared.clients.memory() > limit_bytes) {
        evict_clients_now(shared, config);
    }
}

/// The same by what each of them takes at this moment, which costs a look at every client. True if one had to go.
pub fn evict_clients_now(shared: &Shared, config: &Config) -> bool {
    let Some(limit_bytes) = clients::limit_bytes(config) else { return false };
    let mut has_evicted = false;
    for client in clients::victims(&shared.clients, limit_bytes) {
        let shown = client_line::for_log(shared, &client);
        if shared.clients.kill(&client) {
            tracing::info!("Evicting client: {shown}");
            Counters::one(&shared.counters.clients_evicted);
            has_evicted = true;
        }
    }
    has_evicted
}

/// False if there certainly is room, which costs three loads.
#[inline]
pub fn is_needed(shared: &Shared, config: &Config) -> bool {
    config.maxmemory > 0 && (alloc::used_bytes_here() as u64 > config.maxmemory || shared.keyspace.eviction.is_exceeded())
}

/// Evicts clients and keys if more memory is used than `maxmemory`, for as long as one command may be held up by that. What is left to do
/// then goes on in the background. Called with no lock held.
///
/// # Errors
/// If too much memory is used and nothing may be evicted.
#[inline]
pub fn make_room(shared: &Shared, config: &Config, now_ms: i64) -> Result<Room, OutOfMemory> {
    if !is_needed(shared, config) {
        return Ok(Room::Enough);
    }
    let room = make_room_now(shared, config, now_ms);
    if room == Ok(Room::Running) {
        shared.evict_more.notify_one();
    }
    room
}

/// Memory in use but for that of clients which were asked to close and of values that wait to be freed: it is as good as free.
fn used_bytes(shared: &Shared) -> usize {
    let dying = || shared.clients.dying() + shared.keyspace.lazyfree.waiting_bytes();
    // What counts as dying may do so from now on, or be freed, between two loads.
    let before = dying();
    let used = alloc::used_bytes_here();
    used.saturating_sub(before.max(dying()) as usize)
}

#[cold]
fn make_room_now(shared: &Shared, config: &Config, now_ms: i64) -> Result<Room, OutOfMemory> {
    let started = clock::ticks();
    evict_clients(shared, config);
    let world = World { used_bytes: &|| used_bytes(shared), now_us: &clock::monotonic_us };
    let room = evict::make_room(&shared.keyspace, config, &Moment::new(&shared.keyspace, now_ms), started, &world);
    shared.metrics.latency.add("eviction-cycle", clock::elapsed_us(started, clock::ticks()), now_ms / 1000);
    room
}
