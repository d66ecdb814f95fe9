//! INFO replication: role, replicas, and how much of the past they can still get.

use super::lines::Lines;
use crate::base::clock;
use crate::engine::context::Context;
use crate::engine::replication_core::Stage;

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let (replication, config) = (&context.shared.replication, context.config);
    let end = context.shared.write_log.end();
    let now_ms = clock::monotonic_ms();
    let state = replication.look();
    lines.add("role", "master");
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
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", &state.history.id);
    let previous = state.history.previous.as_ref();
    lines.add("master_replid2", previous.map_or_else(|| "0".repeat(40), |(id, _)| id.clone()));
    lines.add("master_repl_offset", end);
    lines.add("second_repl_offset", previous.map_or(-1, |(_, end)| *end as i64));
    lines.add("repl_backlog_active", u8::from(state.backlog.is_some()));
    lines.add("repl_backlog_size", config.repl_backlog_size);
    lines.add("repl_backlog_first_byte_offset", state.backlog.map_or(0, |from| from + 1));
    lines.add("repl_backlog_histlen", state.backlog.map_or(0, |from| end.saturating_sub(from)));
}
