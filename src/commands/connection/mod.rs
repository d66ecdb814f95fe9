//! Commands about the connection itself.

mod cleanup;
mod echo;
mod ping;
mod quit;
mod select;

pub use cleanup::cleanup;

use super::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&echo::ECHO, &ping::PING, &quit::QUIT, &select::SELECT];
