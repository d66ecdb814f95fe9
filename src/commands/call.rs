//! Executes one command whose checks have passed and whose stripes are locked: execution, statistics, command log, MONITOR.
//! Used by the dispatcher and by EXEC.

use std::sync::atomic::Ordering;

use super::context::{Args, CmdResult, Context};
use super::spec::{Run, flag};
use super::table::Row;
use super::{command_log, monitor};
use crate::base::clock::{self, Ticks};
use crate::metrics::WorkerMetrics;

/// Who holds stripes for longer than this lets those go first who wait for them.
const LONG_HOLD_US: u64 = 500;

/// Runs a synchronous command. Returns when it ended, which is when the next one of the batch begins.
///
/// A `Sweep` runs through under the locks that are held (EXEC); the dispatcher runs it stripe by stripe itself. A `Control` command
/// cannot run here.
pub fn call(context: &mut Context<'_>, row: &Row, args: &Args<'_>, started: Ticks) -> Ticks {
    context.command = row.number;
    let reply_from = context.reply.len();
    let result = match row.spec.run {
        Run::Conn(run) | Run::Keys(run) | Run::Heavy(run, _) | Run::Exec(run) | Run::All(run) | Run::Stripes(run) => run(context, args),
        Run::Sweep(start) => start(context, args).and_then(|mut sweep| {
            for number in 0..context.keys.keyspace().stripes() as u32 {
                if !context.keys.with_stripe(number, |keys| sweep.visit(keys, number)) {
                    break;
                }
            }
            sweep.finish(context)
        }),
        Run::Control(_) => Err(super::error::CmdError::coded("ERR Command not allowed inside a transaction")),
        Run::Container => unreachable!("the dispatcher answers a container without subcommand"),
    };
    complete(context, row, args, &result, reply_from, started)
}

/// Writes an error in place of what was replied, counts the execution, and tells those who want to know of it.
pub fn complete(context: &mut Context<'_>, row: &Row, args: &Args<'_>, result: &CmdResult, reply_from: usize, started: Ticks) -> Ticks {
    if let Err(error) = result {
        context.reply.truncate(reply_from);
        context.reply.error(error.text());
        context.shared.errors.count(error.text());
    }
    let ended = clock::ticks();
    let nanoseconds = clock::elapsed_ns(started, ended);
    let worker = &context.shared.workers[context.worker];
    let stats = &worker.commands[row.number as usize];
    stats.record(nanoseconds, result.is_err());
    // CONFIG SET is measured by the options that it has set.
    let fresh;
    let config = if row.spec.has(flag::ADMIN) {
        fresh = context.shared.config.load();
        &fresh
    } else {
        context.config
    };
    if config.latency_tracking {
        stats.record_latency(nanoseconds);
    }
    WorkerMetrics::add(&worker.total_commands, 1);
    context.session.commands += 1;
    // What EXEC runs is part of EXEC's own time.
    if !context.session.in_exec {
        WorkerMetrics::add(&worker.command_ns, nanoseconds);
    }
    let microseconds = nanoseconds / 1000;
    if microseconds > LONG_HOLD_US {
        context.gives_way |= context.keys.is_wanted();
        context.keys.keyspace().note_long_hold(context.now_ms);
    }
    if context.shared.metrics.latency.wants(microseconds) {
        let event = if row.spec.has(flag::FAST) { "fast-command" } else { "command" };
        context.shared.metrics.latency.add(event, microseconds, context.now_ms / 1000);
    }
    command_log::log_if_wanted(context, config, row, args, microseconds, context.reply.len() - reply_from);
    if context.shared.monitor_count.load(Ordering::Relaxed) > 0 && row.spec.flags & (flag::SKIP_MONITOR | flag::ADMIN) == 0 {
        monitor::feed(context, row, args);
    }
    ended
}
