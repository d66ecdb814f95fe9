//! What follows an execution: what becomes of it in the write log, statistics, the error in place of the reply, and those who want to hear of
//! the command (the command log, the latency monitor, MONITOR).

use std::sync::atomic::Ordering;

use super::context::{Args, CmdResult, Context};
use super::error::CmdError;
use super::spec::{Log, flag};
use super::table::Row;
use super::{command_log, monitor};
use crate::base::clock;
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
    tell(context, row, args, Figures { nanoseconds, reply_len: context.reply.len() - reply_from });
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

/// Has what a command changed, whose stripes are held, become part of the write log.
#[inline(never)]
pub(super) fn log(context: &mut Context<'_>, row: &Row, words: &[&[u8]]) {
    let may_be_as_it_came = row.spec.log == Log::Verbatim;
    match context.shared.table.renamed(row) {
        None => context.keys.end_of_command(words, may_be_as_it_came),
        // Who reads the log need not know what this node calls its commands.
        Some(name) => {
            let words: Vec<&[u8]> = std::iter::once(name.as_bytes()).chain(words[1..].iter().copied()).collect();
            context.keys.end_of_command(&words, may_be_as_it_came);
        }
    }
}

/// Tells those who hear of each command of one that begins to wait. It is counted once it ends.
#[cold]
pub(super) fn begin_to_wait(context: &mut Context<'_>, row: &Row, args: &Args<'_>) {
    if context.shared.monitor_count.load(Ordering::Relaxed) > 0 {
        monitor::feed(context, row, args);
    }
}

/// Counts the execution of a command that had waited.
pub(super) fn complete_for_waiter(context: &mut Context<'_>, command: u16, is_error: bool, nanoseconds: u64) {
    let worker = context.metrics;
    let stats = &worker.commands[command as usize];
    stats.record(nanoseconds, is_error);
    if context.config.latency_tracking {
        stats.record_latency(nanoseconds, 1);
    }
    WorkerMetrics::add(&worker.total_commands, 1);
    WorkerMetrics::add(&worker.command_ns, nanoseconds);
}

#[cold]
fn held_for_long(context: &mut Context<'_>) {
    context.yields_to_waiters |= context.keys.is_wanted();
    context.keys.keyspace().note_long_hold(clock::monotonic_ms());
}

/// Writes an error in place of what was replied.
#[cold]
pub(super) fn reply_error(context: &mut Context<'_>, error: &CmdError, reply_from: usize) {
    context.reply.truncate(reply_from);
    context.reply.error(error.line());
    context.metrics.errors.count(error.line());
    if *error == CmdError::KeysMismatch {
        context.shared.counters.note_internal_error(context.command_name());
    }
}

/// What is known of a command that ran.
#[derive(Debug, Clone, Copy)]
struct Figures {
    nanoseconds: u64,
    reply_len: usize,
}

/// Tells those who want to know of a command that ran.
#[inline]
fn tell(context: &mut Context<'_>, row: &Row, args: &Args<'_>, figures: Figures) {
    let thresholds = context.thresholds;
    if figures.nanoseconds >= thresholds.nanoseconds
        || figures.reply_len as u64 >= thresholds.reply_len
        || thresholds.requests
        || context.shared.monitor_count.load(Ordering::Relaxed) > 0
        || row.spec.has(flag::ADMIN)
    {
        log_and_feed_monitors(context, row, args, figures);
    }
}

/// Adds the command to the latency monitor and the command log, and sends it to the clients in MONITOR, as far as each wants it.
#[cold]
fn log_and_feed_monitors(context: &mut Context<'_>, row: &Row, args: &Args<'_>, figures: Figures) {
    let shared = context.shared;
    let microseconds = figures.nanoseconds / 1000;
    if shared.metrics.latency.wants(microseconds) {
        let event = if row.spec.has(flag::FAST) { "fast-command" } else { "command" };
        shared.metrics.latency.add(event, microseconds, context.now_ms / 1000);
    }
    command_log::log_if_wanted(context, &shared.config.load(), row, args, microseconds, figures.reply_len);
    if shared.monitor_count.load(Ordering::Relaxed) > 0 && row.spec.flags & (flag::SKIP_MONITOR | flag::ADMIN) == 0 {
        monitor::feed(context, row, args);
    }
}
