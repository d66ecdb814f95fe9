//! Takes the snapshot for a replica, on a thread of its own: it may have to wait for another one.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::pipe::Pipe;
use crate::base::{alloc, rng};
use crate::engine::replication_core::Event;
use crate::engine::replication_state::LogUser;
use crate::engine::saving::{self, Stream};
use crate::engine::shared::Shared;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::snapshot::Failure;
use crate::persist::files::File;
use crate::persist::rdb::style::Style;
use crate::persist::write_log::LogReader;

/// A snapshot that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// Reads what comes behind it.
    pub(super) reader: LogReader,
    /// The offset at which it begins.
    pub(super) at: u64,
}

/// A snapshot for a replica.
#[derive(Debug)]
pub(super) struct Job {
    /// The replica.
    pub(super) replica: u64,
    pub(super) pipe: Arc<Pipe>,
    pub(super) style: Style,
    /// Set by who wants it no longer.
    pub(super) is_cancelled: Arc<AtomicBool>,
}

/// Where files of a replica's snapshot lie for a while.
pub(super) fn temporary_path(shared: &Shared, replica: u64) -> std::path::PathBuf {
    Path::new(&shared.config.load().dir).join(format!("temp-replica-{}-{replica}", shared.identity.pid))
}

/// Begins to take it. What is returned tells when it has begun, and whether it went well; the log says why not.
pub(super) fn spawn(shared: &Arc<Shared>, job: Job) -> io::Result<(oneshot::Receiver<Begun>, oneshot::Receiver<bool>)> {
    let (begun, on_begin) = oneshot::channel();
    let (ended, on_end) = oneshot::channel();
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("replica-snapshot".to_owned()).spawn(move || {
        let result = take(&shared, &job, begun);
        alloc::flush_thread();
        if let Err(failure) = &result
            && !job.is_cancelled.load(Ordering::Relaxed)
        {
            tracing::warn!("The snapshot for a replica failed: {failure}");
        }
        // Who has gone meanwhile need not hear it.
        let _ = ended.send(result.is_ok());
    })?;
    Ok((on_begin, on_end))
}

fn take(shared: &Shared, job: &Job, begun: oneshot::Sender<Begun>) -> Result<(), Failure> {
    let path = temporary_path(shared, job.replica).with_extension("aside");
    let stream =
        Stream { file: Arc::clone(&job.pipe) as Arc<dyn File>, path: &path, style: job.style, is_cancelled: Arc::clone(&job.is_cancelled) };
    let tell = |begun_now: Option<Begun>| {
        if let Some(Err(late)) = begun_now.map(|begun_now| begun.send(begun_now)) {
            shared.write_log.end_reader(&late.reader);
        }
    };
    saving::write_stream(shared, &shared.config.load(), &stream, |keys| begin(shared, job, keys), tell)
}

/// Under all locks: what comes from now on is in the log. Returns the database that a primary's stream goes on in as well, which does not say so by
/// itself.
fn begin(shared: &Shared, job: &Job, keys: &mut KeyAccess<'_>) -> (Option<Begun>, Option<u32>) {
    let (replication, log) = (&shared.replication, &shared.write_log);
    // Of a copy that is taking the place of what was here nobody gets a part: connections with replicas are about to end.
    if job.is_cancelled.load(Ordering::Relaxed) || replication.has_partial_copy() {
        job.is_cancelled.store(true, Ordering::Relaxed);
        return (None, None);
    }
    let database = replication.is_replica().then(|| replication.stream_db.load(Ordering::Relaxed));
    let new_history = (!keys.keyspace().is_logging() && database.is_none()).then(|| rng::random_hex(20));
    replication.set_logging(keys, LogUser::Replicas, true);
    let (reader, at) = log.read_from_end(true);
    let backlog = log.read_from(at).and_then(|reader| replication.keep_backlog(reader));
    backlog.into_iter().for_each(|superfluous| log.end_reader(&superfluous));
    replication.step(Event::Began { replica: job.replica, at, new_history });
    (Some(Begun { reader, at }), database)
}
