//! The system's files.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{File, Files};

/// See the module's page.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Arc::new(OpenOptions::new().read(true).write(true).create_new(true).open(path)?)),
        }
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::open(path)?))
    }

    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Arc::new(file))
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect()
    }
}

impl File for fs::File {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, at)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            found => {
                let (found, own) = (found?, self.metadata()?);
                Ok((found.dev(), found.ino()) == (own.dev(), own.ino()))
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        fs::File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        // The length is data, too: fdatasync flushes it.
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::files;

    #[test]
    fn files_come_and_go() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("sub");
        let (one, other) = (dir.join("one"), dir.join("other"));
        Disk.create_dir(&dir)?;
        Disk.create_dir(&dir)?;
        assert!(Disk.create_dir(&one.join("deep")).is_err());
        let file = Disk.create(&one)?;
        files::write_all_at(&*file, b"hello", 0)?;
        files::write_all_at(&*file, b"!", 7)?;
        file.sync()?;
        assert_eq!(Disk.open_or_create(&one)?.len()?, 8);
        files::replace(&Disk, &one, &other)?;
        assert_eq!(Disk.list(&dir)?, ["other"]);
        let mut bytes = [0; 4];
        files::read_exact_at(&*Disk.open(&other)?, &mut bytes, 4)?;
        assert_eq!(bytes, *b"o\0\0!");
        assert_eq!(files::read_exact_at(&*file, &mut bytes, 5).map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
        file.set_len(2)?;
        assert_eq!((Disk.create(&other)?.len()?, file.len()?), (0, 2));
        let lock = Disk.lock(&one)?;
        assert_eq!(Disk.lock(&one).map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
        drop(lock);
        Disk.lock(&one)?;
        Disk.remove(&one)?;
        Disk.remove(&other)?;
        assert_eq!(Disk.open(&other).map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
        assert!(Disk.create_dir(&dir).is_ok() && Disk.list(&one).is_err());
        Ok(())
    }
}
