//! What follows an execution: statistics, the error in place of the reply, and those who want to hear of the command.

use super::context::{Args, CmdResult, Context};
use super::error::CmdError;
use super::log_thresholds::{self, Figures};
use super::spec::flag;
use super::table::Row;
use crate::metrics::WorkerMetrics;

/// Who holds stripes for longer than this lets those go first who wait for them.
const LONG_HOLD_NS: u64 = 500_000;

/// Counts an execution that took `nanoseconds` and whose reply begins at `reply_from`. An error replaces what was replied.
#[inline]
pub fn complete(context: &mut Context<'_>, row: &Row, args: &Args<'_>, result: &CmdResult, reply_from: usize, nanoseconds: u64) {
    if let Err(error) = result {
        reply_error(context, error, reply_from);
    }
    let worker = context.metrics;
    let stats = &worker.commands[row.number as usize];
    stats.record(nanoseconds, result.is_err());
    // CONFIG SET is measured by the options that it has set.
    let tracks = if row.spec.has(flag::ADMIN) { context.shared.config.load().latency_tracking } else { context.config.latency_tracking };
    if tracks {
        stats.record_latency(nanoseconds, 1);
    }
    WorkerMetrics::add(&worker.total_commands, 1);
    context.caller.commands += 1;
    // What EXEC runs is part of EXEC's own time.
    if !context.caller.in_exec {
        WorkerMetrics::add(&worker.command_ns, nanoseconds);
    }
    if nanoseconds > LONG_HOLD_NS {
        held_for_long(context);
    }
    log_thresholds::tell(context, row, args, Figures { nanoseconds, reply_len: context.reply.len() - reply_from });
}

/// Counts so many successful executions of a command, which took `nanoseconds` each and of which nobody wants to hear.
#[inline]
pub fn complete_many(context: &mut Context<'_>, command: u16, nanoseconds: u64, executions: u64) {
    let worker = context.metrics;
    let stats = &worker.commands[command as usize];
    stats.record_many(nanoseconds, executions);
    if context.config.latency_tracking {
        stats.record_latency(nanoseconds, executions);
    }
    WorkerMetrics::add(&worker.total_commands, executions);
    context.caller.commands += executions;
    WorkerMetrics::add(&worker.command_ns, nanoseconds * executions);
    if nanoseconds > LONG_HOLD_NS {
        held_for_long(context);
    }
}

#[cold]
fn held_for_long(context: &mut Context<'_>) {
    context.yields_to_waiters |= context.keys.is_wanted();
    context.keys.keyspace().note_long_hold(context.now_ms);
}

/// Writes an error in place of what was replied.
#[cold]
fn reply_error(context: &mut Context<'_>, error: &CmdError, reply_from: usize) {
    context.reply.truncate(reply_from);
    context.reply.error(error.line());
    context.metrics.errors.count(error.line());
    if *error == CmdError::KeysMismatch {
        context.shared.counters.note_internal_error(context.command_name());
    }
}
