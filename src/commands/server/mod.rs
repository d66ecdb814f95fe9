//! Commands about the server and whole databases.

pub mod apply;
mod command;
mod config;
mod debug;
mod info;
mod latencies;
mod lolwut;
mod module;
mod overhead;
mod role;
mod shutdown;
mod time;

use super::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &command::COMMAND,
    &config::CONFIG,
    &debug::DEBUG,
    &info::INFO,
    &lolwut::LOLWUT,
    &module::MODULE,
    &role::ROLE,
    &shutdown::SHUTDOWN,
    &time::TIME,
];
