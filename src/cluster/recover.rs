//! What a node does whose Raft group ended, because its file could not be written, mostly. Until it takes part again it serves no key and
//! says so to all others, and they count it as failed.
//!
//! A disk that is nearly full takes one write and refuses the next. A node that tried again with any write that happened to fit would take
//! part and fail by turns: it comes back when as much was written as a file of its own needs ([`super::store::Store::reopen`]), and looks for
//! that ever more seldom. Pure: the loop that waits and tries is in `arrange`.

use std::time::Duration;

/// Before the first attempt to take part again; each that finds no space, and each failure that follows soon, doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// The longest time between two attempts.
const PAUSE_LAST: Duration = Duration::from_secs(30);

/// Attempts after which a node gives up, unless it lacks space.
const ATTEMPTS_MAX: u32 = 5;

/// After so long the next failure is a new one.
const RECOVERED_MS: u64 = 60_000;

/// The way back into the group, across failures that follow each other. Times are monotonic milliseconds.
#[derive(Debug)]
pub(super) struct Recovery {
    /// How long to wait for the next attempt.
    pub(super) pause: Duration,
    /// Attempts since the group worked for a while that failed for something else than space.
    attempts: u32,
    recovered_ms: u64,
    is_space_told: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Recovery { pause: PAUSE_FIRST, attempts: 0, recovered_ms: 0, is_space_told: false }
    }
}

impl Recovery {
    /// The group ended for `why`, or for the want of space that `full` tells of.
    pub(super) fn begin(&mut self, why: &str, full: Option<String>, now_ms: u64) {
        if now_ms.saturating_sub(self.recovered_ms) > RECOVERED_MS {
            *self = Recovery::default();
        }
        self.is_space_told = false;
        match full {
            Some(full) => self.tell_space(&full),
            None => tracing::error!("cluster: this node takes no part in the cluster and serves no keys: {why}"),
        }
    }

    /// An attempt failed, for want of space if there is `full`, which is waited for as long as it takes. Anything else is tried a few times:
    /// returns whether to go on.
    pub(super) fn failed(&mut self, full: Option<String>) -> bool {
        let Some(full) = full else {
            self.attempts += 1;
            return self.attempts < ATTEMPTS_MAX;
        };
        self.tell_space(&full);
        self.attempts = 0;
        self.pause = longer(self.pause);
        true
    }

    /// The group was started again. What fails soon after waits longer.
    pub(super) fn succeeded(&mut self, now_ms: u64) {
        tracing::warn!("cluster: this node takes part again");
        self.recovered_ms = now_ms;
        self.pause = longer(self.pause);
    }

    /// Once, however long it takes.
    fn tell_space(&mut self, full: &str) {
        if !std::mem::replace(&mut self.is_space_told, true) {
            tracing::error!(
                "cluster: the disk is full: {full}. This node takes no part in the cluster and serves no keys until a test write succeeds"
            );
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSE_LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Option<String> {
        Some("the file: no space".to_owned())
    }

    #[test]
    fn space_is_looked_for_ever_more_seldom_and_for_ever() {
        let mut recovery = Recovery::default();
        recovery.begin("it failed", full(), 5000);
        let mut pauses = vec![];
        for _ in 0..8 {
            pauses.push(recovery.pause.as_secs());
            assert!(recovery.failed(full()));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        recovery.succeeded(100_000);
        recovery.begin("it failed", full(), 100_500);
        assert_eq!(recovery.pause, PAUSE_LAST, "it did not last");
        recovery.succeeded(200_000);
        recovery.begin("it failed", full(), 300_000);
        assert_eq!(recovery.pause, PAUSE_FIRST, "a new failure");
    }

    #[test]
    fn anything_else_is_tried_a_few_times() {
        let mut recovery = Recovery::default();
        recovery.begin("it failed", None, 5000);
        let goes_on: Vec<_> = (0..ATTEMPTS_MAX).map(|_| recovery.failed(None)).collect();
        assert_eq!(goes_on, [true, true, true, true, false]);
        recovery.failed(full());
        assert!(recovery.failed(None), "what happened before there was no space counts no more");
    }
}
