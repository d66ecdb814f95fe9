//! The server's allocator with a bound for a single piece: what is set aside for a length that is only announced stands out here though
//! nobody ever touches it, which the bound that libFuzzer has for all memory misses.

use std::alloc::{GlobalAlloc, Layout};

use larder::base::alloc::Counting;

/// No input of a few kilobytes needs more at once.
const LEN_MAX: usize = 64 * 1024 * 1024;

/// Install with `#[global_allocator]`.
pub struct Bounded;

fn check(len: usize) {
    if len > LEN_MAX {
        panic!("{len} bytes are asked for at once");
    }
}

// SAFETY: all of it is done by `Counting`, with the arguments that came. A panic ends the process here: libFuzzer's hook aborts.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { Counting.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { Counting.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { Counting.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        check(new_size);
        unsafe { Counting.realloc(block, layout, new_size) }
    }
}
