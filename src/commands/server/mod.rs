//! Commands about the server and whole databases.

mod dbsize;
mod flushall;
mod flushdb;
mod swapdb;

use std::ops::Range;

use super::context::{Args, CmdResult, Context, is_word};
use super::error::CmdError;
use super::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&dbsize::DBSIZE, &flushall::FLUSHALL, &flushdb::FLUSHDB, &swapdb::SWAPDB];

/// FLUSHALL and FLUSHDB. The tables leave under the locks; what they held is freed after the locks are released (except within
/// EXEC, which holds them to its end), here or by the background thread.
fn flush(context: &mut Context<'_>, args: &Args<'_>, databases: Range<u32>) -> CmdResult {
    let in_background = match args.get(1) {
        None => context.config.lazyfree_lazy_user_flush,
        Some(word) if args.len() == 2 && is_word(word, "SYNC") => false,
        Some(word) if args.len() == 2 && is_word(word, "ASYNC") => true,
        Some(_) => return Err(CmdError::Syntax),
    };
    let tables = context.keys.flush(databases);
    if !context.session.in_exec {
        context.keys.unlock();
    }
    if in_background {
        context.keys.keyspace().lazyfree.free_tables(tables);
    } else {
        drop(tables);
    }
    context.reply.ok();
    Ok(())
}
