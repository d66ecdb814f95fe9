//! Commands about the server and whole databases.

pub mod apply;
mod command;
mod commandlog;
mod config;
mod dbsize;
mod debug;
mod flushall;
mod flushdb;
mod info;
mod latencies;
mod latency;
mod lolwut;
mod memory;
mod module;
mod overhead;
mod role;
mod shutdown;
mod slowlog;
mod swapdb;
mod time;

use std::ops::Range;

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &command::COMMAND,
    &commandlog::COMMANDLOG,
    &config::CONFIG,
    &dbsize::DBSIZE,
    &debug::DEBUG,
    &flushall::FLUSHALL,
    &flushdb::FLUSHDB,
    &info::INFO,
    &latency::LATENCY,
    &lolwut::LOLWUT,
    &memory::MEMORY,
    &module::MODULE,
    &role::ROLE,
    &shutdown::SHUTDOWN,
    &slowlog::SLOWLOG,
    &swapdb::SWAPDB,
    &time::TIME,
];

/// FLUSHALL and FLUSHDB. What the tables held is freed once the locks are released, here or by the background thread.
fn flush(context: &mut Context<'_>, args: &Args<'_>, databases: Range<u32>) -> CmdResult {
    let in_background = match args.get(1) {
        None => context.config.lazyfree_lazy_user_flush,
        Some(word) if args.len() == 2 && is_word(word, "SYNC") => false,
        Some(word) if args.len() == 2 && is_word(word, "ASYNC") => true,
        Some(_) => return Err(CmdError::Syntax),
    };
    context.keys.flush(databases, in_background);
    context.reply.ok();
    Ok(())
}
