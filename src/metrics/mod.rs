//! What the node counts of itself (rank 1): per command, per error, per worker.

pub mod command_stats;
pub mod counters;
pub mod errors;

pub use command_stats::{CommandStats, WorkerMetrics};
pub use counters::Counters;
pub use errors::ErrorStats;
