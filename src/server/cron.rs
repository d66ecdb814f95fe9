//! A worker's timer: looks after its clients `hz` times per second, each of them about once per second (a few, every time).
//!
//! It only reads what connections publish; what is to be done it asks of their tasks, so that an idle client costs one look.

use std::ops::Bound;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::upkeep::IDLE_SECONDS;
use super::worker::Worker;
use crate::base::clock;
use crate::clients::client::{Client, REPLY_ROOM_LEN_MAX, REPLY_ROOM_LEN_MIN, ask, bit};
use crate::config::Config;

/// Clients looked at each time, if there are so many, however long that makes a round.
const CLIENTS_PER_TICK_MIN: usize = 5;

/// Runs until the worker ends.
pub(super) async fn run(worker: Rc<Worker>) {
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(1000 / u64::from(worker.config().hz.max(1)))).await;
        if worker.shared.debug.pause_cron.load(Ordering::Relaxed) {
            continue;
        }
        let started = clock::ticks();
        look(&worker, &mut last);
        worker.evict_clients();
        worker.shared.workers[worker.number].timer(clock::elapsed_ns(started, clock::ticks()));
    }
}

/// Looks at the clients that follow number `last`, and goes on from the first behind the last one.
fn look(worker: &Worker, last: &mut u64) {
    let config = worker.config();
    let clients = worker.clients.borrow();
    let count = (clients.len() / config.hz.max(1) as usize).max(CLIENTS_PER_TICK_MIN).min(clients.len());
    let now_ms = clock::monotonic_ms();
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
