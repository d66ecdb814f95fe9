//! What a replica has not taken of the log, on the disk: while it is sent its snapshot, and while it is slower than the writers.
//!
//! A replica of a large node takes minutes for its snapshot, and what is written meanwhile would be kept in memory until the replica is given up for
//! that; the next full copy would end in the same way. Here it costs disk, up to `repl-aside-size`: from half of that on writers wait a part of each
//! moment, so that a replica which is not much slower catches up.
//!
//! Invariant: what is aside lies before what the reader's place in the log says. So a replica is sent all that is aside before more of the log.

use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::pipe::{Part, Pipe};
use crate::base::limits::{LOG_ASIDE_LEN_MIN, REPLICA_READ_LEN};
use crate::engine::shared::Shared;
use crate::persist::files::Files;
use crate::persist::write_log::{LogReader, WriteLog};

/// Moved without a break: others are served by the same thread.
const MOVED_LEN_MAX: usize = 64 * 1024 * 1024;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Aside {
    pipe: Pipe,
    /// It could not be written to: then the log stays where it is.
    has_failed: bool,
}

impl Aside {
    /// Nothing yet. A file of this name is there for a moment once there is.
    pub(super) fn new(files: Arc<dyn Files>, path: PathBuf) -> Aside {
        Aside { pipe: Pipe::new(files, path), has_failed: false }
    }

    /// False once it could not be written to.
    pub(super) fn is_open(&self) -> bool {
        !self.has_failed
    }

    /// True if so much that no backlog keeps, as it is in memory, is to be moved here.
    pub(super) fn is_due(&self, pending: u64, backlog_len: u64) -> bool {
        !self.has_failed && pending > backlog_len.max(LOG_ASIDE_LEN_MIN)
    }

    /// Moves what lies behind the reader's place, and the place with it. `may_go_on` is asked behind each look at the log: what is in it may be of
    /// another history by now.
    pub(super) fn take(&mut self, log: &WriteLog, reader: &LogReader, may_go_on: impl Fn() -> bool) {
        let mut moved = 0;
        while moved < MOVED_LEN_MAX {
            let mut pieces = Vec::new();
            let to = log.read_some(reader, REPLICA_READ_LEN, &mut pieces);
            let len: usize = pieces.iter().map(Bytes::len).sum();
            if len == 0 || !may_go_on() {
                break;
            }
            let mut place = to - len as u64;
            for piece in &pieces {
                if let Err(error) = self.pipe.push(piece) {
                    tracing::warn!("What a replica has not taken cannot be written to the disk, and stays in memory: {error}");
                    self.has_failed = true;
                    return;
                }
                place += piece.len() as u64;
                log.release(reader, place);
            }
            moved += len;
        }
    }

    /// The next bytes for the replica, if there are any here.
    ///
    /// # Errors
    /// If they cannot be read any more.
    pub(super) fn next(&self) -> io::Result<Option<Bytes>> {
        match self.pipe.take()? {
            Part::Bytes(bytes) => Ok(Some(bytes)),
            Part::Wait | Part::End => Ok(None),
        }
    }

    /// Bytes of its file.
    pub(super) fn file_len(&self) -> u64 {
        self.pipe.file_len()
    }
}

/// Waits until a replica has left so much in memory that it is to go elsewhere, and more than the backlog keeps. For ever where it is to stay.
pub(super) async fn is_behind(reader: Option<&LogReader>, shared: &Shared) {
    poll_fn(|cx| {
        let config = shared.config.load();
        let len = config.repl_backlog_size.max(LOG_ASIDE_LEN_MIN) + 1;
        let waits =
            config.repl_aside_size == 0 || reader.is_none_or(|reader| shared.write_log.wake_behind(reader, len, cx.waker().clone()));
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// A part of what may be, in thousandths.
pub(super) fn permille(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 1000 / u128::from(whole.max(1))).min(1000) as u64
}
