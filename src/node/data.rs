//! The data at the start of a node: the snapshot on disk, if there is one.
//!
//! A short file is loaded before anybody is let in. While a long one is loaded, clients are let in and are told LOADING: who connects sees that
//! the node is there, and how far it is. `loading-process-events-interval-bytes` is the border, as in Valkey, which looks at clients so often.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::engine::loading::{Existing, Failure, Loading};
use crate::engine::saving;
use crate::engine::shared::Shared;

/// A file that is being loaded.
pub(super) type Running = JoinHandle<Result<(), Failure>>;

/// Loads a short file; begins to load a long one.
pub(super) fn begin(shared: &Arc<Shared>) -> Result<Option<Running>, Failure> {
    let config = shared.config.load();
    let file = shared.saving.files.open(&saving::path(&config));
    let is_long = file.and_then(|file| file.len()).is_ok_and(|len| len >= u64::from(config.loading_process_events_interval_bytes));
    if !is_long {
        return match Loading::begin(shared).load(Existing::Nothing) {
            Ok(()) | Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(failure),
        };
    }
    // From now on, before anybody is let in.
    Loading::announce(shared);
    let for_thread = Arc::clone(shared);
    Ok(Some(tokio::task::spawn_blocking(move || Loading::begin(&for_thread).load(Existing::Nothing))))
}

/// Waits until the file is loaded.
pub(super) async fn loaded(running: &mut Option<Running>) -> Result<(), Failure> {
    match running {
        Some(job) => job.await.unwrap_or(Err(Failure::Failed)),
        None => std::future::pending().await,
    }
}
