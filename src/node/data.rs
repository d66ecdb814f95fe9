//! The data at the start of a node: the append only file if there is to be one, else the snapshot on disk, if there is one.
//!
//! What is short is loaded before anybody is let in. While what is long is loaded, clients are let in and are told LOADING: who connects sees that
//! the node is there, and how far it is. `loading-process-events-interval-bytes` is the border, as in Valkey, which looks at clients so often.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::aof;
use crate::engine::aof_loading::LoadError;
use crate::engine::loading::{Existing, Failure, Loading};
use crate::engine::rewriting::Parts;
use crate::engine::roles;
use crate::engine::saving;
use crate::engine::shared::Shared;
use crate::persist::rdb::place::Place;

/// Data that is being loaded.
pub(super) type Running = JoinHandle<anyhow::Result<()>>;

/// Where it is.
enum Source {
    /// It has all that was acknowledged; a snapshot may be older.
    AppendOnlyFile(Parts),
    Snapshot,
}

/// Loads what is short; begins to load what is long. The log knows of an error, too: who looks for it finds it there.
pub(super) fn begin(shared: &Arc<Shared>) -> anyhow::Result<Option<Running>> {
    let config = shared.config.load();
    let (source, len) = if config.appendonly {
        let (parts, len) = aof::find(shared, &config).map_err(|error| told(error.into()))?;
        (Source::AppendOnlyFile(parts), len)
    } else {
        let file = shared.saving.files.open(&saving::path(&config));
        (Source::Snapshot, file.and_then(|file| file.len()).unwrap_or(0))
    };
    if len < u64::from(config.loading_process_events_interval_bytes) {
        return load(shared, source).map(|()| None);
    }
    // From now on, before anybody is let in: who asks how far it is finds out how much there is.
    shared.saving.loading.begin(len);
    Loading::announce(shared);
    let for_thread = Arc::clone(shared);
    Ok(Some(tokio::task::spawn_blocking(move || load(&for_thread, source))))
}

fn load(shared: &Arc<Shared>, source: Source) -> anyhow::Result<()> {
    match source {
        Source::AppendOnlyFile(parts) => aof::start(shared, parts).map_err(told),
        Source::Snapshot => {
            let loading = Loading::begin(shared);
            match loading.load(Existing::Nothing) {
                Ok(Some(Place { history, offset, database })) => {
                    tracing::info!("The snapshot is of history {history}, up to offset {offset}");
                    roles::resume(shared, history, offset, database, &[]);
                    Ok(())
                }
                Ok(None) | Err(Failure::Missing) => Ok(()),
                Err(failure) => {
                    loading.stay_closed();
                    let error = anyhow::anyhow!("Fatal error loading the DB, check server logs. Exiting.");
                    Err(if matches!(failure, Failure::Cancelled) { error } else { told(error) })
                }
            }
        }
    }
}

/// Tells the log of an error that ends the node, unless that ends by itself.
fn told(error: anyhow::Error) -> anyhow::Error {
    if !matches!(error.downcast_ref(), Some(LoadError::Cancelled)) {
        tracing::error!("{error:#}");
    }
    error
}

/// Waits until the data is loaded.
pub(super) async fn loaded(running: &mut Option<Running>) -> anyhow::Result<()> {
    match running {
        Some(job) => job.await.unwrap_or_else(|_| Err(anyhow::anyhow!("Loading the DB has ended early"))),
        None => std::future::pending().await,
    }
}
