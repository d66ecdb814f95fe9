//! Huge pages for memory that is full.
//!
//! A large keyspace read at random pays more for finding its pages than for reading them: with pages of 2 MB instead of 4 KB a command
//! takes a tenth to a fifth less time (`benches/results`). Letting the kernel hand out huge pages on first use would make a process
//! larger by whatever it does not use of them, so pages stay small until all 512 of a region are there; then the kernel is asked to put
//! a huge one in their place, which takes no memory (`MADV_COLLAPSE`, Linux 6.1).
//!
//! Invariant: a region is collapsed only if every page of it is resident.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Bytes of a huge page, and alignment of a region.
pub const REGION_LEN: usize = 2 * 1024 * 1024;
const PAGE_LEN: usize = 4096;
const PAGES: usize = REGION_LEN / PAGE_LEN;
/// Bytes of a page's record in `/proc/self/pagemap` (Documentation/admin-guide/mm/pagemap.rst).
const RECORD_LEN: usize = 8;
/// Bit 63 of a record: the page is resident.
const RESIDENT: u8 = 0x80;
/// `MADV_COLLAPSE` of `<linux/mman.h>`.
const ADVICE_COLLAPSE: i32 = 25;

/// Addresses of the process's private writable memory without a file behind it, as far as a region fits.
///
/// # Errors
/// The system's, when `/proc/self/maps` cannot be read.
pub fn anonymous_ranges() -> io::Result<Vec<Range<usize>>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    Ok(maps.lines().filter_map(anonymous_range).collect())
}

/// The whole regions of one line of `/proc/self/maps`.
fn anonymous_range(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let is_anonymous = words.next()? == "rw-p" && words.nth(3).is_none();
    let address = |text| usize::from_str_radix(text, 16).ok();
    let start = address(start)?.next_multiple_of(REGION_LEN);
    let end = address(end)? / REGION_LEN * REGION_LEN;
    (is_anonymous && start < end).then_some(start..end)
}

/// Tells which pages are resident.
#[derive(Debug)]
pub struct Residency(File);

impl Residency {
    /// Of this process.
    ///
    /// # Errors
    /// The system's, when `/proc/self/pagemap` cannot be opened.
    pub fn open() -> io::Result<Residency> {
        File::open("/proc/self/pagemap").map(Residency)
    }

    /// True if all of the region at this address is there.
    ///
    /// # Errors
    /// The system's, when the map cannot be read.
    pub fn is_full(&self, region: usize) -> io::Result<bool> {
        let mut records = [0; PAGES * RECORD_LEN];
        self.0.read_exact_at(&mut records, (region / PAGE_LEN * RECORD_LEN) as u64)?;
        Ok(records.chunks_exact(RECORD_LEN).all(|record| record[RECORD_LEN - 1] & RESIDENT != 0))
    }
}

/// Puts one huge page in the place of the small ones of a region, content and all; at once if it is one already.
///
/// # Errors
/// The system's: it does not know the request, has no huge page to spare, or the process may have none.
pub fn collapse(region: usize) -> io::Result<()> {
    let address = std::ptr::without_provenance_mut(region);
    // SAFETY: this advice changes neither content nor protection of any page, whatever lies there.
    let done = unsafe { libc::madvise(address, REGION_LEN, ADVICE_COLLAPSE) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_anonymous_memory_counts() {
        let cases = [
            ("20000000000-20040000000 rw-p 00000000 00:00 0 ", Some(0x200_0000_0000..0x200_4000_0000)),
            ("7f0000100000-7f0000700000 rw-p 00000000 00:00 0", Some(0x7f00_0020_0000..0x7f00_0060_0000)),
            ("7f0000100000-7f0000300000 rw-p 00000000 00:00 0", None),
            ("20000000000-20040000000 r--p 00000000 00:00 0 ", None),
            ("20000000000-20040000000 rw-s 00000000 00:00 0 ", None),
            ("20000000000-20040000000 rw-p 00000000 00:00 0    [heap]", None),
            ("20000000000-20040000000 rw-p 00000000 08:01 77   /var/lib/file", None),
            ("", None),
        ];
        for (line, range) in cases {
            assert_eq!(anonymous_range(line), range, "{line}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn memory_that_was_written_is_full() {
        let mut memory = vec![0u8; 4 * REGION_LEN];
        let region = memory.as_ptr().addr().next_multiple_of(REGION_LEN);
        let residency = Residency::open().expect("this process");
        memory.fill(1);
        assert!(residency.is_full(region).expect("this process"));
        // Whether there is a huge page to spare is the machine's affair; the content is not.
        let _ = collapse(region);
        assert!(memory.iter().all(|byte| *byte == 1));
    }
}
