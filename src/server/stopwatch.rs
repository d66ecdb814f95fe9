//! Times commands. Executions of one short command that follow each other share a reading of the clock, and its time equally: each takes
//! less than the microsecond to which times are told ([`crate::performance`], *One reading of the clock*).

use crate::base::clock::{self, Ticks};

/// Most executions that share a reading of the clock.
const SHARING_MAX: u16 = 8;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Stopwatch {
    /// When the last command that was measured ended, which is when the next begins.
    started: Ticks,
    /// Number of the command that runs on, and how often it ran since.
    command: u16,
    executions: u16,
}

/// What a reading of the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lap {
    /// Executions that ran on.
    pub(super) executions: u16,
    /// Their command.
    pub(super) command: u16,
    /// The share of each, in nanoseconds.
    pub(super) each_ns: u64,
}

impl Stopwatch {
    /// Begins now.
    #[inline]
    pub(super) fn new(started: Ticks) -> Stopwatch {
        Stopwatch { started, command: 0, executions: 0 }
    }

    /// When what is measured next began.
    #[inline]
    pub(super) fn started(&self) -> Ticks {
        self.started
    }

    /// True if there are executions that nobody has counted yet.
    #[inline]
    pub(super) fn is_running(&self) -> bool {
        self.executions > 0
    }

    /// True unless executions of another command are running on.
    #[inline]
    pub(super) fn is_of(&self, command: u16) -> bool {
        self.executions == 0 || self.command == command
    }

    /// Lets an execution share the next reading. False if it is time for one.
    #[inline]
    pub(super) fn run_on(&mut self, command: u16) -> bool {
        debug_assert!(self.is_of(command), "executions of one command share a reading");
        if self.executions + 1 >= SHARING_MAX {
            return false;
        }
        self.command = command;
        self.executions += 1;
        true
    }

    /// Reads the clock: the time since the last reading is shared by what ran on and `more` executions that the caller counts.
    #[inline]
    pub(super) fn lap(&mut self, now: Ticks, more: u16) -> Lap {
        let all_ns = clock::elapsed_ns(self.started, now);
        let executions = std::mem::take(&mut self.executions);
        self.started = now;
        Lap { executions, command: self.command, each_ns: if executions == 0 { all_ns } else { all_ns / u64::from(executions + more) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_share_a_reading_and_none_is_lost() {
        let begin = clock::ticks();
        let mut watch = Stopwatch::new(begin);
        assert!(!watch.is_running() && watch.is_of(7));
        for _ in 1..SHARING_MAX {
            assert!(watch.run_on(7));
        }
        assert!(!watch.run_on(7), "the last of them reads the clock");
        assert!(watch.is_running() && watch.is_of(7) && !watch.is_of(8));
        let end = clock::ticks();
        let lap = watch.lap(end, 1);
        let each_ns = clock::elapsed_ns(begin, end) / u64::from(SHARING_MAX);
        assert_eq!(lap, Lap { executions: SHARING_MAX - 1, command: 7, each_ns });
        assert!(!watch.is_running() && watch.is_of(8));
        assert_eq!(watch.started(), end);
        let later = clock::ticks();
        assert_eq!(watch.lap(later, 1).each_ns, clock::elapsed_ns(end, later));
    }
}
