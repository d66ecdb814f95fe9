//! The only place that asks the system for the time.
//!
//! Invariants: [`monotonic_us`] never goes backwards within a process; [`unix_ms`] follows the wall clock and may. Code of
//! rank keyspace and below takes time as an argument; only workers and background loops call these.

use std::cell::Cell;
use std::sync::LazyLock;

static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);
static START_TICKS: LazyLock<u64> = LazyLock::new(|| CLOCK.raw());
/// Nanoseconds per tick in 1/2^32. One multiplication by it takes half as many instructions as the clock's own conversion.
static NS_PER_TICK: LazyLock<u64> = LazyLock::new(|| CLOCK.delta_as_nanos(0, 1 << 32));

/// A reading of the processor's counter. Only differences mean anything: see [`elapsed_us`].
pub type Ticks = u64;

/// Reads the processor's time-stamp counter: about 10 ns, so that every command can be timed.
#[inline]
pub fn ticks() -> Ticks {
    CLOCK.raw()
}

/// Nanoseconds from `from` to `to`; 0 if `to` is earlier.
#[inline]
pub fn elapsed_ns(from: Ticks, to: Ticks) -> u64 {
    ((u128::from(to.saturating_sub(from)) * u128::from(*NS_PER_TICK)) >> 32) as u64
}

/// Microseconds from `from` to `to`; 0 if `to` is earlier.
#[inline]
pub fn elapsed_us(from: Ticks, to: Ticks) -> u64 {
    elapsed_ns(from, to) / 1000
}

/// Milliseconds from when the process first asked for the time to `at`.
#[inline]
pub fn monotonic_ms_at(at: Ticks) -> u64 {
    elapsed_us(*START_TICKS, at) / 1000
}

/// The wall clock for one thread, kept by the processor's counter and set by the system's clock once per millisecond: asking the system
/// takes 30 to 50 ns, as long as a short command.
#[derive(Debug, Default)]
pub struct WallClock {
    set_at: Cell<Ticks>,
    unix_us: Cell<u64>,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By the processor's counter.
    pub ticks: Ticks,
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: i64,
}

impl Now {
    /// Asks both.
    pub fn read() -> Now {
        Now { ticks: ticks(), unix_ms: unix_ms() }
    }
}

/// How long the counter is trusted.
const WALL_CLOCK_SET_US: u64 = 1000;

impl WallClock {
    /// The moment of a reading of [`ticks`] that was just taken.
    #[inline]
    pub fn at(&self, ticks: Ticks) -> Now {
        Now { ticks, unix_ms: self.unix_ms(ticks) }
    }

    #[inline]
    fn unix_ms(&self, now: Ticks) -> i64 {
        let since_us = elapsed_us(self.set_at.get(), now);
        if since_us >= WALL_CLOCK_SET_US {
            return self.set(now);
        }
        ((self.unix_us.get() + since_us) / 1000) as i64
    }

    #[inline(never)]
    fn set(&self, now: Ticks) -> i64 {
        let unix_us = unix_us();
        self.set_at.set(now);
        self.unix_us.set(unix_us);
        (unix_us / 1000) as i64
    }
}

/// Microseconds since the process first asked for the time.
#[inline]
pub fn monotonic_us() -> u64 {
    elapsed_us(*START_TICKS, CLOCK.raw())
}

/// Milliseconds since the process first asked for the time.
#[inline]
pub fn monotonic_ms() -> u64 {
    monotonic_us() / 1000
}

/// Microseconds since 1970-01-01 UTC.
#[expect(clippy::disallowed_methods, reason = "this is the module the rule points to")]
pub fn unix_us() -> u64 {
    let unix_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
    #[cfg(test)]
    let unix_us = unix_us.saturating_add_signed(shift::BY_US.get());
    unix_us
}

/// Milliseconds since 1970-01-01 UTC.
pub fn unix_ms() -> i64 {
    (unix_us() / 1000) as i64
}

/// Calibrates the counter (about 200 ms on the first call on some machines), so that no request pays for it.
pub fn warm_up() {
    let _ = (*START_TICKS, *NS_PER_TICK);
}

/// A wall clock that somebody sets, as one thread of the tests sees it.
#[cfg(test)]
pub mod shift {
    use std::cell::Cell;

    thread_local! {
        pub(super) static BY_US: Cell<i64> = const { Cell::new(0) };
    }

    /// Sets this thread's wall clock so many seconds away from the system's.
    pub fn by_seconds(seconds: i64) {
        BY_US.set(seconds * 1_000_000);
    }
}
