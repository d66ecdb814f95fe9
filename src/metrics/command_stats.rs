//! Calls, time and failures per command. One set per worker, so that counting writes no line that another worker writes; INFO adds up.
//!
//! Invariant: a set is written by its worker only (plain load and store, no read-modify-write); anyone reads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::errors::ErrorStats;

use super::histogram::Histogram;

/// Figures of one command on one worker.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// Executions.
    pub calls: AtomicU64,
    /// Time spent, in nanoseconds.
    pub nanoseconds: AtomicU64,
    /// Refused before execution.
    pub rejected: AtomicU64,
    /// Executions that ended in an error.
    pub failed: AtomicU64,
    /// Latencies, once one was recorded.
    pub latencies: OnceLock<Box<Histogram>>,
}

#[inline]
fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl CommandStats {
    /// Counts one execution.
    #[inline]
    pub fn record(&self, nanoseconds: u64, failed: bool) {
        add(&self.calls, 1);
        add(&self.nanoseconds, nanoseconds);
        if failed {
            add(&self.failed, 1);
        }
    }

    /// Counts so many successful executions that took `nanoseconds` each.
    #[inline]
    pub fn record_many(&self, nanoseconds: u64, executions: u64) {
        add(&self.calls, executions);
        add(&self.nanoseconds, nanoseconds * executions);
    }

    /// Counts so many executions' latency of `nanoseconds` each (`latency-tracking`).
    #[inline]
    pub fn record_latency(&self, nanoseconds: u64, executions: u64) {
        self.latencies.get_or_init(Box::default).record_many(nanoseconds, executions);
    }

    /// Counts one failure beyond those of executions: a blocked command that was given up.
    pub fn fail(&self) {
        add(&self.failed, 1);
    }

    /// Counts one refusal.
    pub fn reject(&self) {
        add(&self.rejected, 1);
    }

    fn reset(&self) {
        for counter in [&self.calls, &self.nanoseconds, &self.rejected, &self.failed] {
            counter.store(0, Ordering::Relaxed);
        }
        if let Some(latencies) = self.latencies.get() {
            latencies.reset();
        }
    }
}

/// Figures of one worker.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerMetrics {
    /// By number of the command's row.
    pub commands: Box<[CommandStats]>,
    /// Commands executed.
    pub total_commands: AtomicU64,
    /// Bytes received.
    pub net_input: AtomicU64,
    /// Bytes sent.
    pub net_output: AtomicU64,
    /// Reads from sockets.
    pub reads: AtomicU64,
    /// Writes to sockets.
    pub writes: AtomicU64,
    /// Rounds: events handled, of a socket or a timer.
    pub cycles: AtomicU64,
    /// Nanoseconds spent in rounds.
    pub cycle_ns: AtomicU64,
    /// Longest round, in nanoseconds.
    pub cycle_ns_max: AtomicU64,
    /// Most commands in one round.
    pub cycle_commands_max: AtomicU64,
    /// Nanoseconds spent in commands.
    pub command_ns: AtomicU64,
    /// Nanoseconds spent in timers.
    pub timer_ns: AtomicU64,
    /// Errors replied.
    pub errors: ErrorStats,
}

impl WorkerMetrics {
    /// For a table of `rows` commands.
    pub fn new(rows: usize) -> Self {
        WorkerMetrics {
            commands: (0..rows).map(|_| CommandStats::default()).collect(),
            total_commands: AtomicU64::new(0),
            net_input: AtomicU64::new(0),
            net_output: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            cycles: AtomicU64::new(0),
            cycle_ns: AtomicU64::new(0),
            cycle_ns_max: AtomicU64::new(0),
            cycle_commands_max: AtomicU64::new(0),
            command_ns: AtomicU64::new(0),
            timer_ns: AtomicU64::new(0),
            errors: ErrorStats::default(),
        }
    }

    /// Adds to one of this worker's counters. Only the worker itself may call it.
    #[inline]
    pub fn add(counter: &AtomicU64, by: u64) {
        add(counter, by);
    }

    /// Counts a round that began with `commands_before` commands executed. Only the worker itself may call it.
    #[inline]
    pub fn round(&self, nanoseconds: u64, commands_before: u64) {
        add(&self.cycles, 1);
        add(&self.cycle_ns, nanoseconds);
        if nanoseconds > self.cycle_ns_max.load(Ordering::Relaxed) {
            self.cycle_ns_max.store(nanoseconds, Ordering::Relaxed);
        }
        // CONFIG RESETSTAT may have come in between.
        let commands = self.total_commands.load(Ordering::Relaxed).saturating_sub(commands_before);
        if commands > self.cycle_commands_max.load(Ordering::Relaxed) {
            self.cycle_commands_max.store(commands, Ordering::Relaxed);
        }
    }

    /// Counts the run of a timer, which is a round of its own. Only the worker itself may call it.
    pub fn timer(&self, nanoseconds: u64) {
        add(&self.timer_ns, nanoseconds);
        self.round(nanoseconds, self.total_commands.load(Ordering::Relaxed));
    }

    /// Sets everything to zero (CONFIG RESETSTAT); a concurrent addition may survive.
    pub fn reset(&self) {
        self.commands.iter().for_each(CommandStats::reset);
        let counters = [
            &self.total_commands,
            &self.net_input,
            &self.net_output,
            &self.reads,
            &self.writes,
            &self.cycles,
            &self.cycle_ns,
            &self.cycle_ns_max,
            &self.cycle_commands_max,
            &self.command_ns,
            &self.timer_ns,
        ];
        for counter in counters {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_in_which_the_figures_are_reset_has_no_more_commands_than_it_ran() {
        let metrics = WorkerMetrics::new(1);
        WorkerMetrics::add(&metrics.total_commands, 500);
        metrics.reset();
        WorkerMetrics::add(&metrics.total_commands, 2);
        metrics.round(1, 500);
        assert_eq!(metrics.cycle_commands_max.load(Ordering::Relaxed), 0);
        metrics.round(1, 0);
        assert_eq!(metrics.cycle_commands_max.load(Ordering::Relaxed), 2);
    }
}
