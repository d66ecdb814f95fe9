//! Files of data, for snapshots and logs: the only way to them.
//!
//! A [`File`] has no position of its own. Whoever reads or writes says where, so that one thread may write to a file while another one
//! flushes it, and nobody depends on what was read before. [`Reader`] and [`Writer`] keep a position for those who go from the beginning
//! to the end.
//!
//! What a power cut leaves:
//! * of a file, what was there when [`File::sync`] last returned without an error. Of what was written since, any pages, at any length of the
//!   file in between. After an error of `sync` nothing that was written before it may be counted on, even if a later `sync` succeeds;
//! * of a folder, the names that were there when [`Files::sync_dir`] last returned, and any number of the changes since, in their order. A
//!   rename replaces its target at once or not at all, but both names may be left.
//!
//! [`Disk`] is the system's own. Tests have one in memory that can be told to fail and to lose power (`faulty.rs`).

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod disk;
#[cfg(any(test, fuzzing))]
pub mod faulty;
pub mod spool;

pub use disk::Disk;

/// Folders with files. Paths mean what they mean to the system: relative ones begin in the working directory.
pub trait Files: Debug + Send + Sync {
    /// Creates an empty file. One that has the name loses it, and keeps what it holds: after a power cut within a rename a temporary name may be a
    /// second one of the file that is in use.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and writing, and creates it if it is not there. What it holds stays.
    ///
    /// # Errors
    /// The system's.
    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file as [`Files::open_or_create`] does, for as long as nobody else has it open this way: [`io::ErrorKind::WouldBlock`] if
    /// somebody does. Whatever ends a process ends that.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// The path with the working folder before it, so that it stays the same when that is changed.
    ///
    /// # Errors
    /// The system's.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf>;

    /// Gives a file another name, and so replaces the one that has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Who has it open keeps it.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder, unless it is there.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Flushes the names in a folder to the disk.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
}

/// A file that is open.
#[expect(clippy::len_without_is_empty, reason = "a length that may fail to be told")]
pub trait File: Debug + Send + Sync {
    /// Reads what is there from this place on, some of it or as much as `into` takes. Returns how much; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes some of the bytes, or all. Returns how many.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Its length.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// True if it is the file that has this name now.
    ///
    /// # Errors
    /// The system's. If there is no such file it is not that one.
    fn is_at(&self, _path: &Path) -> io::Result<bool> {
        // Where names are changed by nobody else.
        Ok(true)
    }

    /// Makes it so long: what is beyond goes, what is missing is zeros.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Flushes it to the disk.
    ///
    /// # Errors
    /// The system's. See the module's page for what is left of it then.
    fn sync(&self) -> io::Result<()>;
}

/// Reads exactly as much as `into` takes.
///
/// # Errors
/// The system's; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
pub fn read_exact_at(file: &dyn File, into: &mut [u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => done += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True if the file begins as a snapshot does, in whichever version.
pub fn is_snapshot(file: &dyn File) -> bool {
    let mut magic = [0; 6];
    read_exact_at(file, &mut magic, 0).is_ok() && matches!(&magic, b"REDIS0" | b"VALKEY")
}

/// Writes all of the bytes.
///
/// # Errors
/// The system's. Some of the bytes may then have been written.
pub fn write_all_at(file: &dyn File, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => done += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Puts `to` in the place of a file that is complete: after a power cut there is the one or the other. `from` must be in the same folder.
///
/// # Errors
/// The system's. The file may have its new name all the same.
pub fn replace(files: &dyn Files, from: &Path, to: &Path) -> io::Result<()> {
    files.rename(from, to)?;
    files.sync_dir(dir_of(to))
}

/// The folder in which a file lies.
pub fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Reads a file from a place on.
#[derive(Debug)]
pub struct Reader {
    file: Arc<dyn File>,
    at: u64,
}

impl Reader {
    /// From this place on.
    pub fn new(file: Arc<dyn File>, at: u64) -> Self {
        Reader { file, at }
    }

    /// Where it is.
    pub fn at(&self) -> u64 {
        self.at
    }
}

impl io::Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(into, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Writes to a file from a place on, without a buffer.
#[derive(Debug)]
pub struct Writer {
    file: Arc<dyn File>,
    at: u64,
}

impl Writer {
    /// From this place on.
    pub fn new(file: Arc<dyn File>, at: u64) -> Self {
        Writer { file, at }
    }

    /// Where it is.
    pub fn at(&self) -> u64 {
        self.at
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write_at(bytes, self.at)?;
        self.at += len as u64;
        Ok(len)
    }

    /// There is nothing to hand on: [`File::sync`] flushes to the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
