//! INFO replication: role, replicas, and how much of the past they can still get.

use std::sync::atomic::Ordering;

use super::lines::Lines;
use crate::base::clock;
use crate::engine::context::Context;
use crate::engine::replication_core::{Link, Stage};

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let (replication, config) = (&context.shared.replication, context.config);
    let end = context.shared.write_log.end();
    let now_ms = clock::monotonic_ms();
    let state = replication.look();
    lines.add("role", if state.following.is_some() { "slave" } else { "master" });
    if let Some(following) = &state.following {
        let is_up = following.link == Link::Connected;
        let seconds_since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
        let heard_s = seconds_since(replication.heard_ms.load(Ordering::Relaxed)) as i64;
        lines.add("master_host", &following.host);
        lines.add("master_port", following.port);
        lines.add("master_link_status", if is_up { "up" } else { "down" });
        lines.add("master_last_io_seconds_ago", if is_up { heard_s } else { -1 });
        lines.add("master_sync_in_progress", u8::from(following.link == Link::Sync));
        lines.add("slave_read_repl_offset", end);
        lines.add("slave_repl_offset", end);
        lines.add("replicas_repl_buffer_size", 0);
        lines.add("replicas_repl_buffer_peak", 0);
        if following.link == Link::Sync {
            let (total, came) = following.transfer;
            let total = total.unwrap_or(0);
            let percent = if total == 0 { 0.0 } else { came as f64 / total as f64 * 100.0 };
            lines.add("master_sync_total_bytes", total);
            lines.add("master_sync_read_bytes", came);
            lines.add("master_sync_left_bytes", total.saturating_sub(came));
            lines.add("master_sync_perc", format_args!("{percent:.2}"));
            lines.add("master_sync_last_io_seconds_ago", heard_s);
        }
        if !is_up {
            lines.add("master_link_down_since_seconds", seconds_since(following.down_since_ms));
        }
        lines.add("slave_priority", config.replica_priority);
        lines.add("slave_read_only", u8::from(config.replica_read_only));
        lines.add("replica_announced", u8::from(config.replica_announced));
    }
    lines.add("connected_slaves", state.replicas.len());
    if config.min_replicas_to_write > 0 && config.min_replicas_max_lag > 0 {
        lines.add("min_slaves_good_slaves", state.good_replicas(now_ms, u64::from(config.min_replicas_max_lag) * 1000));
    }
    for (number, replica) in state.replicas.values().enumerate() {
        let (ip, port, name, offset) = (&replica.ip, replica.port, replica.stage.name(), replica.acked);
        let lag_s = if replica.stage == Stage::Online { now_ms.saturating_sub(replica.acked_ms) / 1000 } else { 0 };
        lines.add(&format!("slave{number}"), format_args!("ip={ip},port={port},state={name},offset={offset},lag={lag_s},type=replica"));
    }
    lines.add("replicas_waiting_psync", 0);
    lines.add("master_failover_state", state.failover_name());
    lines.add("master_replid", &state.history.id);
    let previous = state.history.previous.as_ref();
    lines.add("master_replid2", previous.map_or_else(|| "0".repeat(40), |(id, _)| id.clone()));
    lines.add("master_repl_offset", end);
    lines.add("second_repl_offset", previous.map_or(-1, |(_, end)| *end as i64));
    lines.add("repl_aside_bytes", state.aside());
    lines.add("repl_write_delay_ms", replication.write_delay_ms());
    lines.add("repl_backlog_active", u8::from(state.backlog.is_some()));
    lines.add("repl_backlog_size", config.repl_backlog_size);
    lines.add("repl_backlog_first_byte_offset", state.backlog.map_or(0, |from| from + 1));
    lines.add("repl_backlog_histlen", state.backlog.map_or(0, |from| end.saturating_sub(from)));
}
