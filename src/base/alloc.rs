//! The process's allocator: mimalloc, counted.
//!
//! mimalloc: small blocks lie without headers in pages of one size, so that an entry of 8 + 16 + 8 bytes takes 32 and one of
//! 8 + 16 + 64 takes 96. Its classes are 16 bytes apart up to 128: an expiry of 8 bytes can cost 16.
//!
//! Invariants:
//! * [`used_bytes`] is the sum over all live blocks of the bytes mimalloc really set aside for them, up to
//!   [`FLUSH_BYTES`] per thread (each thread adds its share to the total in steps, so that counting costs no shared write).
//! * A block is counted with the same figure when it is taken and when it is given back, whichever thread does either.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

use mimalloc::MiMalloc;

/// What a thread may hold back before it adds its count to the total.
const FLUSH_BYTES: isize = 16 * 1024;

static TOTAL: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static PENDING: Cell<isize> = const { Cell::new(0) };
}

/// Install with `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

#[inline]
fn count(delta: isize) {
    // During a thread's very end its counter is gone: then the total is written directly.
    let direct = PENDING.try_with(|pending| {
        let sum = pending.get() + delta;
        if sum.abs() >= FLUSH_BYTES {
            pending.set(0);
            TOTAL.fetch_add(sum, Ordering::Relaxed);
        } else {
            pending.set(sum);
        }
    });
    if direct.is_err() {
        TOTAL.fetch_add(delta, Ordering::Relaxed);
    }
}

/// Bytes that `block` really takes, as mimalloc knows it.
#[inline]
fn usable(block: *mut u8) -> isize {
    // SAFETY: `block` is a live block of mimalloc's (or null, for which it answers 0): the callers below pass only what
    // mimalloc returned or what is about to be given back to it.
    let bytes = unsafe { libmimalloc_sys::mi_usable_size(block.cast()) };
    bytes as isize
}

// SAFETY: every call goes unchanged to mimalloc, which is a correct allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is passed on as it is.
        let block = unsafe { MiMalloc.alloc(layout) };
        count(usable(block));
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { MiMalloc.alloc_zeroed(layout) };
        count(usable(block));
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-usable(block));
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let before = usable(block);
        // SAFETY: as above.
        let moved = unsafe { MiMalloc.realloc(block, layout, new_size) };
        if !moved.is_null() {
            count(usable(moved) - before);
        }
        moved
    }
}

/// Bytes in use by the whole process, as `used_memory` reports them.
pub fn used_bytes() -> usize {
    TOTAL.load(Ordering::Relaxed).max(0) as usize
}

/// As [`used_bytes`], with this thread's uncounted share: what this thread took or gave back just now is in it.
#[inline]
pub fn used_bytes_here() -> usize {
    let pending = PENDING.try_with(Cell::get).unwrap_or(0);
    (TOTAL.load(Ordering::Relaxed) + pending).max(0) as usize
}

/// Adds this thread's uncounted share to the total, so that a following [`used_bytes`] is exact for it.
pub fn flush_thread() {
    let _ = PENDING.try_with(|pending| TOTAL.fetch_add(pending.replace(0), Ordering::Relaxed));
}

/// What the allocator sets aside for a block of `len` bytes.
#[inline]
pub fn block_len(len: usize) -> usize {
    // SAFETY: mi_good_size has no precondition; it only computes.
    if len == 0 { 0 } else { unsafe { libmimalloc_sys::mi_good_size(len) } }
}

/// Gives memory that this thread no longer needs back to the system (MEMORY PURGE).
pub fn purge() {
    // SAFETY: mi_collect has no precondition.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
