//! Latencies of one command on one worker: a histogram whose buckets are 1/128 of their value wide at most, as HdrHistogram's with
//! two significant digits.
//!
//! ```text
//! segment 0          values 0..256 by 1     (two halves of 128)
//! segment k          values 128 << k .. 256 << k, by 1 << k
//! ```
//! Invariants: one writer (plain load and store); a segment is allocated when it is first hit, so that a command whose latencies
//! lie close together takes a few kilobytes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const HALF: usize = 128;
/// Enough for [`NANOSECONDS_MAX`].
const SEGMENTS: usize = 24;
/// Longer latencies count as this.
pub const NANOSECONDS_MAX: u64 = 1_000_000_000;

type Segment = Box<[AtomicU64; HALF]>;

const _: () = assert!(NANOSECONDS_MAX < (256 << (SEGMENTS - 2)), "the last segment reaches the longest latency");

/// See the module's page.
#[derive(Debug, Default)]
pub struct Histogram {
    segments: [OnceLock<Segment>; SEGMENTS],
}

/// Segment and index of a value.
#[inline]
fn place(nanoseconds: u64) -> (usize, usize) {
    let shift = (u64::BITS - 8).saturating_sub((nanoseconds | 255).leading_zeros()) as usize;
    let position = (shift + 1) * HALF + (nanoseconds >> shift) as usize - HALF;
    (position / HALF, position % HALF)
}

/// The largest value counted at this place.
fn upper(segment: usize, index: usize) -> u64 {
    if segment == 0 {
        return index as u64;
    }
    let shift = segment - 1;
    (((HALF + index + 1) as u64) << shift) - 1
}

impl Histogram {
    /// Counts a latency. Only the owner may call it.
    #[inline]
    pub fn record(&self, nanoseconds: u64) {
        self.record_many(nanoseconds, 1);
    }

    /// Counts so many executions that took `nanoseconds` each.
    #[inline]
    pub fn record_many(&self, nanoseconds: u64, executions: u64) {
        let (segment, index) = place(nanoseconds.clamp(1, NANOSECONDS_MAX));
        let counts = self.segments[segment].get_or_init(|| Box::new([const { AtomicU64::new(0) }; HALF]));
        let count = &counts[index];
        count.store(count.load(Ordering::Relaxed) + executions, Ordering::Relaxed);
    }

    /// Forgets everything; a concurrent count may survive.
    pub fn reset(&self) {
        for counts in self.segments.iter().filter_map(OnceLock::get) {
            counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
    }

    /// Adds what was counted to a sum.
    pub fn add_to(&self, sum: &mut Sum) {
        for (segment, counts) in self.segments.iter().enumerate() {
            let Some(counts) = counts.get() else { continue };
            for (index, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    *sum.counts.entry(upper(segment, index)).or_default() += count;
                    sum.total += count;
                }
            }
        }
    }
}

/// Several histograms together: by the largest latency of each bucket.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sum {
    counts: std::collections::BTreeMap<u64, u64>,
    total: u64,
}

impl Sum {
    /// Number of latencies.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency in nanoseconds that `percent` of all do not exceed; 0 if there are none.
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = ((percent.clamp(0.0, 100.0) / 100.0) * self.total as f64 + 0.5) as u64;
        let mut seen = 0;
        for (upper, count) in &self.counts {
            seen += count;
            if seen >= rank.max(1) {
                return *upper;
            }
        }
        0
    }

    /// Cumulative counts at doubling latencies from about 1 microsecond: (microseconds, latencies up to there), without those
    /// that add nothing.
    pub fn doubling(&self) -> Vec<(u64, u64)> {
        let mut steps: Vec<(u64, u64)> = Vec::new();
        let mut level = 1024;
        let mut seen = 0;
        for (upper, count) in &self.counts {
            while *upper >= level {
                level *= 2;
            }
            seen += count;
            let microseconds = (level - 1) / 1000;
            match steps.last_mut() {
                Some((last, cumulative)) if *last == microseconds => *cumulative = seen,
                _ => steps.push((microseconds, seen)),
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_values() {
        for value in (1..4000).chain([65_535, 65_536, 999_999, 123_456_789, NANOSECONDS_MAX]) {
            let (segment, index) = place(value);
            assert!(segment < SEGMENTS && index < HALF);
            let upper = upper(segment, index);
            assert!(upper >= value && upper - value <= value / HALF as u64, "{value}: {upper}");
        }
    }

    #[test]
    fn percentiles_and_doubling() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|microseconds| histogram.record(microseconds * 1000));
        let mut sum = Sum::default();
        histogram.add_to(&mut sum);
        assert_eq!(sum.total(), 1000);
        let p50 = sum.percentile(50.0);
        assert!((500_000..505_000).contains(&p50), "{p50}");
        assert!(sum.percentile(100.0) >= 1_000_000);
        assert!(sum.percentile(0.0) <= 1_010);
        let steps = sum.doubling();
        assert_eq!(steps.first(), Some(&(1, 1)));
        assert_eq!(steps.last(), Some(&(1048, 1000)));
        assert!(steps.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        histogram.reset();
        let mut sum = Sum::default();
        histogram.add_to(&mut sum);
        assert_eq!((sum.total(), sum.percentile(50.0)), (0, 0));
    }
}
