//! Rates of the last seconds: operations and bytes per second, from samples taken every 100 ms.

use parking_lot::Mutex;

/// Samples kept; at 100 ms between two, the mean is over 1.6 seconds.
const SAMPLES: usize = 16;

/// Totals at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Commands executed.
    pub commands: u64,
    /// Bytes received.
    pub net_input: u64,
    /// Bytes sent.
    pub net_output: u64,
    /// Rounds of the workers' loops.
    pub cycles: u64,
    /// Microseconds they took.
    pub cycle_us: u64,
}

/// Means over the last samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Commands per second.
    pub commands: u64,
    /// Bytes received per second.
    pub net_input: u64,
    /// Bytes sent per second.
    pub net_output: u64,
    /// Rounds per second of one worker's loop, on the average: it does not depend on how many there are.
    pub cycles: u64,
    /// Microseconds per round.
    pub cycle_us: u64,
}

#[derive(Debug, Default)]
struct State {
    last: Option<(u64, Totals)>,
    rates: [Rates; SAMPLES],
    next: usize,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Instantaneous {
    state: Mutex<State>,
}

impl Instantaneous {
    /// Takes a sample of the totals of so many workers at `now_us` (monotonic microseconds).
    pub fn sample(&self, now_us: u64, totals: Totals, workers: u64) {
        let mut state = self.state.lock();
        if let Some((last_us, last)) = state.last
            && now_us > last_us
        {
            let per_second =
                |now: u64, before: u64| (u128::from(now.saturating_sub(before)) * 1_000_000 / u128::from(now_us - last_us)) as u64;
            let cycles = totals.cycles.saturating_sub(last.cycles);
            let next = state.next;
            state.rates[next] = Rates {
                commands: per_second(totals.commands, last.commands),
                net_input: per_second(totals.net_input, last.net_input),
                net_output: per_second(totals.net_output, last.net_output),
                cycles: per_second(totals.cycles, last.cycles) / workers.max(1),
                // A round in which nothing happens takes less than a microsecond, but some time.
                cycle_us: totals.cycle_us.saturating_sub(last.cycle_us).div_ceil(cycles.max(1)),
            };
            state.next = (next + 1) % SAMPLES;
        }
        state.last = Some((now_us, totals));
    }

    /// The means.
    pub fn rates(&self) -> Rates {
        let state = self.state.lock();
        let sum = |of: fn(&Rates) -> u64| state.rates.iter().map(of).sum::<u64>();
        let mean = |of: fn(&Rates) -> u64| sum(of) / SAMPLES as u64;
        Rates {
            commands: mean(|rates| rates.commands),
            net_input: mean(|rates| rates.net_input),
            net_output: mean(|rates| rates.net_output),
            cycles: mean(|rates| rates.cycles),
            cycle_us: sum(|rates| rates.cycle_us).div_ceil(SAMPLES as u64),
        }
    }

    /// Forgets all samples.
    pub fn reset(&self) {
        *self.state.lock() = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means() {
        let instantaneous = Instantaneous::default();
        for sample in 0..=16u64 {
            let totals = Totals { commands: sample * 50, cycles: sample * 2, cycle_us: sample * 14, ..Totals::default() };
            instantaneous.sample(sample * 100_000, totals, 2);
        }
        assert_eq!(instantaneous.rates(), Rates { commands: 500, cycles: 10, cycle_us: 7, ..Rates::default() });
        instantaneous.reset();
        assert_eq!(instantaneous.rates(), Rates::default());
        // Rounds of a tenth of a microsecond.
        for sample in 0..=16u64 {
            let totals = Totals { cycles: sample * 10, cycle_us: sample, ..Totals::default() };
            instantaneous.sample(sample * 100_000, totals, 1);
        }
        assert_eq!(instantaneous.rates().cycle_us, 1);
    }
}
