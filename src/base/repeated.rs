//! A line of the log that strangers can cause as often as they like: it is told at once, then counted, and told with its number once a
//! minute.

use parking_lot::Mutex;

/// Between two tellings.
const EVERY_MS: u64 = 60_000;

/// How often something happened of which the log tells seldom.
#[derive(Debug, Default)]
pub struct Repeated(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    at_ms: Option<u64>,
    /// Times since then.
    untold: u64,
}

impl Repeated {
    /// It happened. `Some` if the log should tell of it: with how often it happened before, untold.
    pub fn happened(&self, now_ms: u64) -> Option<u64> {
        let mut told = self.0.lock();
        if told.at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < EVERY_MS) {
            told.untold += 1;
            return None;
        }
        told.at_ms = Some(now_ms);
        Some(std::mem::take(&mut told.untold))
    }

    /// How often it happened untold, if that is due to be told although it has stopped. Asked now and then.
    pub fn overdue(&self, now_ms: u64) -> Option<u64> {
        let mut told = self.0.lock();
        let is_due = told.untold > 0 && told.at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= EVERY_MS);
        if !is_due {
            return None;
        }
        told.at_ms = Some(now_ms);
        Some(std::mem::take(&mut told.untold))
    }
}

/// What the log adds to a line that stands for others.
pub fn and_before(times: u64) -> String {
    if times == 0 { String::new() } else { format!(" ({times} more like this since the last such line)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_a_minute() {
        let repeated = Repeated::default();
        assert_eq!(repeated.overdue(0), None);
        for (now_ms, told) in [(0, Some(0)), (1, None), (59_999, None), (60_000, Some(2)), (60_001, None), (500_000, Some(1))] {
            assert_eq!(repeated.happened(now_ms), told, "at {now_ms}");
        }
        assert_eq!(repeated.happened(500_001), None);
        assert_eq!(repeated.overdue(500_002), None, "too early");
        assert_eq!(repeated.overdue(560_000), Some(1), "it has stopped");
        assert_eq!(repeated.overdue(999_999), None, "all is told");
        assert_eq!(and_before(0), "");
        assert_eq!(and_before(3), " (3 more like this since the last such line)");
    }
}
