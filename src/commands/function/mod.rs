//! Functions: libraries of scripts that the server keeps.

mod container;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&container::FUNCTION];
