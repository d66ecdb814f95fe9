//! DEBUG RELOAD: saves all data and loads it again, while everybody else is told that it is being loaded. DEBUG LOADAOF: loads it from the append
//! only file.

use crate::engine::aof_loading;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::loading::{Existing, Failure, Loading};
use crate::engine::saving;

/// `RELOAD [MERGE] [NOFLUSH] [NOSAVE]`.
pub(super) fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (mut merges, mut flushes, mut saves) = (false, true, true);
    for word in &args[2..] {
        match *word {
            word if is_word(word, "MERGE") => merges = true,
            word if is_word(word, "NOFLUSH") => flushes = false,
            word if is_word(word, "NOSAVE") => saves = false,
            _ => return Err(CmdError::err("DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")),
        }
    }
    if !context.keys.holds_nothing() {
        return Err(CmdError::err("data cannot be loaded in a transaction"));
    }
    // On a thread of its own.
    context.haste().check(usize::MAX)?;
    let shared = context.shared;
    // From the beginning: what others wrote between saving and loading would be lost.
    let loading = Loading::begin_when_free(shared).map_err(|_| CmdError::err("the node ends"))?;
    if saves && saving::save(shared).is_err() {
        return Err(CmdError::coded("ERR"));
    }
    let existing = match (merges, flushes) {
        // What is there goes only once the file is known to be one.
        (_, true) => Existing::Goes,
        (true, false) => Existing::IsReplaced,
        (false, false) => Existing::Stays,
    };
    match loading.load(existing) {
        Ok(_) => {
            tracing::warn!("DB reloaded by DEBUG RELOAD");
            context.reply.ok();
            Ok(())
        }
        Err(Failure::Missing | Failure::Failed | Failure::Cancelled) => {
            Err(CmdError::err("Error trying to load the RDB dump, check server logs"))
        }
    }
}

/// `LOADAOF`.
pub(super) fn append_only_file(context: &mut Context<'_>) -> CmdResult {
    if !context.keys.holds_nothing() {
        return Err(CmdError::err("data cannot be loaded in a transaction"));
    }
    // On a thread of its own.
    context.haste().check(usize::MAX)?;
    if context.shared.rewriting.figures().running_s.is_some() {
        return Err(CmdError::err("the append only file is being rewritten"));
    }
    match aof_loading::reload(context.shared) {
        Ok(()) => {
            tracing::warn!("Append Only File loaded by DEBUG LOADAOF");
            context.reply.ok();
            Ok(())
        }
        Err(error) => {
            tracing::warn!("{error}");
            Err(CmdError::err("Error trying to load the AOF files, check server logs."))
        }
    }
}
