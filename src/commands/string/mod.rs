//! Strings.

mod get;
mod set;

use super::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&get::GET, &set::SET];
