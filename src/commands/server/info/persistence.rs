//! INFO persistence: what is saved and what is being loaded.

use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::Lines;
use crate::base::clock;
use crate::engine::context::Context;

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let changes = changes(context);
    let saving = &context.shared.saving;
    let figures = saving.figures();
    let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let (total, written) = figures.keys;
    lines.add("loading", u8::from(saving.is_loading()));
    lines.add("async_loading", 0);
    // Nothing is forked, so that nothing is copied because of it.
    lines.add("current_cow_peak", 0);
    lines.add("current_cow_size", 0);
    lines.add("current_cow_size_age", 0);
    let percent = if total == 0 { 0.0 } else { (written as f64 / total as f64 * 100.0).min(100.0) };
    lines.add("current_fork_perc", format!("{percent:.2}"));
    lines.add("current_save_keys_processed", written);
    lines.add("current_save_keys_total", total);
    lines.add("rdb_changes_since_last_save", changes);
    // As in Valkey, where a child makes the snapshot of replicas too.
    lines.add("rdb_bgsave_in_progress", u8::from(figures.running_s.is_some() || context.shared.replication.look().is_sending()));
    lines.add("rdb_last_save_time", figures.last_save_s);
    lines.add("rdb_last_bgsave_status", if figures.is_ok { "ok" } else { "err" });
    lines.add("rdb_last_bgsave_time_sec", figures.last_duration_s);
    lines.add("rdb_current_bgsave_time_sec", figures.running_s.unwrap_or(-1));
    lines.add("rdb_saves", figures.saves);
    lines.add("rdb_last_cow_size", 0);
    lines.add("rdb_last_load_keys_expired", load(&saving.loading.keys_expired));
    lines.add("rdb_last_load_keys_loaded", load(&saving.loading.keys_loaded));
    let status = |is_ok: bool| if is_ok { "ok" } else { "err" };
    let (aof, rewriting) = (&context.shared.aof, context.shared.rewriting.figures());
    lines.add("aof_enabled", u8::from(context.config.appendonly || aof.is_on()));
    lines.add("aof_rewrite_in_progress", u8::from(rewriting.running_s.is_some()));
    lines.add("aof_rewrite_scheduled", u8::from(rewriting.is_scheduled));
    lines.add("aof_last_rewrite_time_sec", rewriting.last_duration_s);
    lines.add("aof_current_rewrite_time_sec", rewriting.running_s.unwrap_or(-1));
    lines.add("aof_last_bgrewrite_status", status(rewriting.is_ok));
    lines.add("aof_rewrites", rewriting.rewrites);
    lines.add("aof_rewrites_consecutive_failures", rewriting.failures);
    lines.add("aof_last_write_status", status(aof.error().is_none()));
    lines.add("aof_last_cow_size", 0);
    lines.add("module_fork_in_progress", 0);
    lines.add("module_fork_last_cow_size", 0);
    lines.add("slot_migration_fork_in_progress", 0);
    if context.config.appendonly {
        let figures = &aof.figures;
        lines.add("aof_current_size", load(&figures.earlier_len) + load(&figures.current_len));
        lines.add("aof_base_size", load(&figures.base_len));
        lines.add("aof_pending_rewrite", 0);
        lines.add("aof_buffer_length", aof.waiting_bytes());
        lines.add("aof_pending_bio_fsync", u8::from(aof.is_flushing()));
        lines.add("aof_delayed_fsync", load(&figures.delayed_flushes));
    }
    if saving.is_loading() {
        loading(context, lines);
    }
}

/// How far loading is, and how long it may take.
fn loading(context: &Context<'_>, lines: &mut Lines) {
    let progress = &context.shared.saving.loading;
    let figures = [&progress.started_ms, &progress.total_bytes, &progress.rdb_used_mem, &progress.loaded_bytes];
    let [started_ms, total, used, loaded] = figures.map(|figure| figure.load(Ordering::Relaxed));
    let elapsed_s = (clock::unix_ms().max(0) as u64).saturating_sub(started_ms) / 1000;
    let percent = if total == 0 { 0.0 } else { loaded as f64 / total as f64 * 100.0 };
    // In the first second there is nothing to go by.
    let eta_s = if elapsed_s == 0 { 1 } else { elapsed_s * total.saturating_sub(loaded) / (loaded + 1) };
    lines.add("loading_start_time", started_ms / 1000);
    lines.add("loading_total_bytes", total);
    lines.add("loading_rdb_used_mem", used);
    lines.add("loading_loaded_bytes", loaded);
    lines.add("loading_loaded_perc", format!("{percent:.2}"));
    lines.add("loading_eta_seconds", eta_s);
}

/// Changes since the last save, or the start.
fn changes(context: &mut Context<'_>) -> u64 {
    let mut changes = 0;
    for number in 0..context.keys.keyspace().stripes() as u32 {
        changes += context.keys.with_stripe(number, |keys| keys.stripe(number).stats.changes);
    }
    changes.saturating_sub(context.shared.keyspace.saved_changes.load(Ordering::Relaxed))
}
