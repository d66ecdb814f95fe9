//! Who wants to hear of a command that ran: the command log, the latency monitor, MONITOR.
//!
//! Invariant: a command of which nobody wants to hear costs a comparison per figure. The thresholds are those of the options when the
//! batch began; an administrative command (CONFIG SET) is looked at with the options as they are after it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;

/// Who asks for commands that take less wants each of them measured.
const SHARED_NS_MIN: u64 = 100_000;
/// More words are more elements to work on, or options that make a command work on more: XADD with MAXLEN may take any number out.
const SHARED_WORDS_MAX: usize = 5;
/// A longer reply takes longer than others.
const SHARED_REPLY_LEN_MAX: u64 = 4096;

/// From which figures on somebody wants to hear of a command.
#[derive(Debug, Clone, Copy)]
pub struct LogThresholds {
    pub(super) nanoseconds: u64,
    pub(super) reply_len: u64,
    /// A request of this batch may be long enough for the log of large ones.
    pub(super) requests: bool,
}

impl LogThresholds {
    /// By the options and the shortest time that the latency monitor asks for, for requests that together have up to `requests_len` bytes on the wire.
    pub fn new(latency_ns: u64, config: &Config, requests_len: usize) -> LogThresholds {
        // A negative threshold is none, and as an unsigned number never reached.
        let slow_ns = (config.commandlog_execution_slower_than as u64).saturating_mul(1000);
        LogThresholds {
            nanoseconds: slow_ns.min(latency_ns),
            reply_len: config.commandlog_reply_larger_than as u64,
            requests: requests_len as u64 >= config.commandlog_request_larger_than as u64,
        }
    }

    /// True if the command may be timed together with its neighbours: nobody asks for times as short as theirs, and neither its request of so
    /// many words nor its reply names many elements.
    #[inline]
    pub fn may_share_time(self, monitors: &AtomicUsize, words: usize, reply_len: usize) -> bool {
        self.nanoseconds >= SHARED_NS_MIN
            && words <= SHARED_WORDS_MAX
            && (reply_len as u64) < self.reply_len.min(SHARED_REPLY_LEN_MAX)
            && !self.requests
            && monitors.load(Ordering::Relaxed) == 0
    }

    /// For commands that were queued before this batch: any of them may be long.
    pub fn with_all_requests(self) -> LogThresholds {
        LogThresholds { requests: true, ..self }
    }
}
