//! The lock of a stripe: one byte, taken with one atomic exchange and released with a plain store.
//!
//! parking_lot's mutex needs an atomic read-modify-write to release as well, to know whether somebody sleeps. A batch locks a stripe
//! three times per request (bucket, entry, execution), so that release is worth 15 to 20 ns per command (see `benches/results`).
//!
//! Critical sections are a fraction of a microsecond with rare exceptions (a huge BITCOUNT, DEBUG SLEEP). So a thread that serves many
//! clients takes a lock with [`lock_soon`], which gives up after some spinning, and lets the one client wait for it with [`freed`],
//! which costs the thread nothing. Whoever holds a lock for long asks [`is_wanted`] and gives way, or nobody else would ever get it:
//! there is no queue.
#![allow(unsafe_code)]

use std::future::Future;
use std::time::Duration;

use lock_api::{GuardNoSend, RawMutex};

use crate::base::sync::{AtomicBool, AtomicU32, Notify, Ordering, sleep, spin_loop, turns};

/// Turns of spinning before a thread gives up: about two critical sections. It does not yield in between, since on a busy machine that
/// can cost it milliseconds in which it could serve others.
const SPINS: u32 = turns(200);
/// First sleep of a thread that has nothing else to do.
const SLEEP_MIN: Duration = Duration::from_micros(20);
/// Longest sleep between two looks.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// See the module's page.
#[derive(Debug)]
pub struct RawStripeLock {
    held: AtomicBool,
    /// Those who wait for longer than some spinning.
    waiting: AtomicU32,
    freed: Notify,
}

/// A stripe's mutex.
pub type StripeMutex<T> = lock_api::Mutex<RawStripeLock, T>;
/// Its guard.
pub type StripeGuard<'a, T> = lock_api::MutexGuard<'a, RawStripeLock, T>;

// SAFETY: `lock` and `try_lock` return success only to the one caller that changed the byte from false to true (Acquire), and only
// `unlock`, which its holder calls, sets it to false again (Release): so one thread at a time is inside, and sees what the last one wrote.
unsafe impl RawMutex for RawStripeLock {
    const INIT: RawStripeLock = RawStripeLock { held: AtomicBool::new(false), waiting: AtomicU32::new(0), freed: Notify::const_new() };

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let is_taken = !self.held.swap(true, Ordering::Acquire);
        count::add(u32::from(is_taken));
        is_taken
    }

    #[inline]
    unsafe fn unlock(&self) {
        count::subtract_one();
        self.held.store(false, Ordering::Release);
        // No fence between the two, so that in a window of nanoseconds one who begins to wait just now is overlooked: see `freed`.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.freed.notify_waiters();
        }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }
}

/// The stripes that this thread holds, and how often it took one: counted where assertions are checked.
#[cfg(debug_assertions)]
mod count {
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<u32> = const { Cell::new(0) };
        static TAKEN: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn add(stripes: u32) {
        HELD.set(HELD.get() + stripes);
        TAKEN.set(TAKEN.get() + u64::from(stripes));
    }

    #[cfg(test)]
    pub(super) fn taken() -> u64 {
        TAKEN.get()
    }

    pub(super) fn subtract_one() {
        HELD.set(HELD.get() - 1);
    }

    pub(super) fn now() -> u32 {
        HELD.get()
    }
}

#[cfg(not(debug_assertions))]
mod count {
    #[inline(always)]
    pub(super) fn add(_: u32) {}

    #[inline(always)]
    pub(super) fn subtract_one() {}

    #[inline(always)]
    pub(super) fn now() -> u32 {
        0
    }

    #[cfg(test)]
    pub(super) fn taken() -> u64 {
        0
    }
}

/// True if this thread holds no stripe. Where assertions are not checked nobody counts them, and it is true always.
pub fn none_held() -> bool {
    count::now() == 0
}

/// How often this thread has taken a stripe so far, where assertions are checked.
#[cfg(test)]
pub fn taken() -> u64 {
    count::taken()
}

/// Runs a future that holds no stripe while it waits. Where assertions are checked, one that does is a bug that ends the process: clippy's
/// `await_holding_lock` does not see the guards that a [`super::access::KeyAccess`] keeps.
pub async fn none_held_while_waiting<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        let before = count::now();
        let polled = future.as_mut().poll(cx);
        debug_assert!(polled.is_ready() || count::now() == before, "a stripe is held across an `.await`");
        polled
    })
    .await
}

/// Counts one who waits, for as long as it lives.
struct Waiting<'l>(&'l AtomicU32);

impl<'l> Waiting<'l> {
    fn new(count: &'l AtomicU32) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl RawStripeLock {
    /// Tries for about as long as a few critical sections take. Looking without writing keeps the line shared while its holder works.
    #[cold]
    fn try_for_a_while(&self) -> bool {
        for _ in 0..SPINS {
            if !self.is_locked() && self.try_lock() {
                return true;
            }
            spin_loop();
        }
        false
    }

    #[cold]
    fn wait(&self) {
        if self.try_for_a_while() {
            return;
        }
        let _counted = Waiting::new(&self.waiting);
        let mut pause = SLEEP_MIN;
        while self.is_locked() || !self.try_lock() {
            sleep(pause);
            pause = (pause * 2).min(SLEEP_MAX);
        }
    }
}

fn raw<T>(mutex: &StripeMutex<T>) -> &RawStripeLock {
    // SAFETY: it is used here only to read `held` and `waiting`, to count in the latter and to wait for a notification: never to unlock.
    unsafe { mutex.raw() }
}

/// Locks, unless the holder keeps it for much longer than usual.
#[inline]
pub fn lock_soon<T>(mutex: &StripeMutex<T>) -> Option<StripeGuard<'_, T>> {
    match mutex.try_lock() {
        Some(guard) => Some(guard),
        None => try_for_a_while(mutex),
    }
}

#[cold]
fn try_for_a_while<T>(mutex: &StripeMutex<T>) -> Option<StripeGuard<'_, T>> {
    // SAFETY: the lock was just taken by this thread, and is released by the guard alone.
    raw(mutex).try_for_a_while().then(|| unsafe { mutex.make_guard_unchecked() })
}

/// Waits until it was free for a moment, without taking it. Must be repeated from time to time: it may miss that moment.
pub async fn freed<T>(mutex: &StripeMutex<T>) {
    let raw = raw(mutex);
    let mut freed = std::pin::pin!(raw.freed.notified());
    freed.as_mut().enable();
    let _counted = Waiting::new(&raw.waiting);
    if raw.is_locked() {
        freed.await;
    }
}

/// True if somebody waits for it for long already.
#[inline]
pub fn is_wanted<T>(mutex: &StripeMutex<T>) -> bool {
    raw(mutex).waiting.load(Ordering::Relaxed) > 0
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
        assert!(lock_soon(&counter).is_none());
        drop(held);
        assert!(lock_soon(&counter).is_some());
    }

    /// A waker that counts.
    #[derive(Default)]
    struct Woken(AtomicU32);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn those_who_wait_are_counted_and_woken() {
        let mutex: StripeMutex<()> = StripeMutex::new(());
        let woken = std::sync::Arc::new(Woken::default());
        let waker = std::task::Waker::from(std::sync::Arc::clone(&woken));
        let mut context = std::task::Context::from_waker(&waker);
        let held = mutex.lock();
        assert!(!is_wanted(&mutex));
        {
            let mut one = std::pin::pin!(freed(&mutex));
            let mut other = Box::pin(freed(&mutex));
            assert!(one.as_mut().poll(&mut context).is_pending());
            assert!(other.as_mut().poll(&mut context).is_pending());
            drop(other);
            assert!(is_wanted(&mutex));
            drop(held);
            assert_eq!(woken.0.load(Ordering::Relaxed), 1);
            assert!(one.as_mut().poll(&mut context).is_ready());
        }
        assert!(!is_wanted(&mutex));
        assert!(std::pin::pin!(freed(&mutex)).poll(&mut context).is_ready(), "it is free");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a stripe is held across an `.await`")]
    fn a_stripe_that_is_held_while_something_waits_is_a_bug() {
        let mutex: StripeMutex<()> = StripeMutex::new(());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let gives_back = none_held_while_waiting(async {
            drop(mutex.lock());
            std::future::pending::<()>().await;
        });
        assert!(std::pin::pin!(gives_back).poll(&mut context).is_pending());
        // As `KeyAccess` keeps it: in a place of which the lint knows nothing.
        let kept = std::cell::Cell::new(None);
        let keeps = none_held_while_waiting(async {
            kept.set(Some(mutex.lock()));
            std::future::pending::<()>().await;
        });
        let _ = std::pin::pin!(keeps).poll(&mut context);
    }

    #[test]
    fn a_thread_that_waits_is_counted_too() {
        let mutex: StripeMutex<u32> = StripeMutex::new(1);
        let mut held = mutex.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| *mutex.lock() *= 10);
            while !is_wanted(&mutex) {
                std::thread::yield_now();
            }
            *held += 1;
            drop(held);
        });
        assert_eq!(*mutex.lock(), 20);
        assert!(!is_wanted(&mutex));
    }
}
