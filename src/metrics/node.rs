//! What is measured of the node as a whole.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::command_log::CommandLog;
use super::instantaneous::Instantaneous;
use super::latency::LatencyMonitor;
use crate::base::repeated::Repeated;
use crate::base::{alloc, process};

/// Most memory in use, and memory in use after the start.
#[derive(Debug, Default)]
pub struct MemoryMarks {
    /// Bytes in use once the node had started, without data.
    pub startup: AtomicUsize,
    /// Bytes of the process in physical memory, at the last sample.
    pub resident: AtomicU64,
    peak: AtomicUsize,
}

impl MemoryMarks {
    /// Looks at the memory in use now. Called by a timer.
    pub fn sample(&self) {
        self.note(alloc::used_bytes());
        self.resident.store(process::resident_bytes(), Ordering::Relaxed);
    }

    /// Raises the peak to what is in use now.
    #[inline]
    pub fn note(&self, used: usize) {
        if used > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
    }

    /// The peak, in bytes.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    /// Connections that were ended because they sent HTTP.
    pub attacks: Repeated,
    /// SLOWLOG and COMMANDLOG.
    pub command_log: CommandLog,
    /// LATENCY.
    pub latency: LatencyMonitor,
    /// Rates.
    pub instantaneous: Instantaneous,
    /// Memory.
    pub memory: MemoryMarks,
}

impl NodeMetrics {
    /// What CONFIG RESETSTAT sets to zero. The peak of memory stays.
    pub fn reset(&self) {
        self.instantaneous.reset();
    }
}
