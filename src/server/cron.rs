//! What a worker does by the clock, `hz` times a second: samples for INFO, idle clients, clients above their soft output limit.
//!
//! Each worker looks after its own clients, once a second, so that the work does not grow with `hz`.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::worker::Worker;
use crate::base::clock;
use crate::clients::{Client, ClientClass, bit};
use crate::config::Config;
use crate::metrics::Counters;
use crate::metrics::instantaneous::Totals;

/// Between two samples of rates and memory.
const SAMPLE_MS: u64 = 100;
/// Between two visits to each client.
const CLIENTS_MS: u64 = 1000;

/// When things were last done, monotonic milliseconds.
#[derive(Default)]
struct Last {
    sample_ms: u64,
    clients_ms: u64,
    peaks_ms: u64,
}

/// Starts the worker's clock. It ends with the worker's runtime.
pub(super) fn start(worker: &Rc<Worker>) {
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let mut last = Last::default();
        loop {
            let config = worker.config();
            tokio::time::sleep(Duration::from_millis(1000 / u64::from(config.hz.max(1)))).await;
            worker.shared.debug.sleep_if_told();
            let started = clock::ticks();
            tick(&worker, &config, &mut last);
            worker.shared.workers[worker.number].timer(clock::elapsed_ns(started, clock::ticks()));
        }
    });
}

fn tick(worker: &Worker, config: &Config, last: &mut Last) {
    let now_ms = clock::monotonic_ms();
    // One worker samples for all.
    if worker.number == 0 && now_ms - last.sample_ms >= SAMPLE_MS {
        last.sample_ms = now_ms;
        sample(worker);
    }
    if now_ms - last.clients_ms >= CLIENTS_MS && !worker.shared.debug.pause_cron.load(Ordering::Relaxed) {
        last.clients_ms = now_ms;
        let reset_ms = worker.shared.debug.reply_peak_reset_ms.load(Ordering::Relaxed);
        let resets_peaks = u64::try_from(reset_ms).is_ok_and(|reset_ms| now_ms - last.peaks_ms >= reset_ms);
        if resets_peaks {
            last.peaks_ms = now_ms;
        }
        worker.shared.clients.visit(|client| {
            if client.worker as usize == worker.number {
                visit(worker, config, client, now_ms, resets_peaks);
            }
        });
    }
}

fn sample(worker: &Worker) {
    let shared = &worker.shared;
    shared.metrics.memory.sample();
    let mut totals = Totals::default();
    for worker in shared.workers.iter() {
        totals.commands += worker.total_commands.load(Ordering::Relaxed);
        totals.net_input += worker.net_input.load(Ordering::Relaxed);
        totals.net_output += worker.net_output.load(Ordering::Relaxed);
        totals.cycles += worker.cycles.load(Ordering::Relaxed);
        totals.cycle_us += worker.cycle_ns.load(Ordering::Relaxed) / 1000;
    }
    shared.metrics.instantaneous.sample(clock::monotonic_us(), totals);
}

fn visit(worker: &Worker, config: &Config, client: &Client, now_ms: u64, resets_peaks: bool) {
    let figures = &client.figures;
    figures.query_buffer_peak.store(figures.query_buffer.load(Ordering::Relaxed), Ordering::Relaxed);
    if resets_peaks {
        figures.output_peak.store(figures.output.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    let idle_ms = now_ms.saturating_sub(client.last_interaction_ms.load(Ordering::Relaxed));
    let may_idle = [bit::BLOCKED, bit::PUBSUB, bit::MONITOR].into_iter().any(|flag| client.has(flag));
    if config.timeout > 0 && !may_idle && idle_ms > u64::from(config.timeout) * 1000 {
        tracing::debug!("Closing idle client");
        client.close_asap();
        return;
    }
    let limits = match client.class() {
        ClientClass::Normal => config.client_output_buffer_limit.normal,
        ClientClass::PubSub => config.client_output_buffer_limit.pubsub,
    };
    let since_ms = client.soft_limit_since_ms.load(Ordering::Relaxed);
    if since_ms > 0 && limits.soft_bytes > 0 && now_ms.saturating_sub(since_ms) > limits.soft_seconds * 1000 {
        tracing::warn!("Client {} closed for overcoming of output buffer limits.", client.addr);
        Counters::one(&worker.shared.counters.output_buffer_closed);
        client.close_asap();
    }
}
