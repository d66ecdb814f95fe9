//! A full copy of a primary's data: it is received into a file, and takes the place of what is here once all of it is there.
//!
//! ```text
//! $length CR LF bytes                  | $EOF:mark CR LF bytes mark       (a mark is 40 bytes)
//! ```
//!
//! Invariants:
//! * Until the whole copy is on this node's disk, and its checksum is right, the data of before is served.
//! * Memory does not grow with what is announced, nor with what comes.
//! * The file has no name: however this process ends, nothing is left of it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::wire::{LinkError, Wire};
use crate::base::{clock, crc64};
use crate::engine::loading::{Failure, Loading};
use crate::engine::shared::Shared;
use crate::persist::files::{File, read_exact_at, write_all_at};

/// Length of a mark.
const MARK_LEN: usize = 40;
/// Length of a snapshot's checksum, at its end.
const CHECKSUM_LEN: u64 = 8;
/// Read at a time when the checksum is computed.
const BLOCK_LEN: u64 = 1024 * 1024;
/// While a copy is loaded the primary is told that all is well, so often.
const ALIVE: Duration = Duration::from_millis(500);

/// Where the copy ends.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    Length(u64),
    Mark([u8; MARK_LEN]),
}

fn parse_frame(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix('$')?;
    match rest.strip_prefix("EOF:") {
        Some(mark) => Some(Frame::Mark(mark.as_bytes().try_into().ok()?)),
        None => rest.parse().ok().map(Frame::Length),
    }
}

/// A copy on this node's disk. The file goes with it.
#[derive(Debug)]
pub(super) struct Copy {
    file: Arc<dyn File>,
    len: u64,
}

fn disk(error: io::Error) -> LinkError {
    LinkError::Io("Failed writing the DB of the PRIMARY to disk", error)
}

impl Copy {
    /// Receives one. `note` is told of all bytes, if that is known, and of those that came.
    pub(super) fn receive(shared: &Shared, wire: &mut Wire<'_>, note: impl Fn(Option<u64>, u64)) -> Result<Copy, LinkError> {
        let line = wire.line()?;
        if line.starts_with('-') {
            return Err(LinkError::Refused("PRIMARY aborted replication with an error", line));
        }
        let frame =
            parse_frame(&line).ok_or(LinkError::Garbage("the first byte is not '$' (are you sure the host and port are right?)"))?;
        let path = Path::new(&shared.config.load().dir).join(format!("temp-copy-{}.rdb", shared.identity.pid));
        let file = shared.saving.files.create(&path).map_err(disk)?;
        shared.saving.files.remove(&path).map_err(disk)?;
        let mut copy = Copy { file, len: 0 };
        match &frame {
            Frame::Length(len) => tracing::info!("PRIMARY <-> REPLICA sync: receiving {len} bytes from primary to disk"),
            Frame::Mark(_) => tracing::info!("PRIMARY <-> REPLICA sync: receiving streamed RDB from primary with EOF to disk"),
        }
        let total = if let Frame::Length(len) = frame { Some(len) } else { None };
        loop {
            let (ready, is_done) = match &frame {
                Frame::Length(len) => {
                    let missing = len - copy.len;
                    (wire.input.len().min(usize::try_from(missing).unwrap_or(usize::MAX)), missing <= wire.input.len() as u64)
                }
                // The primary sends nothing behind it before it has heard that it was found.
                Frame::Mark(mark) if wire.input.ends_with(mark) => (wire.input.len() - MARK_LEN, true),
                Frame::Mark(_) => (wire.input.len().saturating_sub(MARK_LEN), false),
            };
            copy.append(&wire.input[..ready])?;
            wire.input.drain(..ready);
            note(total, copy.len);
            if is_done {
                if let Frame::Mark(_) = frame {
                    wire.input.clear();
                }
                break;
            }
            wire.read()?;
        }
        if copy.is_broken().map_err(disk)? {
            return Err(LinkError::Copy("its checksum is wrong"));
        }
        Ok(copy)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        write_all_at(&*self.file, bytes, self.len).map_err(disk)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// True if it has a checksum, and that is wrong: what is here must not go for it.
    fn is_broken(&self) -> io::Result<bool> {
        let Some(end) = self.len.checked_sub(CHECKSUM_LEN) else { return Ok(true) };
        let mut trailer = [0; CHECKSUM_LEN as usize];
        read_exact_at(&*self.file, &mut trailer, end)?;
        let expected = u64::from_le_bytes(trailer);
        if expected == 0 {
            return Ok(false);
        }
        let (mut crc, mut at, mut block) = (0, 0, vec![0; BLOCK_LEN as usize]);
        while at < end {
            let len = (end - at).min(BLOCK_LEN);
            let block = &mut block[..len as usize];
            read_exact_at(&*self.file, block, at)?;
            crc = crc64::more(crc, block);
            at += len;
        }
        Ok(crc != expected)
    }

    /// Loads it in the place of what is here, which nobody sees any more. Returns the database that the stream behind it begins in.
    pub(super) fn load(&self, loading: &Loading<'_>, wire: &mut Wire<'_>) -> Result<u32, LinkError> {
        tracing::info!("PRIMARY <-> REPLICA sync: Loading DB in memory");
        let mut socket = wire.socket()?;
        let is_over = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            let alive = scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    // If it has gone, that is found out later.
                    let _ = socket.write_all(b"\n");
                    std::thread::park_timeout(ALIVE);
                }
            });
            let result = loading.load_copy(Arc::clone(&self.file));
            is_over.store(true, Ordering::Release);
            alive.thread().unpark();
            result
        });
        wire.listen_again();
        result.map_err(|failure| {
            LinkError::Copy(match failure {
                Failure::Missing => "it is gone",
                Failure::Cancelled => "it was cancelled",
                Failure::Failed => "the log says why",
            })
        })
    }
}

/// How long ago it was, for the log.
pub(super) fn seconds_since(started_ms: u64) -> f64 {
    clock::monotonic_ms().saturating_sub(started_ms) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let mark = "m".repeat(MARK_LEN);
        for (line, frame) in [
            ("$12".to_owned(), Some(Frame::Length(12))),
            ("$18446744073709551615".to_owned(), Some(Frame::Length(u64::MAX))),
            (format!("$EOF:{mark}"), Some(Frame::Mark([b'm'; MARK_LEN]))),
            (format!("$EOF:{mark}m"), None),
            ("$-1".to_owned(), None),
            ("$".to_owned(), None),
            ("12".to_owned(), None),
        ] {
            assert_eq!(parse_frame(&line), frame, "{line}");
        }
    }
}
