//! What a worker does by the clock, `hz` times per second: samples for INFO, and a look at each of its clients about once per second
//! (at a few, every time).
//!
//! It only reads what connections publish; what is to be done it asks of their tasks, so that an idle client costs one look.

use std::ops::Bound;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::upkeep::IDLE_SECONDS;
use super::worker::Worker;
use crate::base::{alloc, clock};
use crate::clients::client::{Client, REPLY_ROOM_LEN_MAX, REPLY_ROOM_LEN_MIN, ask, bit};
use crate::config::Config;
use crate::engine::blocking;
use crate::metrics::instantaneous::Totals;

/// Clients looked at each time, if there are so many, however long that makes a round.
const CLIENTS_PER_TICK_MIN: usize = 5;

/// Between two samples of rates and memory.
const SAMPLE_MS: u64 = 100;

/// Between two times that the allocator gives back what is not needed.
const ALLOCATOR_TIDY_MS: u64 = 1000;

/// Starts the worker's clock. It ends with the worker's runtime.
pub(super) fn start(worker: &Rc<Worker>) {
    tokio::task::spawn_local(run(Rc::clone(worker)));
}

async fn run(worker: Rc<Worker>) {
    let (mut last_id, mut sampled_ms, mut tidied_ms) = (0, 0, 0);
    let mut routes = worker.shared.gate.now();
    loop {
        let period = Duration::from_millis(1000 / u64::from(worker.config().hz.max(1)));
        worker.shared.timers.sleep(period).await;
        worker.shared.debug.sleep_if_told();
        let changed = worker.shared.gate.now();
        if std::mem::replace(&mut routes, changed) != changed {
            ask_shard_subscribers(&worker);
            redirect_blocked(&worker);
        }
        let started = clock::ticks();
        let now_ms = clock::monotonic_ms();
        // One worker samples for all.
        if worker.number == 0 && now_ms - sampled_ms >= SAMPLE_MS {
            sampled_ms = now_ms;
            sample(&worker);
            worker.shared.keyspace.forget_dead_watchers();
            blocking::serve_left(&worker.shared, &worker.config(), worker.metrics());
        }
        if now_ms - tidied_ms >= ALLOCATOR_TIDY_MS {
            tidied_ms = now_ms;
            alloc::tidy();
        }
        if !worker.shared.debug.pause_cron.load(Ordering::Relaxed) {
            look(&worker, &mut last_id, now_ms);
            worker.evict_clients();
        }
        worker.shared.workers[worker.number].timer(clock::elapsed_ns(started, clock::ticks()));
    }
}

/// Has the clients that listen to shard channels look whether their slots are still here.
fn ask_shard_subscribers(worker: &Worker) {
    let clients = worker.clients.borrow();
    clients.values().filter(|client| client.figures.shard_channels.load(Ordering::Relaxed) > 0).for_each(|client| client.ask(ask::TIDY));
}

/// Has the clients ask anew that wait for keys which are no longer served here.
fn redirect_blocked(worker: &Worker) {
    let clients = worker.clients.borrow();
    clients.values().filter(|client| client.has(bit::BLOCKED)).for_each(|client| blocking::redirect(&worker.shared, client));
}

fn sample(worker: &Worker) {
    let shared = &worker.shared;
    shared.metrics.memory.sample();
    if let Some(times) = shared.metrics.attacks.overdue(clock::monotonic_ms()) {
        tracing::warn!("Possible SECURITY ATTACK detected {times} more times since the last such line.");
    }
    let mut totals = Totals::default();
    let mut workers = 0;
    for worker in shared.workers.iter() {
        workers += 1;
        totals.commands += worker.total_commands.load(Ordering::Relaxed);
        totals.net_input += worker.net_input.load(Ordering::Relaxed);
        totals.net_output += worker.net_output.load(Ordering::Relaxed);
        totals.cycles += worker.cycles.load(Ordering::Relaxed);
        totals.cycle_us += worker.cycle_ns.load(Ordering::Relaxed) / 1000;
    }
    shared.metrics.instantaneous.sample(clock::monotonic_us(), totals, workers);
}

/// Looks at the clients that follow number `last`, and goes on from the first behind the last one.
fn look(worker: &Worker, last: &mut u64, now_ms: u64) {
    let config = worker.config();
    let clients = worker.clients.borrow();
    let count = (clients.len() / config.hz.max(1) as usize).max(CLIENTS_PER_TICK_MIN).min(clients.len());
    let behind = clients.range((Bound::Excluded(*last), Bound::Unbounded));
    for (id, client) in behind.chain(clients.iter()).take(count) {
        *last = *id;
        if is_timed_out(client, &config, now_ms) {
            tracing::debug!("Closing idle client");
            worker.shared.clients.kill(client);
        } else if needs_tidying(client, now_ms) {
            client.ask(ask::TIDY);
        }
    }
}

fn idle_seconds(client: &Client, now_ms: u64) -> u64 {
    now_ms.saturating_sub(client.last_interaction_ms.load(Ordering::Relaxed)) / 1000
}

/// `timeout`: not for those who wait for something.
fn is_timed_out(client: &Client, config: &Config, now_ms: u64) -> bool {
    let waits = client.flags.load(Ordering::Relaxed) & (bit::MONITOR | bit::BLOCKED | bit::PUBSUB) != 0;
    config.timeout > 0 && !waits && idle_seconds(client, now_ms) > u64::from(config.timeout)
}

fn needs_tidying(client: &Client, now_ms: u64) -> bool {
    let load = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let figures = &client.figures;
    let room = load(&figures.reply_room);
    let has_input_buffer = load(&figures.query_buffer) + load(&figures.query_buffer_free) > 0;
    let may_shrink = room >= 2 * REPLY_ROOM_LEN_MIN;
    let may_grow = room < REPLY_ROOM_LEN_MAX && load(&figures.reply_peak) == room;
    let holds_room = load(&figures.output_capacity) > 0 && idle_seconds(client, now_ms) > IDLE_SECONDS;
    has_input_buffer || may_shrink || may_grow || holds_room || client.pending_output() > 0
}
