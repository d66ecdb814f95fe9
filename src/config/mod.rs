//! Rank 1: the options of the server. One row per option ([`rows`]); everything else is derived from the rows.
//!
//! - [`ConfigStore`] is what the server shares: `load()` gives the current [`Config`] with its typed fields.
//! - Options come from the command line, a file in the syntax of `redis.conf`, and CONFIG SET.
//! - `config/larder.conf` is generated from the rows; a test compares.
//!
//! Invariants: an option is never accepted and silently ignored. Its [`Status`] says whether it works, has no effect
//! (accepted, remembered, named once in the log), or waits for a later version (only its default is accepted, or, at start, its effect is
//! said to be missing).

mod checks;
mod custom;
mod defaults;
mod fields;
mod generate;
mod include;
pub mod keyspace_events;
pub mod line;
mod load;
pub mod memory;
mod rewrite;
mod row;
pub mod rows;
mod store;
pub mod template;
mod users;
mod value;

pub use custom::os_text;
pub use fields::Config;
pub use generate::{compatibility_table, generate_conf};
pub use keyspace_events::KeyspaceEvents;
pub use load::ConfigError;
pub use memory::{format_memory, parse_memory};
pub use row::{Custom, Form, Kind, Row, Status, Storage, parse_yes_no};
pub use store::{ConfigStore, Refusal, SetContext, SetError, UNKNOWN_OPTION, is_sensitive};
pub use value::{
    AclPubsubDefault, AppendFsync, ClusterEndpointType, LogFormat, LogLevel, LogTimestampFormat, MaxmemoryPolicy, MemoryOrPercent,
    OomScoreAdj, OutputBufferLimit, OutputBufferLimits, ProtectedAction, RdbFormat, RdbVersionCheck, RenamedCommand, SavePoint,
    ShutdownFlags, Stored, Supervised, Value,
};
