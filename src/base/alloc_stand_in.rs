//! What [`super::alloc`] asks of mimalloc, done by the system's allocator: for Miri, which runs no C, and for the sanitizers, which see
//! neither where a block of mimalloc's ends nor that it was given back (`scripts/sanitize`).
//!
//! Blocks are as long as was asked for, to the byte, so that one byte beyond is found. What they count is what mimalloc would set aside.
#![allow(unsafe_code, non_camel_case_types)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_int, c_long, c_void};

pub(super) type mi_option_t = c_int;

/// What stands before a block: its length and alignment.
type Header = (usize, usize);
const HEADER_LEN: usize = size_of::<Header>();
const NATURAL_ALIGN: usize = 8;

fn layout(len: usize, align: usize) -> Option<(Layout, usize)> {
    let before = align.max(HEADER_LEN);
    let layout = Layout::from_size_align(before.checked_add(len)?, align.max(NATURAL_ALIGN)).ok()?;
    Some((layout, before))
}

fn header(block: *mut c_void) -> *mut Header {
    block.cast::<Header>().wrapping_sub(1)
}

/// # Safety
/// None: any length and any power of two may be asked for.
unsafe fn new_block(len: usize, align: usize, allocate: unsafe fn(&System, Layout) -> *mut u8) -> *mut c_void {
    let Some((layout, before)) = layout(len, align) else { return std::ptr::null_mut() };
    // SAFETY: the layout has room for the header, so it is not empty.
    let start = unsafe { allocate(&System, layout) };
    if start.is_null() {
        return start.cast();
    }
    let block = start.wrapping_add(before).cast::<c_void>();
    // SAFETY: `before` bytes are there for it, at an address that is aligned to 8.
    unsafe { header(block).write((len, align)) };
    block
}

pub(super) unsafe fn mi_malloc(len: usize) -> *mut c_void {
    // SAFETY: anything may be asked for.
    unsafe { new_block(len, NATURAL_ALIGN, System::alloc) }
}

pub(super) unsafe fn mi_malloc_aligned(len: usize, align: usize) -> *mut c_void {
    // SAFETY: the caller passes a power of two.
    unsafe { new_block(len, align, System::alloc) }
}

pub(super) unsafe fn mi_zalloc(len: usize) -> *mut c_void {
    // SAFETY: anything may be asked for.
    unsafe { new_block(len, NATURAL_ALIGN, System::alloc_zeroed) }
}

pub(super) unsafe fn mi_zalloc_aligned(len: usize, align: usize) -> *mut c_void {
    // SAFETY: the caller passes a power of two.
    unsafe { new_block(len, align, System::alloc_zeroed) }
}

pub(super) unsafe fn mi_realloc(block: *mut c_void, len: usize) -> *mut c_void {
    // SAFETY: the caller passes a block of this allocator's.
    unsafe { mi_realloc_aligned(block, len, NATURAL_ALIGN) }
}

/// Always moves, so that who keeps the old address is found.
pub(super) unsafe fn mi_realloc_aligned(block: *mut c_void, len: usize, align: usize) -> *mut c_void {
    // SAFETY: the caller passes a power of two.
    let new = unsafe { mi_malloc_aligned(len, align) };
    if !new.is_null() {
        // SAFETY: the caller passes a block of this allocator's, which has a header.
        let (old_len, _) = unsafe { header(block).read() };
        // SAFETY: both are as long as that, and the new one was taken just now.
        unsafe { std::ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast::<u8>(), old_len.min(len)) };
        // SAFETY: the caller gives the old one up if there is a new one.
        unsafe { mi_free(block) };
    }
    new
}

pub(super) unsafe fn mi_free(block: *mut c_void) {
    // SAFETY: the caller passes a block of this allocator's, which has a header.
    let (len, align) = unsafe { header(block).read() };
    let (layout, before) = layout(len, align).expect("it was allocated with it");
    // SAFETY: it was allocated with this layout, and begins so far before the block.
    unsafe { System.dealloc(block.cast::<u8>().wrapping_sub(before), layout) };
}

pub(super) unsafe fn mi_usable_size(block: *const c_void) -> usize {
    if block.is_null() {
        return 0;
    }
    // SAFETY: the caller passes a block of this allocator's, which has a header.
    let (len, _) = unsafe { header(block.cast_mut()).read() };
    good_size(len)
}

pub(super) unsafe fn mi_good_size(len: usize) -> usize {
    good_size(len)
}

/// mimalloc's classes: 8 bytes apart up to 64, then four to a doubling.
fn good_size(len: usize) -> usize {
    let words = len.div_ceil(8).max(1);
    let step = if words <= 8 { 1 } else { 1 << ((words - 1).ilog2() - 2) };
    words.next_multiple_of(step) * 8
}

pub(super) unsafe fn mi_option_set(_: mi_option_t, _: c_long) {}

pub(super) unsafe fn mi_collect(_: bool) {}
