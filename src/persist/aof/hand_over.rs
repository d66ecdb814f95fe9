//! What a worker leaves to another thread: a wish that is noted, and done by whoever waits for it.
//!
//! Invariant: a wish that comes while the one before is done is done afterwards. So who wishes need not know how far the other one is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct State {
    is_wished: bool,
    must_end: bool,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct HandOver {
    state: Mutex<State>,
    wake: Condvar,
    /// A wish is noted, or being done.
    is_busy: AtomicBool,
}

impl HandOver {
    /// Notes a wish.
    pub(super) fn wish(&self) {
        let mut state = self.state.lock();
        state.is_wished = true;
        self.is_busy.store(true, Ordering::Release);
        drop(state);
        self.wake.notify_one();
    }

    /// True if a wish is noted, or being done.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// No more wishes are waited for.
    pub(super) fn end(&self) {
        self.state.lock().must_end = true;
        self.wake.notify_one();
    }

    /// Waits for a wish, or for `period`, if there is one. False at the end.
    pub(super) fn wait(&self, period: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        self.is_busy.store(state.is_wished, Ordering::Release);
        while !state.is_wished && !state.must_end {
            match period {
                None => self.wake.wait(&mut state),
                Some(period) if self.wake.wait_for(&mut state, period).timed_out() => break,
                Some(_) => {}
            }
        }
        state.is_wished = false;
        !state.must_end
    }
}
