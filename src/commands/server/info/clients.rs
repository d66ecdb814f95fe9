//! INFO clients.

use std::sync::atomic::Ordering;

use super::lines::Lines;
use crate::clients::bit;
use crate::engine::context::Context;
use crate::keyspace::freeze;

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let shared = context.shared;
    let (mut watched, mut blocking, mut blocking_on_no_key) = (0, 0, 0);
    for number in 0..context.keys.keyspace().stripes() as u32 {
        let (watched_here, (blocking_here, on_no_key_here)) =
            context.keys.with_stripe(number, |keys| (keys.stripe(number).watched.len(), keys.stripe(number).blocked.count()));
        watched += watched_here;
        blocking += blocking_here;
        blocking_on_no_key += on_no_key_here;
    }
    let (mut input_max, mut output_max, mut subscribers, mut watching, mut with_timeout) = (0, 0, 0, 0, 0);
    for client in shared.clients.all() {
        let figures = &client.figures;
        input_max = input_max.max(figures.query_buffer_peak.load(Ordering::Relaxed));
        output_max = output_max.max(figures.output_peak.load(Ordering::Relaxed));
        subscribers += usize::from(client.has(bit::PUBSUB));
        with_timeout += usize::from(client.waiter.lock().as_ref().is_some_and(|waiter| waiter.wait.until_ms > 0));
        watching += usize::from(figures.watched.load(Ordering::Relaxed) > 0);
    }
    lines.add("connected_clients", shared.clients.len().saturating_sub(shared.replication.count()));
    lines.add("cluster_connections", 0);
    lines.add("maxclients", context.config.maxclients);
    lines.add("client_recent_max_input_buffer", input_max);
    lines.add("client_recent_max_output_buffer", output_max);
    lines.add("blocked_clients", shared.blocked_clients.load(Ordering::Relaxed));
    lines.add("tracking_clients", 0);
    lines.add("pubsub_clients", subscribers);
    lines.add("watching_clients", watching);
    lines.add("clients_in_timeout_table", with_timeout);
    lines.add("total_watched_keys", watched);
    lines.add("total_blocking_keys", blocking);
    lines.add("total_blocking_keys_on_nokey", blocking_on_no_key);
    let (actions, left_ms) = shared.pause.state();
    let reason = match left_ms {
        _ if shared.pause.is_held_for(freeze::END) => "shutdown_in_progress",
        _ if shared.pause.is_held_for(freeze::FAILOVER) => "failover_in_progress",
        0 => "none",
        _ => "client_pause",
    };
    lines.add("paused_reason", reason);
    lines.add("paused_actions", actions);
    lines.add("paused_timeout_milliseconds", left_ms);
}
