//! Keeps a large node's memory in huge pages: a thread that looks for regions whose pages are all in use and has the kernel join them.
//! See [`crate::base::huge_pages`] for why.
//!
//! Bounds: at most one region per [`PACE`] (joining one takes some 200 microseconds, during which a thread that touches it waits), and
//! a look at everything takes no more than 1/[`IDLE_SHARE`] of the thread's time.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::base::huge_pages::{REGION_LEN, Residency, anonymous_ranges, collapse};
use crate::base::limits::HUGE_PAGES_USED_BYTES_MIN;
use crate::base::{alloc, clock};
use crate::config::Config;

const PACE: Duration = Duration::from_millis(10);
/// Between two looks, at least.
const INTERVAL_US: u64 = 500_000;
const IDLE_SHARE: u64 = 50;
/// Regions that could not be joined in one look; then the next look has to do.
const FAILURES_MAX: usize = 16;

/// Starts the thread, unless `disable-thp` says no. It ends with the process, or when the kernel cannot do it.
pub(super) fn start(config: &Config) -> io::Result<()> {
    if !config.disable_thp {
        std::thread::Builder::new().name("huge-pages".into()).spawn(|| {
            if let Err(error) = keep() {
                tracing::debug!("No huge pages: {error}");
            }
        })?;
    }
    Ok(())
}

fn keep() -> io::Result<()> {
    while alloc::used_bytes() < HUGE_PAGES_USED_BYTES_MIN {
        std::thread::sleep(Duration::from_micros(INTERVAL_US));
    }
    // The allocator has asked for none at its start.
    rustix::thread::disable_transparent_huge_pages(false)?;
    let residency = Residency::open()?;
    let mut joined = BTreeSet::new();
    loop {
        let started = clock::monotonic_us();
        look(&residency, &mut joined)?;
        let took_us = clock::monotonic_us() - started;
        std::thread::sleep(Duration::from_micros(INTERVAL_US.max(took_us * IDLE_SHARE)));
    }
}

/// Joins what is full and was not joined before.
fn look(residency: &Residency, joined: &mut BTreeSet<usize>) -> io::Result<()> {
    let mut failures = 0;
    for region in anonymous_ranges()?.into_iter().flat_map(|range| range.step_by(REGION_LEN)) {
        if !residency.is_full(region)? {
            // Part of it was given back: the page is in pieces again.
            joined.remove(&region);
        } else if !joined.contains(&region) {
            match collapse(region) {
                Ok(()) => {
                    joined.insert(region);
                }
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) && joined.is_empty() => return Err(error),
                Err(_) if failures == FAILURES_MAX => return Ok(()),
                Err(_) => failures += 1,
            }
            std::thread::sleep(PACE);
        }
    }
    Ok(())
}
