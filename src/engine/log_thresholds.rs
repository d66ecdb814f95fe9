//! Who wants to hear of a command that ran: the command log, the latency monitor, MONITOR.
//!
//! Invariant: a command of which nobody wants to hear costs a comparison per figure. The thresholds are those of the options when the
//! batch began; an administrative command (CONFIG SET) is looked at with the options as they are after it.

use std::sync::atomic::Ordering;

use super::context::{Args, Context};
use super::shared::Shared;
use super::spec::flag;
use super::table::Row;
use super::{command_log, monitor};
use crate::config::Config;

/// Who asks for commands that take less wants each of them measured.
const SHARED_NS_MIN: u64 = 100_000;
/// A longer reply takes longer than others.
const SHARED_REPLY_LEN_MAX: u64 = 4096;

/// From which figures on somebody wants to hear of a command.
#[derive(Debug, Clone, Copy)]
pub struct LogThresholds {
    nanoseconds: u64,
    reply_len: u64,
    /// A request of this batch may be long enough for the log of large ones.
    requests: bool,
}

/// What is known of a command that ran.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) nanoseconds: u64,
    pub(super) reply_len: usize,
}

impl LogThresholds {
    /// By the options, for requests that together have up to `requests_len` bytes on the wire.
    pub fn new(shared: &Shared, config: &Config, requests_len: usize) -> LogThresholds {
        // A negative threshold is none, and as an unsigned number never reached.
        let slow_ns = (config.commandlog_execution_slower_than as u64).saturating_mul(1000);
        LogThresholds {
            nanoseconds: slow_ns.min(shared.metrics.latency.threshold_ns()),
            reply_len: config.commandlog_reply_larger_than as u64,
            requests: requests_len as u64 >= config.commandlog_request_larger_than as u64,
        }
    }

    /// True if the command may be timed together with its neighbours: nobody asks for times as short as theirs, and its reply is short.
    #[inline]
    pub fn may_share_time(self, shared: &Shared, reply_len: usize) -> bool {
        self.nanoseconds >= SHARED_NS_MIN
            && (reply_len as u64) < self.reply_len.min(SHARED_REPLY_LEN_MAX)
            && !self.requests
            && shared.monitor_count.load(Ordering::Relaxed) == 0
    }

    /// For commands that were queued before this batch: any of them may be long.
    pub fn with_all_requests(self) -> LogThresholds {
        LogThresholds { requests: true, ..self }
    }
}

/// Tells those who want to know of a command that ran.
#[inline]
pub(super) fn tell(context: &mut Context<'_>, row: &Row, args: &Args<'_>, figures: Figures) {
    let thresholds = context.thresholds;
    if figures.nanoseconds >= thresholds.nanoseconds
        || figures.reply_len as u64 >= thresholds.reply_len
        || thresholds.requests
        || context.shared.monitor_count.load(Ordering::Relaxed) > 0
        || row.spec.has(flag::ADMIN)
    {
        look(context, row, args, figures);
    }
}

#[cold]
fn look(context: &mut Context<'_>, row: &Row, args: &Args<'_>, figures: Figures) {
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
