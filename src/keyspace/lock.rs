//! The lock of a stripe: one byte, taken with one atomic exchange and released with a plain store.
//!
//! parking_lot's mutex needs an atomic read-modify-write to release as well, to know whether somebody sleeps. A batch locks a stripe
//! three times per request (bucket, entry, execution), so that release is worth 15 to 20 ns per command (see `benches/results`).
//! Critical sections are a fraction of a microsecond with rare exceptions (a huge BITOP, DEBUG SLEEP), so a waiter first spins,
//! then yields, then sleeps in short steps; it is never woken.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lock_api::{GuardNoSend, RawMutex};

/// Turns of spinning before the thread yields: about two critical sections.
const SPINS: u32 = 200;
/// Yields before the thread sleeps.
const YIELDS: u32 = 20;
/// Longest sleep between two looks.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// See the module's page. Use through [`StripeMutex`].
#[derive(Debug)]
pub struct RawStripeLock(AtomicBool);

/// A stripe's mutex.
pub type StripeMutex<T> = lock_api::Mutex<RawStripeLock, T>;
/// Its guard.
pub type StripeGuard<'a, T> = lock_api::MutexGuard<'a, RawStripeLock, T>;

// SAFETY: `lock` and `try_lock` return success only to the one caller that changed the byte from false to true (Acquire), and only
// `unlock`, which its holder calls, sets it to false again (Release): so one thread at a time is inside, and sees what the last one wrote.
unsafe impl RawMutex for RawStripeLock {
    const INIT: RawStripeLock = RawStripeLock(AtomicBool::new(false));

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl RawStripeLock {
    #[cold]
    fn wait(&self) {
        let mut turn = 0;
        let mut sleep = Duration::from_micros(20);
        loop {
            // Looking without writing keeps the line shared while its holder works.
            if !self.0.load(Ordering::Relaxed) && self.try_lock() {
                return;
            }
            turn += 1;
            if turn < SPINS {
                std::hint::spin_loop();
            } else if turn < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(sleep);
                sleep = (sleep * 2).min(SLEEP_MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let counter: StripeMutex<u64> = StripeMutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..rounds).for_each(|_| *counter.lock() += 1));
            }
        });
        assert_eq!(*counter.lock(), 4 * rounds);
        let held = counter.lock();
        assert!(counter.try_lock().is_none());
        drop(held);
        assert!(counter.try_lock().is_some());
    }
}
