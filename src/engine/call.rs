//! Executes one command whose checks have passed and whose stripes are locked: execution, statistics, command log, MONITOR.
//! Used by the dispatcher and by EXEC.

use super::context::{Args, CmdResult, Context};
use super::error::CmdError;
use super::log_thresholds::{self, Figures};
use super::spec::{Run, flag};
use super::table::Row;
use crate::base::clock::{self, Ticks};
use crate::metrics::WorkerMetrics;

/// Who holds stripes for longer than this lets those go first who wait for them.
const LONG_HOLD_NS: u64 = 500_000;

/// Runs a synchronous command. Returns when it ended, which is when the next one of the batch begins.
///
/// A `Sweep` runs through under the locks that are held (EXEC); the dispatcher runs it stripe by stripe itself. A `Settled` command
/// does not wait here, a `Control` command cannot run.
pub fn call(context: &mut Context<'_>, row: &Row, args: &Args<'_>, started: Ticks) -> Ticks {
    context.command = row.number;
    let reply_from = context.reply.len();
    let result = match row.spec.run {
        Run::Conn(run) | Run::Keys(run) | Run::Heavy(run, _) | Run::Exec(run) | Run::All(run) | Run::Stripes(run) | Run::Settled(run) => {
            run(context, args)
        }
        Run::Sweep(start) => start(context, args).and_then(|mut sweep| {
            for number in 0..context.keys.keyspace().stripes() as u32 {
                if !context.keys.with_stripe(number, |keys| sweep.visit(keys, number)) {
                    break;
                }
            }
            sweep.finish(context)
        }),
        Run::Control(_) => Err(CmdError::coded("ERR Command not allowed inside a transaction")),
        Run::Container => unreachable!("the dispatcher answers a container without subcommand"),
    };
    complete(context, row, args, &result, reply_from, started)
}

/// Writes an error in place of what was replied, counts the execution, and tells those who want to know of it. Returns when it ended.
#[inline]
pub fn complete(context: &mut Context<'_>, row: &Row, args: &Args<'_>, result: &CmdResult, reply_from: usize, started: Ticks) -> Ticks {
    if let Err(error) = result {
        reply_error(context, error, reply_from);
    }
    let ended = clock::ticks();
    complete_measured(context, row, args, result, reply_from, clock::elapsed_ns(started, ended));
    ended
}

/// As [`complete`], of a command whose time is known and whose error, if it has one, is written.
#[inline]
pub fn complete_measured(context: &mut Context<'_>, row: &Row, args: &Args<'_>, result: &CmdResult, reply_from: usize, nanoseconds: u64) {
    let worker = context.metrics;
    let stats = &worker.commands[row.number as usize];
    stats.record(nanoseconds, result.is_err());
    // CONFIG SET is measured by the options that it has set.
    let tracks = if row.spec.has(flag::ADMIN) { context.shared.config.load().latency_tracking } else { context.config.latency_tracking };
    if tracks {
        stats.record_latency(nanoseconds, 1);
    }
    WorkerMetrics::add(&worker.total_commands, 1);
    context.session.commands += 1;
    // What EXEC runs is part of EXEC's own time.
    if !context.session.in_exec {
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
    context.session.commands += executions;
    WorkerMetrics::add(&worker.command_ns, nanoseconds * executions);
    if nanoseconds > LONG_HOLD_NS {
        held_for_long(context);
    }
}

#[cold]
fn held_for_long(context: &mut Context<'_>) {
    context.gives_way |= context.keys.is_wanted();
    context.keys.keyspace().note_long_hold(context.now_ms);
}

/// Writes an error in place of what was replied.
#[cold]
pub fn reply_error(context: &mut Context<'_>, error: &CmdError, reply_from: usize) {
    context.reply.truncate(reply_from);
    context.reply.error(error.line());
    context.shared.errors.count(error.line());
}
