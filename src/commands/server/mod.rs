//! Commands about the server and whole databases.

pub mod apply;
mod bgrewriteaof;
mod command;
mod commandlog;
mod config;
mod dbsize;
mod debug;
mod flushall;
mod info;
mod latencies;
mod latency;
mod lolwut;
mod memory;
mod module;
mod overhead;
mod role;
mod save;
mod shutdown;
mod swapdb;
mod time;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &command::COMMAND,
    &commandlog::COMMANDLOG,
    &config::CONFIG,
    &bgrewriteaof::BGREWRITEAOF,
    &save::BGSAVE,
    &dbsize::DBSIZE,
    &debug::DEBUG,
    &flushall::FLUSHALL,
    &flushall::FLUSHDB,
    &info::INFO,
    &save::LASTSAVE,
    &latency::LATENCY,
    &lolwut::LOLWUT,
    &memory::MEMORY,
    &module::MODULE,
    &role::ROLE,
    &save::SAVE,
    &shutdown::SHUTDOWN,
    &commandlog::SLOWLOG,
    &swapdb::SWAPDB,
    &time::TIME,
];
