//! How much of its worker a connection takes before it lets others have their turn: those with requests of their own, and those who wait
//! for a stripe that its commands held for long.

use crate::base::clock::{self, Ticks};
use crate::base::limits::{BATCHES_PER_TURN_MAX, TURN_OUTPUT_LEN_MAX, TURN_US_MAX};

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Batches since it last let others run.
    batches: usize,
    /// How long its requests have run since then.
    run: Ticks,
    /// Bytes of replies in this turn.
    output_len: usize,
    /// A command of this turn held stripes for long that others wait for.
    yields_to_waiters: bool,
}

/// Whom a connection lets go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    Nobody,
    /// The worker's other connections.
    Others,
    /// Whoever waits for a stripe.
    Waiters,
}

impl Share {
    #[inline]
    pub(super) fn count_batch(&mut self) {
        self.batches += 1;
    }

    /// Counts the time that requests took.
    #[inline]
    pub(super) fn count_run(&mut self, from: Ticks, to: Ticks) {
        self.run += to.saturating_sub(from);
    }

    #[inline]
    pub(super) fn count_output(&mut self, len: usize) {
        self.output_len += len;
    }

    /// It sent as much as it may in a turn, and has more.
    #[cold]
    pub(super) fn use_up(&mut self) {
        self.output_len = self.output_len.max(TURN_OUTPUT_LEN_MAX + 1);
    }

    /// Notes whether a command held stripes for long that others wait for.
    #[inline]
    pub(super) fn yield_to_waiters(&mut self, yes: bool) {
        self.yields_to_waiters |= yes;
    }

    #[inline]
    pub(super) fn yields_to_waiters(&self) -> bool {
        self.yields_to_waiters
    }

    /// True if no further request may run in this turn.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.output_len > TURN_OUTPUT_LEN_MAX || self.yields_to_waiters || self.has_run_long()
    }

    #[inline]
    fn has_run_long(&self) -> bool {
        clock::elapsed_us(0, self.run) > TURN_US_MAX
    }

    /// Begins a turn. Says who goes first.
    #[inline]
    pub(super) fn begin_turn(&mut self) -> Precedence {
        let output_len = std::mem::take(&mut self.output_len);
        if std::mem::take(&mut self.yields_to_waiters) {
            Precedence::Waiters
        } else if self.batches >= BATCHES_PER_TURN_MAX || output_len > TURN_OUTPUT_LEN_MAX || self.has_run_long() {
            self.rest();
            Precedence::Others
        } else {
            Precedence::Nobody
        }
    }

    /// It has nothing to do: others run.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.batches = 0;
        self.run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_took_much_lets_others_go_first() {
        let batches = |count| move |share: &mut Share| (0..count).for_each(|_| share.count_batch());
        let output = |len| move |share: &mut Share| share.count_output(len);
        // More ticks than there are nanoseconds, on any processor.
        let run = |us: u64| move |share: &mut Share| (0..us).for_each(|_| share.count_run(7, 7 + 100_000));
        let cases: [(Box<dyn Fn(&mut Share)>, bool, Precedence); 9] = [
            (Box::new(|_| {}), false, Precedence::Nobody),
            (Box::new(batches(BATCHES_PER_TURN_MAX - 1)), false, Precedence::Nobody),
            (Box::new(batches(BATCHES_PER_TURN_MAX)), false, Precedence::Others),
            (Box::new(output(TURN_OUTPUT_LEN_MAX)), false, Precedence::Nobody),
            (Box::new(output(TURN_OUTPUT_LEN_MAX + 1)), true, Precedence::Others),
            (Box::new(|share| share.count_run(7, 8)), false, Precedence::Nobody),
            (Box::new(run(TURN_US_MAX)), true, Precedence::Others),
            (Box::new(Share::use_up), true, Precedence::Others),
            (Box::new(|share| share.yield_to_waiters(true)), true, Precedence::Waiters),
        ];
        for (number, (take, is_used_up, precedence)) in cases.iter().enumerate() {
            let mut share = Share::default();
            take(&mut share);
            assert_eq!(share.is_used_up(), *is_used_up, "{number}");
            assert_eq!(share.begin_turn(), *precedence, "{number}");
            assert!(!share.is_used_up(), "{number}");
            share.rest();
            assert_eq!(share.begin_turn(), Precedence::Nobody, "{number}");
        }
    }
}
