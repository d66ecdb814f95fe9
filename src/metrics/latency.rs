//! The latency monitor: what took longer than `latency-monitor-threshold`, per kind of event, for LATENCY.
//!
//! Invariants: an event keeps at most [`SAMPLES_MAX`] samples, one per second (the worst of it); kinds of events are those that
//! the server itself names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Samples kept per event.
pub const SAMPLES_MAX: usize = 160;

/// The worst of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds.
    pub time_s: i64,
    /// Milliseconds.
    pub latency_ms: u64,
}

/// What is known of one kind of event.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Oldest first.
    pub samples: VecDeque<Sample>,
    /// Worst ever, in milliseconds.
    pub max_ms: u64,
    /// All together, in milliseconds.
    pub sum_ms: u64,
    /// How many.
    pub count: u64,
}

/// Figures about an event's samples, all in milliseconds but `period_s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Mean.
    pub average: u64,
    /// Mean distance from the mean.
    pub deviation: u64,
    /// Lowest.
    pub min: u64,
    /// Highest.
    pub max: u64,
    /// Seconds since the first sample, at least 1.
    pub period_s: u64,
}

impl Event {
    fn add(&mut self, time_s: i64, latency_ms: u64) {
        self.max_ms = self.max_ms.max(latency_ms);
        self.sum_ms += latency_ms;
        self.count += 1;
        match self.samples.back_mut() {
            Some(last) if last.time_s == time_s => last.latency_ms = last.latency_ms.max(latency_ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { time_s, latency_ms });
            }
        }
    }

    /// Analyses the samples as of now.
    pub fn analyse(&self, now_s: i64) -> Analysis {
        let count = self.samples.len() as u64;
        let latencies = || self.samples.iter().map(|sample| sample.latency_ms);
        let (Some(first), Some(min), Some(max)) = (self.samples.front(), latencies().min(), latencies().max()) else {
            return Analysis::default();
        };
        let average = latencies().sum::<u64>() / count;
        let deviation = latencies().map(|latency| latency.abs_diff(average)).sum::<u64>() / count;
        Analysis { average, deviation, min, max, period_s: (now_s - first.time_s).max(1) as u64 }
    }
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct LatencyMonitor {
    threshold_ms: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Event>>,
}

impl LatencyMonitor {
    /// Sets `latency-monitor-threshold`; 0 switches the monitor off.
    pub fn set_threshold_ms(&self, threshold_ms: u64) {
        self.threshold_ms.store(threshold_ms, Ordering::Relaxed);
    }

    /// True if something that took `microseconds` is to be recorded: one load and a comparison.
    #[inline]
    pub fn wants(&self, microseconds: u64) -> bool {
        let threshold_ms = self.threshold_ms.load(Ordering::Relaxed);
        threshold_ms > 0 && microseconds / 1000 >= threshold_ms
    }

    /// What takes so long is recorded, in nanoseconds; `u64::MAX` if nothing is.
    #[inline]
    pub fn threshold_ns(&self) -> u64 {
        match self.threshold_ms.load(Ordering::Relaxed) {
            0 => u64::MAX,
            threshold_ms => threshold_ms.saturating_mul(1_000_000),
        }
    }

    /// Records an event if it took long enough. `now_s` is unix seconds.
    #[inline]
    pub fn add(&self, event: &'static str, microseconds: u64, now_s: i64) {
        if self.wants(microseconds) {
            self.events.lock().entry(event).or_default().add(now_s, microseconds / 1000);
        }
    }

    /// All events by name.
    pub fn all(&self) -> BTreeMap<&'static str, Event> {
        self.events.lock().clone()
    }

    /// One event.
    pub fn get(&self, name: &[u8]) -> Option<(&'static str, Event)> {
        let events = self.events.lock();
        std::str::from_utf8(name).ok().and_then(|name| events.get_key_value(name)).map(|(name, event)| (*name, event.clone()))
    }

    /// Forgets one event (whatever its case), or all. Returns how many there were.
    pub fn reset(&self, name: Option<&[u8]>) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|event, _| name.is_some_and(|name| !name.eq_ignore_ascii_case(event.as_bytes())));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_by_second() {
        let monitor = LatencyMonitor::default();
        monitor.add("command", 5_000_000, 1);
        assert!(monitor.all().is_empty(), "off by default");
        monitor.set_threshold_ms(10);
        for (microseconds, second) in [(9_999, 1), (10_000, 1), (30_000, 1), (20_000, 1), (50_000, 2)] {
            monitor.add("command", microseconds, second);
        }
        let (_, event) = monitor.get(b"command").expect("added above");
        assert_eq!(event.samples, [Sample { time_s: 1, latency_ms: 30 }, Sample { time_s: 2, latency_ms: 50 }]);
        assert_eq!((event.max_ms, event.sum_ms, event.count), (50, 110, 4));
        assert_eq!(event.analyse(11), Analysis { average: 40, deviation: 10, min: 30, max: 50, period_s: 10 });
        (0..1000).for_each(|second| monitor.add("command", 10_000, 10 + second));
        assert_eq!(monitor.get(b"command").expect("still there").1.samples.len(), SAMPLES_MAX);
        assert_eq!(monitor.reset(Some(b"other")), 0);
        assert_eq!(monitor.reset(Some(b"COMMAND")), 1);
        assert_eq!(monitor.reset(None), 0);
    }
}
