//! Calls, time and failures per command. One set per worker, so that counting writes no line that another worker writes; INFO adds up.
//!
//! Invariant: a set is written by its worker only (plain load and store, no read-modify-write); anyone reads.

use std::sync::atomic::{AtomicU64, Ordering};

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

    /// Counts one refusal.
    pub fn reject(&self) {
        add(&self.rejected, 1);
    }

    fn reset(&self) {
        for counter in [&self.calls, &self.nanoseconds, &self.rejected, &self.failed] {
            counter.store(0, Ordering::Relaxed);
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
        }
    }

    /// Adds to one of this worker's counters. Only the worker itself may call it.
    #[inline]
    pub fn add(counter: &AtomicU64, by: u64) {
        add(counter, by);
    }

    /// Sets everything to zero (CONFIG RESETSTAT); a concurrent addition may survive.
    pub fn reset(&self) {
        self.commands.iter().for_each(CommandStats::reset);
        for counter in [&self.total_commands, &self.net_input, &self.net_output, &self.reads, &self.writes] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
