//! What is done before a node ends: a background save and a rewrite of the append only file are given up (but for the first one after
//! `appendonly` was set: nothing else has the data, so the node goes on unless it is forced to end), and what is to be saved is saved while writes wait, so that what was
//! acknowledged is in the file.

use std::sync::Arc;

use crate::config::ShutdownFlags;
use crate::engine::saving::{self, Cancelled};
use crate::engine::shared::Shared;

/// Does it. False if the node is to go on: the log says why, and everything is as before.
pub(super) async fn prepare(shared: &Arc<Shared>, flags: ShutdownFlags) -> bool {
    let config = shared.config.load();
    if shared.saving.is_loading() {
        // A part of the data must not take the place of all of it.
        shared.saving.give_up_loading();
        return true;
    }
    if shared.saving.cancel() == Cancelled::Running {
        tracing::warn!("There is a thread saving an .rdb. Stopping it!");
    }
    if shared.rewriting.is_initial() {
        // What was acknowledged is in no file yet.
        if !flags.contains(ShutdownFlags::FORCE) {
            tracing::warn!("Writing initial AOF, can't exit.");
            return false;
        }
        tracing::warn!("Writing initial AOF. Exit anyway.");
    }
    if shared.rewriting.cancel() {
        tracing::warn!("There is a thread rewriting the AOF. Stopping it!");
    }
    let saves = flags.contains(ShutdownFlags::SAVE) || (!config.save.is_empty() && !flags.contains(ShutdownFlags::NOSAVE));
    if !saves {
        return true;
    }
    tracing::info!("Saving the final RDB snapshot before exiting.");
    shared.pause.set_before_end(true);
    shared.gate.advance();
    let for_thread = Arc::clone(shared);
    let is_saved = tokio::task::spawn_blocking(move || saving::save_when_free(&for_thread).is_ok()).await.unwrap_or(false);
    if is_saved {
        return true;
    }
    if flags.contains(ShutdownFlags::FORCE) {
        tracing::warn!("Error trying to save the DB. Exit anyway.");
        return true;
    }
    tracing::warn!("Error trying to save the DB, can't exit.");
    shared.pause.set_before_end(false);
    shared.gate.advance();
    false
}
