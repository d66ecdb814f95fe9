//! Commands of replication: what a replica says to its primary, and what clients ask of both.

mod failover;
mod psync;
mod replconf;
mod replicaof;
mod wait;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] =
    &[&failover::FAILOVER, &psync::PSYNC, &replconf::REPLCONF, &replicaof::REPLICAOF, &replicaof::SLAVEOF, &psync::SYNC, &wait::WAIT];
