//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

mod discard;
mod exec;
mod multi;
mod unwatch;
mod watch;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&discard::DISCARD, &exec::EXEC, &multi::MULTI, &unwatch::UNWATCH, &watch::WATCH];
