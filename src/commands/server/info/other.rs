//! INFO cpu, cluster, scriptingengines, keyspace and debug.

use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::{Lines, seconds};
use crate::base::process;
use crate::engine::context::Context;
use crate::metrics::WorkerMetrics;

pub(super) fn cpu(context: &mut Context<'_>, lines: &mut Lines) {
    let own = process::cpu_time();
    let children = process::children_cpu_time();
    let thread = process::thread_cpu_time();
    lines.add("used_cpu_sys", seconds(own.system_us));
    lines.add("used_cpu_user", seconds(own.user_us));
    lines.add("used_cpu_sys_children", seconds(children.system_us));
    lines.add("used_cpu_user_children", seconds(children.user_us));
    // Of the worker that serves this client: every worker executes commands, there is no main thread among them.
    lines.add("used_cpu_sys_main_thread", seconds(thread.system_us));
    lines.add("used_cpu_user_main_thread", seconds(thread.user_us));
    for (number, worker) in context.shared.workers.iter().enumerate() {
        let active_us = worker.cycle_ns.load(Ordering::Relaxed) / 1000;
        if number == 0 {
            lines.add("used_active_time_main_thread", seconds(active_us));
        } else {
            lines.add(&format!("used_active_time_io_thread_{number}"), seconds(active_us));
        }
    }
}

pub(super) fn cluster(context: &mut Context<'_>, lines: &mut Lines) {
    lines.add("cluster_enabled", u8::from(context.config.cluster_enabled));
}

pub(super) fn scripting_engines(_: &mut Context<'_>, lines: &mut Lines) {
    lines.add("engines_count", 0);
    lines.add("engines_total_used_memory", 0);
    lines.add("engines_total_memory_overhead", 0);
}

pub(super) fn keyspace(context: &mut Context<'_>, lines: &mut Lines) {
    let keyspace = context.keys.keyspace();
    let mut databases = vec![(0usize, 0usize, 0usize); keyspace.databases()];
    for number in 0..keyspace.stripes() as u32 {
        context.keys.with_stripe(number, |access| {
            for (table, keys) in access.stripe(number).tables() {
                let of = &mut databases[keyspace.db_of(table) as usize];
                of.0 += keys.table.len();
                of.1 += keys.expiring;
                of.2 += keys.with_expiring;
            }
        });
    }
    for (db, (keys, expiring, with_expiring)) in databases.into_iter().enumerate().filter(|(_, (keys, ..))| *keys > 0) {
        lines.add(
            &format!("db{db}"),
            format_args!(
                "keys={keys},expires={expiring},avg_ttl={},keys_with_volatile_items={with_expiring}",
                keyspace.average_ttl_ms(db as u32)
            ),
        );
    }
}

pub(super) fn debug(context: &mut Context<'_>, lines: &mut Lines) {
    let all = |of: fn(&WorkerMetrics) -> &AtomicU64| context.shared.workers.iter().map(move |worker| of(worker).load(Ordering::Relaxed));
    lines.add("eventloop_duration_aof_sum", 0);
    lines.add("eventloop_duration_cron_sum", all(|worker| &worker.timer_ns).sum::<u64>() / 1000);
    lines.add("eventloop_duration_max", all(|worker| &worker.cycle_ns_max).max().unwrap_or(0) / 1000);
    lines.add("eventloop_cmd_per_cycle_max", all(|worker| &worker.cycle_commands_max).max().unwrap_or(0));
    lines.add("io_threaded_reads_pending", 0);
    lines.add("io_threaded_writes_pending", 0);
}
