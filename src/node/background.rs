//! What a node does by itself, beside its clients' commands: deletes expired keys, goes on evicting where a command ran out of time, and
//! saves snapshots. Runs on the node's own thread, in slices, so that accepting connections is never held up for long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::clock;
use crate::engine::memory_limit;
use crate::engine::shared::Shared;
use crate::engine::{rewriting, saving};
use crate::keyspace::evict::Room;
use crate::keyspace::expire::{Effort, Pace, Sweep};
use crate::keyspace::freeze;
use crate::metrics::Counters;

/// Work done before the thread's other tasks get their turn.
const SLICE_US: u64 = 1000;
/// Between two looks whether a snapshot is to be saved.
const SAVE_PERIOD: Duration = Duration::from_millis(100);

/// Starts the tasks, on the current thread. They end with its runtime.
pub(super) fn spawn(shared: &Arc<Shared>) {
    tokio::task::spawn_local(expire(Arc::clone(shared)));
    tokio::task::spawn_local(evict(Arc::clone(shared)));
    tokio::task::spawn_local(save(Arc::clone(shared)));
}

/// Slow cycles `hz` times per second, and fast ones in between while they are worth it.
#[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
async fn expire(shared: Arc<Shared>) {
    let mut sweep = Sweep::new(shared.keyspace.databases());
    let mut next_slow_us = clock::monotonic_us();
    loop {
        let config = shared.config.load();
        let effort = Effort::new(config.active_expire_effort, config.hz);
        let now_us = clock::monotonic_us();
        let left_us = next_slow_us.saturating_sub(now_us);
        let is_fast = sweep.wants_fast_cycle(effort) && left_us > effort.fast_period_us();
        tokio::time::sleep(Duration::from_micros(if is_fast { effort.fast_period_us() } else { left_us })).await;
        if !is_fast {
            // A node that was held up does not make up for cycles it missed.
            next_slow_us = clock::monotonic_us().max(next_slow_us) + 1_000_000 / u64::from(config.hz.max(1));
            // Memory may have come free without any command that would notice.
            let _ = memory_limit::make_room(&shared, &config, clock::unix_ms());
        }
        shared.thaw_if_over();
        shared.keyspace.settings.freeze_for(freeze::LOG, shared.aof.is_behind());
        if may_expire(&shared) {
            cycle(&shared, &mut sweep, effort, if is_fast { Pace::Fast } else { Pace::Slow }).await;
        } else if may_end_local_keys(&shared) && !is_fast {
            shared.keyspace.end_local_keys(clock::unix_ms());
        }
    }
}

/// Saves a snapshot when the options want one, or somebody left a wish for one.
#[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
async fn save(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(SAVE_PERIOD).await;
        saving::save_if_due(&shared);
        rewriting::follow(&shared);
    }
}

/// Whether keys may be deleted by themselves now: not while DEBUG or a pause forbids it, or another server's data is copied in.
fn may_expire(shared: &Shared) -> bool {
    let settings = &shared.keyspace.settings;
    settings.active_expire.load(Ordering::Relaxed) && !settings.keeps_all() && !shared.config.load().import_mode
}

/// Whether a replica may end the keys that its own clients gave an expiry.
fn may_end_local_keys(shared: &Shared) -> bool {
    let settings = &shared.keyspace.settings;
    settings.active_expire.load(Ordering::Relaxed) && settings.follows() && !settings.is_frozen()
}

/// One cycle, for as long as its pace allows.
async fn cycle(shared: &Shared, sweep: &mut Sweep, effort: Effort, pace: Pace) {
    let mut cycle = sweep.begin(effort);
    let (mut spent_us, mut slice) = (0, clock::ticks());
    let ran_out_of_time = loop {
        if !sweep.step(&mut cycle, &shared.keyspace, clock::unix_ms()) {
            break false;
        }
        let slice_us = clock::elapsed_us(slice, clock::ticks());
        if spent_us + slice_us > effort.limit_us(pace) {
            break true;
        }
        if slice_us > SLICE_US {
            spent_us += slice_us;
            tokio::task::yield_now().await;
            slice = clock::ticks();
        }
    };
    sweep.end(cycle, &shared.keyspace, ran_out_of_time);
    spent_us += clock::elapsed_us(slice, clock::ticks());
    shared.counters.expire_cycle_us.fetch_add(spent_us, Ordering::Relaxed);
    if ran_out_of_time {
        Counters::one(&shared.counters.expire_time_cap_reached);
    }
    shared.metrics.latency.add("expire-cycle", spent_us, clock::unix_ms() / 1000);
}

/// Goes on evicting, a slice at a time, whenever a command could not finish it.
async fn evict(shared: Arc<Shared>) {
    loop {
        shared.evict_more.notified().await;
        while memory_limit::make_room(&shared, &shared.config.load(), clock::unix_ms()) == Ok(Room::Running) {
            tokio::task::yield_now().await;
        }
    }
}
