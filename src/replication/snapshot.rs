//! Takes the snapshot for replicas, on a thread of its own: it may have to wait for another one.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::group::{Begun, Gathering, Group, Waiting};
use crate::base::{alloc, clock, rng};
use crate::engine::replication_core::Event;
use crate::engine::replication_state::LogUser;
use crate::engine::saving::{self, Stream};
use crate::engine::shared::Shared;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::snapshot::Failure;
use crate::persist::files::File;

/// Where files of a replica's snapshot lie for a while.
pub(super) fn temporary_path(shared: &Shared, replica: u64) -> std::path::PathBuf {
    Path::new(&shared.config.load().dir).join(format!("temp-replica-{}-{replica}", shared.identity.pid))
}

/// Begins to take the snapshots for which enough replicas wait, or have waited for long enough. Called whenever one asks, and several times a
/// second.
pub(super) fn take_due(shared: &Arc<Shared>, waiting: &RefCell<Waiting>) {
    let config = shared.config.load();
    let gathering = Gathering {
        delay_ms: u64::from(config.repl_diskless_sync_delay) * 1000,
        replicas_max: config.repl_diskless_sync_max_replicas as usize,
    };
    let due = waiting.borrow_mut().take_due(clock::monotonic_ms(), gathering);
    for group in due {
        if let Err(error) = spawn(shared, &group) {
            tracing::warn!("Can't take a snapshot for replicas: {error}");
            group.end(false);
        }
    }
}

/// Begins to take one. Its replicas are told when it has begun, and whether it went well; the log says why not.
fn spawn(shared: &Arc<Shared>, group: &Arc<Group>) -> io::Result<()> {
    let (shared, group) = (Arc::clone(shared), Arc::clone(group));
    std::thread::Builder::new().name("replica-snapshot".to_owned()).spawn(move || {
        let result = take(&shared, &group);
        alloc::flush_thread();
        if let Err(failure) = &result
            && !group.is_cancelled.load(Ordering::Relaxed)
        {
            tracing::warn!("The snapshot for replicas failed: {failure}");
        }
        group.end(result.is_ok());
    })?;
    Ok(())
}

/// Replicas whose snapshot has begun.
type AllBegun = Vec<(oneshot::Sender<Begun>, Begun)>;

fn take(shared: &Shared, group: &Arc<Group>) -> Result<(), Failure> {
    let path = temporary_path(shared, group.number).with_extension("aside");
    let stream =
        Stream { file: Arc::clone(group) as Arc<dyn File>, path: &path, style: group.style, is_cancelled: Arc::clone(&group.is_cancelled) };
    let tell = |all: AllBegun| {
        for (sender, begun) in all {
            if let Err(late) = sender.send(begun) {
                shared.write_log.end_reader(&late.reader);
            }
        }
    };
    saving::write_stream(shared, &shared.config.load(), &stream, |keys| begin(shared, group, keys), tell)
}

/// Under all locks: what comes from now on is in the log. Returns the database that a primary's stream goes on in as well, which does not say so by
/// itself.
fn begin(shared: &Shared, group: &Group, keys: &mut KeyAccess<'_>) -> (AllBegun, Option<u32>) {
    let (replication, log) = (&shared.replication, &shared.write_log);
    // Of a copy that is taking the place of what was here nobody gets a part: connections with replicas are about to end.
    if group.is_cancelled.load(Ordering::Relaxed) || replication.has_partial_copy() {
        group.is_cancelled.store(true, Ordering::Relaxed);
        return (Vec::new(), None);
    }
    let database = replication.is_replica().then(|| replication.stream_db.load(Ordering::Relaxed));
    let new_history = (!keys.keyspace().is_logging() && database.is_none()).then(|| rng::random_hex(20));
    replication.set_logging(keys, LogUser::Replicas, true);
    let (first, at) = log.read_from_end(true);
    let backlog = log.read_from(at).and_then(|reader| replication.keep_backlog(reader));
    backlog.into_iter().for_each(|superfluous| log.end_reader(&superfluous));
    // All begin at the place that the first one keeps.
    let begun = group.close(|| log.read_from(at).map(|reader| Begun { reader, at }));
    log.end_reader(&first);
    let replicas = begun.iter().map(|(replica, ..)| *replica).collect();
    replication.step(Event::Began { replicas, at, new_history });
    (begun.into_iter().map(|(_, sender, begun)| (sender, begun)).collect(), database)
}
