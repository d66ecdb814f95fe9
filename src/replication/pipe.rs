//! What is on its way from who makes it to a replica's socket: its snapshot, or what it has not taken of the log.
//!
//! Who takes it never waits for the socket: a snapshot that is held up makes the node keep all that changes meanwhile. What the socket has
//! not taken lies in memory up to [`REPLICA_SNAPSHOT_LEN_MAX`], and beyond it in temporary files that have no name any more.
//!
//! Invariants:
//! * What is in memory comes before what is in files. So nothing goes to memory while there is one.
//! * Once something could not be kept, nothing more is taken out: what comes behind it would follow on something else.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::limits::REPLICA_SNAPSHOT_LEN_MAX;
use crate::persist::files::{File, Files, read_exact_at, write_all_at};

/// Another file is begun behind so many bytes.
const FILE_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Read from a file at a time.
const PART_LEN: u64 = 256 * 1024;

#[derive(Debug, Default)]
struct State {
    memory: VecDeque<Bytes>,
    in_memory: usize,
    /// What follows. Only the last one is written to, and the first one goes when it was read: so the disk holds what is left, and little more.
    files: VecDeque<Segment>,
    /// Bytes that were written in all.
    len: u64,
    has_ended: bool,
    /// Something could not be kept.
    failed: Option<io::ErrorKind>,
}

/// A file of a part of the bytes.
#[derive(Debug)]
struct Segment {
    file: Arc<dyn File>,
    read: u64,
    written: u64,
}

/// What is there to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The next bytes.
    Bytes(Bytes),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    End,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Pipe {
    state: Mutex<State>,
    /// Woken when there is more.
    more: Notify,
    files: Arc<dyn Files>,
    path: PathBuf,
    in_memory_max: usize,
    file_len_max: u64,
}

impl Pipe {
    /// An empty one, whose file would have this name for a moment.
    pub(super) fn new(files: Arc<dyn Files>, path: PathBuf) -> Pipe {
        Pipe {
            state: Mutex::default(),
            more: Notify::new(),
            files,
            path,
            in_memory_max: REPLICA_SNAPSHOT_LEN_MAX,
            file_len_max: FILE_LEN_MAX,
        }
    }

    /// Waits until there may be more.
    pub(super) async fn wait(&self) {
        self.more.notified().await;
    }

    /// The length of all, once that is known.
    pub(super) fn len(&self) -> Option<u64> {
        let state = self.state.lock();
        state.has_ended.then_some(state.len)
    }

    /// Takes the next bytes.
    pub(super) fn take(&self) -> io::Result<Part> {
        let mut state = self.state.lock();
        if let Some(kind) = state.failed {
            return Err(kind.into());
        }
        if let Some(bytes) = state.memory.pop_front() {
            state.in_memory -= bytes.len();
            return Ok(Part::Bytes(bytes));
        }
        if let Some(first) = state.files.front_mut() {
            let mut bytes = vec![0; (first.written - first.read).min(PART_LEN) as usize];
            read_exact_at(&*first.file, &mut bytes, first.read)?;
            first.read += bytes.len() as u64;
            if first.read == first.written {
                // Its room is given back. Once no file is left, what comes next may stay in memory.
                state.files.pop_front();
            }
            return Ok(Part::Bytes(bytes.into()));
        }
        Ok(if state.has_ended { Part::End } else { Part::Wait })
    }

    /// Bytes that are left in files.
    pub(super) fn file_len(&self) -> u64 {
        self.state.lock().files.iter().map(|file| file.written - file.read).sum()
    }

    /// Adds bytes. Of those that stay in memory it keeps what `own` returns: the same, which others may have as well.
    pub(super) fn push(&self, bytes: &[u8], own: impl FnOnce() -> Bytes) -> io::Result<()> {
        let result = self.keep(&mut self.state.lock(), bytes, own);
        self.more.notify_one();
        result
    }

    fn keep(&self, state: &mut State, bytes: &[u8], own: impl FnOnce() -> Bytes) -> io::Result<()> {
        if let Some(kind) = state.failed {
            return Err(kind.into());
        }
        state.len += bytes.len() as u64;
        if state.files.is_empty() && state.in_memory + bytes.len() <= self.in_memory_max {
            state.in_memory += bytes.len();
            state.memory.push_back(own());
            return Ok(());
        }
        if state.files.back().is_none_or(|last| last.written >= self.file_len_max) {
            let file = self.files.create(&self.path)?;
            self.files.remove(&self.path)?;
            state.files.push_back(Segment { file, read: 0, written: 0 });
        }
        let last = state.files.back_mut().expect("there is one");
        let written = write_all_at(&*last.file, bytes, last.written);
        if written.is_ok() {
            last.written += bytes.len() as u64;
        } else if last.written == 0 {
            // An empty one would be read to no end.
            state.files.pop_back();
        }
        written
    }

    /// All was added.
    pub(super) fn end(&self) {
        self.state.lock().has_ended = true;
        self.more.notify_one();
    }

    /// Something could not be added: what is here is given back.
    pub(super) fn fail(&self, error: &io::Error) {
        *self.state.lock() = State { failed: Some(error.kind()), ..State::default() };
        self.more.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::persist::files::Disk;

    proptest! {
        #[test]
        fn what_is_taken_is_what_was_written(steps in prop::collection::vec(0..60_usize, 1..80)) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("snapshot");
            let pipe = Pipe { in_memory_max: 64, file_len_max: 100, ..Pipe::new(Arc::new(Disk), path) };
            let (mut written, mut taken) = (Vec::new(), Vec::new());
            for step in steps {
                if step % 3 == 0 {
                    match pipe.take().expect("it can be read") {
                        Part::Bytes(bytes) => taken.extend_from_slice(&bytes),
                        other => prop_assert!(other == Part::Wait && taken == written),
                    }
                } else {
                    let bytes = vec![step as u8; step];
                    pipe.push(&bytes, || Bytes::copy_from_slice(&bytes)).expect("there is room");
                    written.extend_from_slice(&bytes);
                }
                prop_assert!(pipe.state.lock().in_memory <= 64);
            }
            prop_assert_eq!(pipe.len(), None);
            pipe.end();
            prop_assert_eq!(pipe.len(), Some(written.len() as u64));
            while let Part::Bytes(bytes) = pipe.take().expect("it can be read") {
                taken.extend_from_slice(&bytes);
            }
            prop_assert_eq!(taken, written);
            prop_assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }
}
