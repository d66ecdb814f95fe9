//! INFO persistence and replication. This version keeps its data in memory only and replicates to nobody.

use super::lines::Lines;
use crate::engine::context::Context;

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let changes = changes(context);
    lines.add("loading", 0);
    lines.add("async_loading", 0);
    lines.add("current_cow_peak", 0);
    lines.add("current_cow_size", 0);
    lines.add("current_cow_size_age", 0);
    lines.add("current_fork_perc", "0.00");
    lines.add("current_save_keys_processed", 0);
    lines.add("current_save_keys_total", 0);
    lines.add("rdb_changes_since_last_save", changes);
    lines.add("rdb_bgsave_in_progress", 0);
    lines.add("rdb_last_save_time", context.shared.identity.started_ms / 1000);
    lines.add("rdb_last_bgsave_status", "ok");
    lines.add("rdb_last_bgsave_time_sec", -1);
    lines.add("rdb_current_bgsave_time_sec", -1);
    lines.add("rdb_saves", 0);
    lines.add("rdb_last_cow_size", 0);
    lines.add("rdb_last_load_keys_expired", 0);
    lines.add("rdb_last_load_keys_loaded", 0);
    lines.add("aof_enabled", 0);
    lines.add("aof_rewrite_in_progress", 0);
    lines.add("aof_rewrite_scheduled", 0);
    lines.add("aof_last_rewrite_time_sec", -1);
    lines.add("aof_current_rewrite_time_sec", -1);
    lines.add("aof_last_bgrewrite_status", "ok");
    lines.add("aof_rewrites", 0);
    lines.add("aof_rewrites_consecutive_failures", 0);
    lines.add("aof_last_write_status", "ok");
    lines.add("aof_last_cow_size", 0);
    lines.add("module_fork_in_progress", 0);
    lines.add("module_fork_last_cow_size", 0);
    lines.add("slot_migration_fork_in_progress", 0);
}

/// Changes since the start, which is when data was last known to be on disk: never.
fn changes(context: &mut Context<'_>) -> u64 {
    let mut changes = 0;
    for number in 0..context.keys.keyspace().stripes() as u32 {
        changes += context.keys.with_stripe(number, |keys| keys.stripe(number).stats.changes);
    }
    changes.saturating_sub(context.shared.keyspace.saved_changes.load(std::sync::atomic::Ordering::Relaxed))
}

pub(super) fn replication(context: &mut Context<'_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("replicas_waiting_psync", 0);
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", context.shared.replication_id.get());
    lines.add("master_replid2", "0".repeat(40));
    lines.add("master_repl_offset", 0);
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
    lines.add("repl_backlog_size", backlog_size(context));
    lines.add("repl_backlog_first_byte_offset", 0);
    lines.add("repl_backlog_histlen", 0);
}

/// The option's value, though nothing fills a backlog yet.
fn backlog_size(context: &Context<'_>) -> String {
    context.shared.config.get(&[b"repl-backlog-size"]).pop().map_or_else(|| "0".to_owned(), |(_, value)| value)
}
