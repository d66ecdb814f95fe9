//! What the node counts of itself (rank 1): per command, per error, per worker, and as a whole.

pub mod command_log;
pub mod command_stats;
pub mod counters;
pub mod errors;
pub mod histogram;
pub mod instantaneous;
pub mod latency;
pub mod node;
pub mod workers;

pub use command_log::CommandLog;
pub use command_stats::{CommandStats, WorkerMetrics};
pub use counters::Counters;
pub use errors::ErrorStats;
pub use histogram::Histogram;
pub use instantaneous::Instantaneous;
pub use latency::LatencyMonitor;
pub use node::NodeMetrics;
pub use workers::WorkerSet;
