//! Eviction as the node runs it: real memory, real time, notifications published, latency recorded.

use super::notify;
use super::shared::Shared;
use crate::base::{alloc, clock};
use crate::config::Config;
use crate::keyspace::access::Moment;
use crate::keyspace::evict::{self, OutOfMemory, Room, World};

/// Evicts keys if more memory is used than `maxmemory`, for as long as one command may be held up by that. What is left to do
/// then goes on in the background. Called with no lock held.
///
/// # Errors
/// If too much memory is used and nothing may be evicted.
#[inline]
pub fn make_room(shared: &Shared, config: &Config, now_ms: i64) -> Result<Room, OutOfMemory> {
    if is_enough(shared, config) {
        return Ok(Room::Enough);
    }
    let room = make_room_now(shared, config, now_ms);
    if room == Ok(Room::Running) {
        shared.evict_more.notify_one();
    }
    room
}

/// True if there is no limit or memory stays below it: costs three loads.
#[inline]
pub fn is_enough(shared: &Shared, config: &Config) -> bool {
    config.maxmemory == 0 || (alloc::used_bytes_here() as u64 <= config.maxmemory && !shared.keyspace.eviction.is_exceeded())
}

#[cold]
fn make_room_now(shared: &Shared, config: &Config, now_ms: i64) -> Result<Room, OutOfMemory> {
    let started = clock::ticks();
    let mut world = World {
        used_bytes: &alloc::used_bytes_here,
        now_us: &clock::monotonic_us,
        publish: &mut |outcome| notify::publish(shared, &outcome.events),
    };
    let room = evict::make_room(&shared.keyspace, config, &Moment::new(&shared.keyspace, now_ms), started, &mut world);
    shared.metrics.latency.add("eviction-cycle", clock::elapsed_us(started, clock::ticks()), now_ms / 1000);
    room
}
