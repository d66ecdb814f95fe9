//! Commands about the connection itself.

mod cleanup;
mod ping;

pub use cleanup::cleanup;

use super::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&ping::PING];
