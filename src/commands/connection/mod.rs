//! Commands about the connection itself.

mod auth;
mod cleanup;
pub mod client;
mod echo;
mod hello;
mod login;
mod monitor;
mod ping;
mod quit;
mod reset;
mod select;

pub use cleanup::cleanup;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &auth::AUTH,
    &client::CLIENT,
    &echo::ECHO,
    &hello::HELLO,
    &monitor::MONITOR,
    &ping::PING,
    &quit::QUIT,
    &reset::RESET,
    &select::SELECT,
];
