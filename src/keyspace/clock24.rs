//! The 24-bit access clock of an entry: seconds for LRU, or minutes and a logarithmic counter for LFU.
//!
//! ```text
//! LRU  24 bits: seconds, wrapping every 194 days
//! LFU  16 bits: minutes of the last decay, wrapping every 45 days;  8 bits: counter
//! bit  24: the clock is one for LFU
//! ```
//! A clock of the other kind says nothing: after a change of the policy old entries count like new ones, until they are used.
//! The counter grows with probability 1 / (counter * factor + 1), so that 8 bits tell a million accesses from a hundred, and
//! falls by one each decay period without access (Redis 4.0, "LFU mode").

use crate::base::rng::Rng;

const MASK: u32 = (1 << 24) - 1;
/// Set in a clock for LFU.
pub const LFU_CLOCK: u32 = 1 << 24;
/// Counter of a new key: high enough to survive until it is used again.
const LFU_INIT: u32 = 5;
const LFU_MAX: u32 = 255;

/// Which clock is kept and how it advances.
#[derive(Debug, Clone, Copy)]
pub struct AccessClock {
    /// LFU instead of LRU.
    pub lfu: bool,
    /// `lfu-log-factor`.
    pub log_factor: u32,
    /// `lfu-decay-time` in minutes; 0: never decays.
    pub decay_minutes: u32,
    /// Now, in seconds modulo 2^24: computed once for many accesses.
    seconds: u32,
    /// Now, in minutes modulo 2^16.
    minutes: u32,
}

impl AccessClock {
    /// The clock at `now_ms` (unix milliseconds).
    pub fn at(now_ms: i64, lfu: bool, log_factor: u32, decay_minutes: u32) -> Self {
        AccessClock {
            lfu,
            log_factor,
            decay_minutes,
            seconds: ((now_ms / 1000) as u32) & MASK,
            minutes: if lfu { ((now_ms / 60_000) as u32) & 0xffff } else { 0 },
        }
    }

    /// The clock of an entry made now.
    #[inline]
    pub fn fresh(&self) -> u32 {
        if self.lfu { LFU_CLOCK | (self.minutes << 8) | LFU_INIT } else { self.seconds }
    }

    /// The clock of an entry that was last used so many seconds ago, if it is one of that kind.
    pub fn idle(&self, seconds: u64) -> u32 {
        // Of what is longer ago than the clock can tell only the lower bits count, as in Valkey.
        if self.lfu { self.fresh() } else { self.seconds.wrapping_sub(seconds as u32) & MASK }
    }

    /// The clock of an entry that is used so often, as the counter counts it, if it is one of that kind.
    pub fn used_often(&self, counter: u8) -> u32 {
        if self.lfu { LFU_CLOCK | (self.minutes << 8) | u32::from(counter) } else { self.fresh() }
    }

    /// The clock after an access now.
    #[inline]
    pub fn touched(&self, clock: u32, rng: &mut Rng) -> u32 {
        if self.lfu { self.used(clock, rng) } else { self.seconds }
    }

    fn used(&self, clock: u32, rng: &mut Rng) -> u32 {
        let counter = self.frequency(clock);
        let base = counter.saturating_sub(LFU_INIT);
        let grows = counter < LFU_MAX && rng.below(u64::from(base) * u64::from(self.log_factor) + 1) == 0;
        LFU_CLOCK | (self.minutes << 8) | (counter + u32::from(grows))
    }

    /// The LFU counter as it is now, decay included (OBJECT FREQ).
    pub fn frequency(&self, clock: u32) -> u32 {
        if clock & LFU_CLOCK == 0 {
            return LFU_INIT;
        }
        let (last, counter) = (clock >> 8, clock & 0xff);
        if self.decay_minutes == 0 {
            return counter;
        }
        let elapsed = self.minutes.wrapping_sub(last) & 0xffff;
        counter.saturating_sub(elapsed / self.decay_minutes)
    }

    /// Seconds since the last access under LRU (OBJECT IDLETIME).
    pub fn idle_seconds(&self, clock: u32) -> u32 {
        if clock & LFU_CLOCK == 0 { self.seconds.wrapping_sub(clock) & MASK } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_and_frequency() {
        let at = |ms| AccessClock::at(ms, false, 10, 1);
        let clock = at(1_000_000).fresh();
        assert_eq!(at(1_005_999).idle_seconds(clock), 5);
        let lfu = |ms| AccessClock::at(ms, true, 10, 1);
        let mut rng = Rng::new(1);
        let mut clock = lfu(0).fresh();
        for _ in 0..1000 {
            clock = lfu(0).touched(clock, &mut rng);
        }
        let counter = lfu(0).frequency(clock);
        assert!((15..40).contains(&counter), "{counter}");
        assert_eq!(lfu(3 * 60_000).frequency(clock), counter - 3);
    }

    #[test]
    fn a_clock_of_the_other_policy_counts_like_a_new_one() {
        let at = |ms, is_lfu| AccessClock::at(ms, is_lfu, 10, 1);
        let (lru, lfu) = (at(500_000_000, false), at(500_000_000, true));
        let idle = at(499_930_000, false).fresh();
        assert_eq!(lru.idle_seconds(idle), 70);
        assert_eq!(lfu.frequency(idle), lfu.frequency(lfu.fresh()));
        assert_eq!(lru.idle_seconds(lfu.fresh()), 0);
        let mut rng = Rng::new(1);
        assert!(lfu.frequency(lfu.touched(idle, &mut rng)) >= LFU_INIT);
        assert_eq!(lru.touched(lfu.fresh(), &mut rng), lru.fresh());
    }
}
