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
use crate::config::Config;
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
                if let Err(error) = self.pipe.push(piece, || Bytes::copy_from_slice(piece)) {
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

/// How near a replica is to being given up that has left so much on the disk, and so much in memory: in thousandths of the way. Where nothing is to go to
/// the disk, nobody waits for it.
pub(super) fn fill(on_disk: u64, in_memory: u64, config: &Config) -> u64 {
    let (backlog, hard) = (config.repl_backlog_size, config.client_output_buffer_limit.replica.hard_bytes);
    let permille = |part: u64, whole: u64| (u128::from(part) * 1000 / u128::from(whole.max(1))).min(1000) as u64;
    if config.repl_aside_size == 0 {
        return 0;
    }
    // What the backlog keeps anyway costs nothing, and a limit below it is none.
    let beyond = if hard > backlog { permille(in_memory.saturating_sub(backlog), hard - backlog) } else { 0 };
    permille(on_disk, config.repl_aside_size).max(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_what_the_backlog_keeps() {
        const MIB: u64 = 1024 * 1024;
        let config = |backlog_mib: u64, aside_mib: u64, hard_mib: u64| {
            let mut config = Config::default();
            (config.repl_backlog_size, config.repl_aside_size) = (backlog_mib * MIB, aside_mib * MIB);
            config.client_output_buffer_limit.replica.hard_bytes = hard_mib * MIB;
            config
        };
        for (on_disk, in_memory, config, expected) in [
            (0, 0, config(10, 100, 210), 0),
            (50, 0, config(10, 100, 210), 500),
            (101, 0, config(10, 100, 210), 1000),
            (0, 10, config(10, 100, 210), 0),
            (0, 160, config(10, 100, 210), 750),
            (20, 60, config(10, 100, 210), 250),
            (0, 900, config(1000, 100, 210), 0),
            (0, 900, config(10, 100, 0), 0),
            (50, 160, config(10, 0, 210), 0),
        ] {
            assert_eq!(fill(on_disk * MIB, in_memory * MIB, &config), expected, "{on_disk} on disk, {in_memory} in memory");
        }
    }
}
