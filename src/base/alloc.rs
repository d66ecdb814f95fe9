//! The process's allocator: mimalloc, counted.
//!
//! mimalloc: small blocks lie without headers in pages of one size, so that an entry of 8 + 16 + 8 bytes takes 32 and one of
//! 8 + 16 + 64 takes 96. `.cargo/config.toml` compiles it with classes 8 bytes apart up to 64 (then 16 up to 128), so that an expiry
//! costs an entry 8 bytes.
//!
//! Invariants:
//! * [`used_bytes`] is the sum over all live blocks of the bytes mimalloc really set aside for them, up to
//!   [`FLUSH_BYTES`] per thread (each thread adds its share to the total in steps, so that counting costs no shared write).
//! * A block is counted with the same figure when it is taken and when it is given back, whichever thread does either.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

#[cfg(any(miri, larder_system_allocator))]
use super::alloc_stand_in as mimalloc;
#[cfg(not(any(miri, larder_system_allocator)))]
use libmimalloc_sys as mimalloc;

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
    let bytes = unsafe { mimalloc::mi_usable_size(block.cast()) };
    bytes as isize
}

/// Blocks are aligned to this without asking. A request for more goes another way, which rounds small blocks up to the next class.
const NATURAL_ALIGN: usize = 8;

// SAFETY: mimalloc is a correct allocator, and each call gives it what the layout asks for: plain functions where NATURAL_ALIGN is
// enough, the aligned ones elsewhere; mi_free takes blocks of both. Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = if layout.align() <= NATURAL_ALIGN {
            // SAFETY: any size may be asked for.
            unsafe { mimalloc::mi_malloc(layout.size()) }
        } else {
            // SAFETY: a layout's alignment is a power of two.
            unsafe { mimalloc::mi_malloc_aligned(layout.size(), layout.align()) }
        };
        count(usable(block.cast()));
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let block = if layout.align() <= NATURAL_ALIGN {
            // SAFETY: any size may be asked for.
            unsafe { mimalloc::mi_zalloc(layout.size()) }
        } else {
            // SAFETY: a layout's alignment is a power of two.
            unsafe { mimalloc::mi_zalloc_aligned(layout.size(), layout.align()) }
        };
        count(usable(block.cast()));
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        count(-usable(block));
        // SAFETY: the caller gives back a live block of this allocator.
        unsafe { mimalloc::mi_free(block.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let before = usable(block);
        let moved = if layout.align() <= NATURAL_ALIGN {
            // SAFETY: the caller passes a live block of this allocator.
            unsafe { mimalloc::mi_realloc(block.cast(), new_size) }
        } else {
            // SAFETY: as above; a layout's alignment is a power of two.
            unsafe { mimalloc::mi_realloc_aligned(block.cast(), new_size, layout.align()) }
        };
        if !moved.is_null() {
            count(usable(moved.cast()) - before);
        }
        moved.cast()
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
    if len == 0 { 0 } else { unsafe { mimalloc::mi_good_size(len) } }
}

/// `mi_option_purge_delay` of mimalloc 3, in milliseconds: libmimalloc-sys does not name it.
const PURGE_DELAY: mimalloc::mi_option_t = 15;
/// Longer than a node runs.
const NEVER_MS: std::ffi::c_long = 1 << 40;

/// Leaves it to calls of [`purge`] to give memory back to the system. By itself the allocator does so in whichever thread asks it for
/// memory a second later: a worker for which another thread freed 800 MB would spend 50 ms in it.
pub fn purge_only_when_told() {
    // SAFETY: any option may be set at any time.
    unsafe { mimalloc::mi_option_set(PURGE_DELAY, NEVER_MS) };
}

/// Gives free memory of all threads back to the system, all of it at once.
pub fn purge() {
    // SAFETY: mi_collect has no precondition.
    unsafe { mimalloc::mi_collect(true) };
}

/// Lets others have what this thread freed. The allocator does so by itself only while it is asked for memory, so that a node that was
/// emptied and then left alone would stay as large as it was.
pub fn tidy() {
    // SAFETY: mi_collect has no precondition.
    unsafe { mimalloc::mi_collect(false) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_blocks_take_multiples_of_8_bytes() {
        for len in [8, 16, 24, 32, 40, 48, 56, 64] {
            let layout = Layout::from_size_align(len, 8).expect("a small layout");
            // SAFETY: the layout is not empty.
            let block = unsafe { Counting.alloc(layout) };
            assert_eq!(usable(block), len as isize);
            // SAFETY: the block came from alloc with this layout.
            unsafe { Counting.dealloc(block, layout) };
        }
    }
}
