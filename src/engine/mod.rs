//! How a command runs (rank 4): what all commands share. It knows no command; [`crate::commands`] hands it the table of them.

pub mod all_workers;
pub mod client_line;
pub mod cluster_access;
mod command;
pub mod command_log;
pub mod completion;
pub mod context;
pub mod error;
pub mod gate;
mod grammar;
pub mod help;
pub mod key_flags;
pub mod keys;
pub mod log_thresholds;
pub mod memory_limit;
pub mod monitor;
pub mod node_state;
pub mod notify;
pub mod redact;
mod route;
pub mod scope;
pub mod shared;
pub mod spec;
pub mod sweep;
pub mod table;
pub mod transaction;
