//! What is on its way from who makes it to a replica's socket: its snapshot, or what it has not taken of the log.
//!
//! Who takes it never waits for the socket: a snapshot that is held up makes the node keep all that changes meanwhile. What the socket has
//! not taken lies in memory up to [`REPLICA_SNAPSHOT_LEN_MAX`], and beyond it in a temporary file that has no name any more.
//!
//! Invariant: what is in memory comes before what is in the file. So nothing goes to memory while the file holds something.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::limits::REPLICA_SNAPSHOT_LEN_MAX;
use crate::persist::files::{File, Files, read_exact_at, write_all_at};

/// Read from the file at a time.
const PART_LEN: u64 = 256 * 1024;

#[derive(Debug, Default)]
struct State {
    memory: VecDeque<Bytes>,
    in_memory: usize,
    file: Option<Arc<dyn File>>,
    /// What of the file was read, and what was written.
    in_file: (u64, u64),
    /// Bytes that were written in all.
    len: u64,
    has_ended: bool,
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
}

impl Pipe {
    /// An empty one, whose file would have this name for a moment.
    pub(super) fn new(files: Arc<dyn Files>, path: PathBuf) -> Pipe {
        Pipe { state: Mutex::default(), more: Notify::new(), files, path, in_memory_max: REPLICA_SNAPSHOT_LEN_MAX }
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
        if let Some(bytes) = state.memory.pop_front() {
            state.in_memory -= bytes.len();
            return Ok(Part::Bytes(bytes));
        }
        let (read, written) = state.in_file;
        if let Some(file) = state.file.as_ref().filter(|_| read < written) {
            let mut bytes = vec![0; (written - read).min(PART_LEN) as usize];
            read_exact_at(&**file, &mut bytes, read)?;
            state.in_file.0 += bytes.len() as u64;
            if state.in_file.0 == written {
                // Its room is given back, and what comes next may stay in memory.
                state.file.as_ref().map_or(Ok(()), |file| file.set_len(0))?;
                state.in_file = (0, 0);
            }
            return Ok(Part::Bytes(bytes.into()));
        }
        Ok(if state.has_ended { Part::End } else { Part::Wait })
    }

    /// Bytes of the file.
    pub(super) fn file_len(&self) -> u64 {
        self.state.lock().in_file.1
    }

    /// Adds bytes.
    pub(super) fn push(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.len += bytes.len() as u64;
        if state.in_file.1 == 0 && state.in_memory + bytes.len() <= self.in_memory_max {
            state.in_memory += bytes.len();
            state.memory.push_back(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        if state.file.is_none() {
            let file = self.files.create(&self.path)?;
            self.files.remove(&self.path)?;
            state.file = Some(file);
        }
        let at = state.in_file.1;
        if let Some(file) = &state.file {
            write_all_at(&**file, bytes, at)?;
        }
        state.in_file.1 += bytes.len() as u64;
        Ok(())
    }
}

/// To who writes the snapshot it is a file that takes everything in order.
impl File for Pipe {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        if self.state.lock().len != at {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.push(bytes)?;
        self.more.notify_one();
        Ok(bytes.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().len)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// All is written.
    fn sync(&self) -> io::Result<()> {
        self.state.lock().has_ended = true;
        self.more.notify_one();
        Ok(())
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
            let pipe = Pipe { in_memory_max: 64, ..Pipe::new(Arc::new(Disk), path) };
            let (mut written, mut taken) = (Vec::new(), Vec::new());
            for step in steps {
                if step % 3 == 0 {
                    match pipe.take().expect("it can be read") {
                        Part::Bytes(bytes) => taken.extend_from_slice(&bytes),
                        other => prop_assert!(other == Part::Wait && taken == written),
                    }
                } else {
                    let bytes = vec![step as u8; step];
                    write_all_at(&pipe, &bytes, written.len() as u64).expect("there is room");
                    written.extend_from_slice(&bytes);
                }
                prop_assert!(pipe.state.lock().in_memory <= 64);
            }
            prop_assert!(pipe.write_at(b"x", written.len() as u64 + 1).is_err(), "nothing is left out");
            prop_assert_eq!(Pipe::len(&pipe), None);
            pipe.sync().expect("it cannot fail");
            prop_assert_eq!(Pipe::len(&pipe), Some(written.len() as u64));
            while let Part::Bytes(bytes) = pipe.take().expect("it can be read") {
                taken.extend_from_slice(&bytes);
            }
            prop_assert_eq!(taken, written);
            prop_assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }
}
