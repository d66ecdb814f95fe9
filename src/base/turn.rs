//! Turns of background threads on their processor.
//!
//! Who computes for long keeps its processor until the system takes it away: for a whole slice of its time, some milliseconds, in which a
//! worker that was woken there waits. So a thread that works in the background gives its processor up by itself, after a few microseconds
//! and wherever it holds nothing. Where nobody waits for the processor, that costs a system call.
//!
//! A lower priority was the alternative: it does not shorten the slice, but keeps who holds something of the allocator or of the address
//! space from going on.

use std::cell::Cell;

use super::clock::{self, Ticks};

/// How long a thread that frees memory keeps its processor, in microseconds: less than a request takes on its way.
const TURN_US: u64 = 20;

thread_local! {
    /// Since when a thread that works in turns has its processor, about. None for others.
    static BEGAN: Cell<Option<Ticks>> = const { Cell::new(None) };
}

/// From now on the current thread works in turns.
pub fn begin() {
    BEGAN.set(Some(clock::ticks()));
}

/// Ends the current thread's turn if it works in turns and this one lasted long enough. Nothing may be held that others wait for.
#[inline]
pub fn end_if_over() {
    if let Some(began) = BEGAN.get()
        && clock::elapsed_us(began, clock::ticks()) >= TURN_US
    {
        std::thread::yield_now();
        begin();
    }
}

/// Frees parts one by one, between which a turn may end. Each takes a few microseconds at most.
pub fn free_parts<T>(parts: impl IntoIterator<Item = T>) {
    for part in parts {
        drop(part);
        end_if_over();
    }
}
