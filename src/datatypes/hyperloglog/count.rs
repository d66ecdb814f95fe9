//! The estimate, after Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284). It needs no table of
//! corrections, and is exact to a register for few elements.

use super::dense::unpack;
use super::format::{PATTERN_BITS, REGISTERS};

/// How many registers have each value.
#[derive(Debug, Clone, Copy)]
pub struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts registers.
    pub(super) fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value & 63)] += registers as u32;
    }

    /// Of the registers of a dense one.
    pub fn of_dense(registers: &[u8]) -> Histogram {
        // Several, since a counter that was just raised must be waited for, and neighbours often are equal.
        let mut parts = [[0_u32; 64]; 4];
        let (three, _) = registers.as_chunks::<3>();
        for three in three {
            for (part, value) in parts.iter_mut().zip(unpack(*three)) {
                part[usize::from(value & 63)] += 1;
            }
        }
        let mut histogram = Histogram::default();
        for part in parts {
            histogram.0.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
        }
        histogram
    }
}

/// Corrects for registers that are zero.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        let before = sum;
        x *= x;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// Corrects for registers that can grow no further.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        let before = sum;
        x = x.sqrt();
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// The cardinality.
pub fn estimate(histogram: &Histogram) -> u64 {
    // 1 / (2 ln 2), rounded as Valkey writes it.
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let counts = &histogram.0;
    let all = REGISTERS as f64;
    let last = PATTERN_BITS as usize;
    let mut sum = all * tau((all - f64::from(counts[last + 1])) / all);
    for count in counts[1..=last].iter().rev() {
        sum = (sum + f64::from(*count)) * 0.5;
    }
    sum += all * sigma(f64::from(counts[0]) / all);
    (ALPHA * all * all / sum).round() as u64
}
