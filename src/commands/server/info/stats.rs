//! INFO stats, commandstats, errorstats and latencystats.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::{Lines, safe};
use crate::commands::server::latencies;
use crate::engine::context::Context;
use crate::engine::shared::Shared;
use crate::keyspace::stripe::StripeStats;
use crate::metrics::WorkerMetrics;

fn sum(context: &Context<'_>, of: impl Fn(&WorkerMetrics) -> &AtomicU64) -> u64 {
    context.shared.workers.all().map(|worker| of(worker).load(Ordering::Relaxed)).sum()
}

fn total_errors(shared: &Shared) -> u64 {
    shared.workers.all().map(|worker| worker.errors.total()).sum::<u64>() + shared.errors.total()
}

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let mut stripes = StripeStats::default();
    for number in 0..context.keys.keyspace().stripes() as u32 {
        stripes += context.keys.with_stripe(number, |keys| keys.stripe(number).stats);
    }
    let shared = context.shared;
    let counters = &shared.counters;
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let rates = shared.metrics.instantaneous.rates();
    let kilo = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    let now_us = crate::base::clock::monotonic_us();
    let (channels, shard_channels) = shared.pubsub.channel_counts();
    lines.add("total_connections_received", get(&counters.connections_received));
    lines.add("total_commands_processed", sum(context, |worker| &worker.total_commands));
    lines.add("instantaneous_ops_per_sec", rates.commands);
    lines.add("total_net_input_bytes", sum(context, |worker| &worker.net_input));
    lines.add("total_net_output_bytes", sum(context, |worker| &worker.net_output));
    lines.add("total_net_repl_input_bytes", get(&shared.replication.net_input));
    lines.add("total_net_repl_output_bytes", get(&shared.replication.net_output));
    zeros(lines, &["total_net_cluster_slot_import_bytes", "total_net_cluster_slot_export_bytes"]);
    lines.add("instantaneous_input_kbps", kilo(rates.net_input));
    lines.add("instantaneous_output_kbps", kilo(rates.net_output));
    lines.add("instantaneous_input_repl_kbps", kilo(0));
    lines.add("instantaneous_output_repl_kbps", kilo(0));
    lines.add("rejected_connections", get(&counters.connections_rejected));
    let syncs = shared.replication.look().figures;
    lines.add("sync_full", syncs.full);
    lines.add("sync_snapshots", syncs.snapshots);
    lines.add("sync_partial_ok", syncs.partial_ok);
    lines.add("sync_partial_err", syncs.partial_err);
    lines.add("expired_keys", stripes.expired);
    lines.add("expired_fields", stripes.expired_fields);
    lines.add("expired_stale_perc", format_args!("{:.2}", shared.keyspace.stale_percent()));
    lines.add("expired_keys_with_volatile_items_stale_perc", "0.00");
    lines.add("expired_time_cap_reached_count", get(&counters.expire_time_cap_reached));
    lines.add("expire_cycle_cpu_milliseconds", get(&counters.expire_cycle_us) / 1000);
    lines.add("evicted_keys", stripes.evicted);
    lines.add("evicted_clients", get(&counters.clients_evicted));
    lines.add("evicted_scripts", 0);
    lines.add("total_eviction_exceeded_time", shared.keyspace.eviction.total_exceeded_us(now_us) / 1000);
    lines.add("current_eviction_exceeded_time", shared.keyspace.eviction.current_exceeded_us(now_us) / 1000);
    lines.add("keyspace_hits", stripes.hits);
    lines.add("keyspace_misses", stripes.misses);
    lines.add("pubsub_channels", channels);
    lines.add("pubsub_patterns", shared.pubsub.pattern_count());
    lines.add("pubsubshard_channels", shard_channels);
    zeros(lines, &["latest_fork_usec", "total_forks", "migrate_cached_sockets", "slave_expires_tracked_keys"]);
    zeros(lines, &["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits", "active_defrag_key_misses"]);
    zeros(lines, &["total_active_defrag_time", "current_active_defrag_time"]);
    zeros(lines, &["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"]);
    lines.add("unexpected_error_replies", shared.counters.internal_errors.load(Ordering::Relaxed));
    lines.add("total_error_replies", total_errors(shared));
    lines.add("dump_payload_sanitizations", 0);
    let (reads, writes) = (sum(context, |worker| &worker.reads), sum(context, |worker| &worker.writes));
    lines.add("total_reads_processed", reads);
    lines.add("total_writes_processed", writes);
    // Every worker reads, executes and writes for its own connections: nothing is handed from one thread to another.
    zeros(lines, &["io_threaded_reads_processed", "io_threaded_writes_processed", "io_threaded_freed_objects"]);
    zeros(lines, &["io_threaded_accept_processed", "io_threaded_poll_processed"]);
    zeros(lines, &["io_threaded_total_prefetch_batches", "io_threaded_total_prefetch_entries"]);
    lines.add("client_query_buffer_limit_disconnections", get(&counters.query_buffer_closed));
    lines.add("client_output_buffer_limit_disconnections", get(&counters.output_buffer_closed));
    lines.add("reply_buffer_shrinks", get(&counters.reply_buffer_shrinks));
    lines.add("reply_buffer_expands", get(&counters.reply_buffer_expands));
    lines.add("eventloop_cycles", sum(context, |worker| &worker.cycles));
    lines.add("eventloop_duration_sum", sum(context, |worker| &worker.cycle_ns) / 1000);
    lines.add("eventloop_duration_cmd_sum", sum(context, |worker| &worker.command_ns) / 1000);
    lines.add("instantaneous_eventloop_cycles_per_sec", rates.cycles);
    lines.add("instantaneous_eventloop_duration_usec", rates.cycle_us);
    lines.add("acl_access_denied_auth", get(&counters.auth_failures));
    zeros(lines, &["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"]);
    zeros(lines, &["acl_access_denied_tls_cert", "acl_access_denied_db"]);
}

fn zeros(lines: &mut Lines, fields: &[&str]) {
    fields.iter().for_each(|field| lines.add(field, 0));
}

pub(super) fn commands(context: &mut Context<'_>, lines: &mut Lines) {
    let shared = context.shared;
    for row in shared.table.rows() {
        let stats = || shared.workers.all().map(|worker| &worker.commands[row.number as usize]);
        let [calls, nanoseconds, rejected, failed] = stats().fold([0u64; 4], |sum, stats| {
            let one = [&stats.calls, &stats.nanoseconds, &stats.rejected, &stats.failed].map(|counter| counter.load(Ordering::Relaxed));
            std::array::from_fn(|at| sum[at] + one[at])
        });
        if calls + rejected + failed == 0 {
            continue;
        }
        let microseconds = nanoseconds / 1000;
        let mean = if calls == 0 { 0.0 } else { nanoseconds as f64 / 1000.0 / calls as f64 };
        lines.add(
            &format!("cmdstat_{}", safe(&row.full_name)),
            format_args!("calls={calls},usec={microseconds},usec_per_call={mean:.2},rejected_calls={rejected},failed_calls={failed}"),
        );
    }
}

pub(super) fn errors(context: &mut Context<'_>, lines: &mut Lines) {
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    let of_workers = context.shared.workers.all().map(|worker| &worker.errors);
    for stats in of_workers.chain([&context.shared.errors]) {
        stats.for_each(|code, count| *errors.entry(code.to_owned()).or_default() += count);
    }
    for (code, count) in errors {
        lines.add(&format!("errorstat_{}", safe(&code)), format_args!("count={count}"));
    }
}

pub(super) fn latencies(context: &mut Context<'_>, lines: &mut Lines) {
    if !context.config.latency_tracking {
        return;
    }
    for row in context.shared.table.rows() {
        let sum = latencies::of(context.shared, row);
        if sum.total() == 0 {
            continue;
        }
        let percentiles = &context.config.latency_tracking_info_percentiles;
        let shown: Vec<String> =
            percentiles.iter().map(|percent| format!("p{percent}={:.3}", sum.percentile(*percent) as f64 / 1000.0)).collect();
        lines.add(&format!("latency_percentiles_usec_{}", safe(&row.full_name)), shown.join(","));
    }
}
