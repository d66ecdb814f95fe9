//! The folder of an append only file: its manifest and its parts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::header::HEADER_LEN;
use super::manifest::{BadManifest, Manifest, Part, PartKind};
use crate::base::number::parse_i64;
use crate::base::process;
use crate::config::os_text;
use crate::persist::files::{self, File, Files};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system could not do something with this file.
    #[error("{path}: {}", os_text(error))]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        error: io::Error,
    },
    /// The folder could not be made.
    #[error("Can't open or create append-only dir {path}: {error}")]
    Dir {
        /// Which.
        path: String,
        /// What the system said.
        error: String,
    },
    /// Another server writes to it.
    #[error("the append only file {prefix} in {dir} belongs to another server that runs: {dir}/{prefix}.lock is locked")]
    Taken {
        /// The folder.
        dir: String,
        /// What the names of its files begin with.
        prefix: String,
    },
    /// The manifest is none.
    #[error("the AOF manifest {path}: {error}")]
    Manifest {
        /// Which file.
        path: String,
        /// What is wrong with it.
        error: BadManifest,
    },
}

/// See the module's page.
#[derive(Debug, Clone)]
pub struct Folder {
    files: Arc<dyn Files>,
    /// Absolute: it stays where it is when `dir` is changed.
    dir: PathBuf,
    /// What the names of its files begin with.
    prefix: String,
    /// What tells other servers that this one is there: two that write to one file would destroy it.
    lock: Arc<dyn File>,
}

/// Begins the name of a file that a rewrite has not finished. The number of its process follows, behind `bg-` where that serves clients.
pub const TEMPORARY: &str = "temp-rewriteaof-";

/// Ends the name of a file that holds what was cut off another one: the offset follows.
const CUT: &str = ".cut-at-";

/// Cuts a file off at this length, and keeps what follows in a file beside it. Returns its path.
///
/// # Errors
/// The system's. All is as before, or the rest is there twice.
pub fn cut(files: &dyn Files, path: &Path, len: u64) -> io::Result<PathBuf> {
    let mut kept = path.as_os_str().to_owned();
    kept.push(format!("{CUT}{len}"));
    let kept = PathBuf::from(kept);
    let (file, rest) = (files.open_or_create(path)?, files.create(&kept)?);
    let (mut reader, mut writer) = (files::Reader::new(Arc::clone(&file), len), files::Writer::new(Arc::clone(&rest), 0));
    io::copy(&mut reader, &mut writer)?;
    rest.sync()?;
    files.sync_dir(files::dir_of(path))?;
    file.set_len(len)?;
    file.sync()?;
    Ok(kept)
}

/// What a server locks that writes to the file at `path`, a manifest or a part.
pub fn lock_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A part's name ends with its number, kind and form.
    let is_part = |rest: &str| rest.split('.').nth_back(2).is_some_and(|number| number.parse::<u64>().is_ok());
    let prefix = match name.strip_suffix(".manifest") {
        Some(prefix) => prefix,
        None if [".incr.aof", ".base.aof", ".base.rdb"].iter().any(|end| name.ends_with(end)) && is_part(&name) => {
            name.rsplitn(4, '.').last().unwrap_or(&name)
        }
        None => &name,
    };
    path.with_file_name(format!("{prefix}.lock"))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |error| FolderError::Io { path: path.display().to_string(), error }
}

impl Folder {
    /// The folder `dir`, which is made if it is not there. Several servers may share it if the names of their files begin otherwise, as in
    /// Valkey.
    ///
    /// # Errors
    /// The system's, or [`FolderError::Taken`].
    pub fn open(files: Arc<dyn Files>, dir: &str, prefix: &str) -> Result<Folder, FolderError> {
        files.create_dir(Path::new(dir)).map_err(|error| FolderError::Dir { path: dir.to_owned(), error: os_text(error) })?;
        let lock_path = lock_path(&Path::new(dir).join(format!("{prefix}.manifest")));
        let lock = files.lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => FolderError::Taken { dir: dir.to_owned(), prefix: prefix.to_owned() },
            _ => FolderError::Io { path: lock_path.display().to_string(), error },
        })?;
        let absolute = files.absolute(Path::new(dir)).map_err(at(Path::new(dir)))?;
        Ok(Folder { files, dir: absolute, prefix: prefix.to_owned(), lock })
    }

    /// True if `dir` is this folder now, and its lock the one that is held: the working folder may have been changed, or the folder moved away.
    ///
    /// # Errors
    /// The system's.
    pub fn is_at(&self, dir: &str) -> Result<bool, FolderError> {
        let dir = Path::new(dir);
        let path = lock_path(&self.manifest_path());
        Ok(self.files.absolute(dir).map_err(at(dir))? == self.dir && self.lock.is_at(&path).map_err(at(&path))?)
    }

    /// Removes what rewrites have left behind whose processes are gone. Others may share the folder: theirs stay.
    pub fn remove_leftovers(&self) {
        let names = self.files.list(&self.dir).unwrap_or_default();
        let is_left = |name: &str| {
            let rest = name.strip_prefix(TEMPORARY).map(|rest| rest.strip_prefix("bg-").unwrap_or(rest));
            let pid = rest.and_then(|rest| rest.split_once('.')).and_then(|(pid, _)| pid.parse().ok());
            pid.is_some_and(|pid| !process::is_there(pid))
        };
        for name in names.iter().filter_map(|name| name.to_str()).filter(|name| is_left(name)) {
            match self.files.remove(&self.path_of(name)) {
                Ok(()) => tracing::info!("Removed {name}, which a rewrite of the AOF has left behind"),
                Err(error) => tracing::warn!("Removing {name}, which a rewrite of the AOF has left behind: {}", os_text(error)),
            }
        }
    }

    /// What the names of its files begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn manifest_path(&self) -> PathBuf {
        self.dir.join(format!("{}.manifest", self.prefix))
    }

    /// Where a manifest is written before it gets its name.
    fn temporary_path(&self) -> PathBuf {
        self.dir.join(format!("temp-{}.manifest", self.prefix))
    }

    /// Where a part lies.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The manifest to go on with: an empty one if there is none. Parts that are there without one get other names: theirs are used again, and what
    /// they hold may be all that somebody has.
    ///
    /// # Errors
    /// As for [`Folder::manifest`].
    pub fn manifest_to_write(&self) -> Result<Manifest, FolderError> {
        let found = self.manifest()?;
        if found.is_none() {
            self.keep_unlisted()?;
        }
        Ok(found.unwrap_or_default())
    }

    fn keep_unlisted(&self) -> Result<(), FolderError> {
        let names: Vec<_> =
            self.files.list(&self.dir).map_err(at(&self.dir))?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        let is_part = |name: &str| {
            let rest = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('.'));
            let parted = rest.and_then(|rest| rest.split_once('.'));
            parted.is_some_and(|(number, kind)| {
                parse_i64(number.as_bytes()).is_some() && matches!(kind, "base.rdb" | "base.aof" | "incr.aof")
            })
        };
        for name in names.iter().filter(|name| is_part(name)) {
            let path = self.path_of(name);
            let len = self.files.open(&path).and_then(|file| file.len()).map_err(at(&path))?;
            // A part that was made, and nothing more: so it is left by who was ended before there was a manifest.
            if len <= HEADER_LEN as u64 && name.ends_with(".incr.aof") {
                continue;
            }
            let mut others = (1..).map(|number: u64| format!("{name}.unlisted-{number}"));
            let kept = others.find(|kept| !names.contains(kept)).expect("a folder has fewer files than there are numbers");
            files::replace(&*self.files, &path, &self.path_of(&kept)).map_err(at(&path))?;
            tracing::warn!("There is no AOF manifest, and a part named {name} of {len} bytes. It is not loaded, and kept as {kept}");
        }
        Ok(())
    }

    /// Reads the manifest. `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn manifest(&self) -> Result<Option<Manifest>, FolderError> {
        let path = self.manifest_path();
        let text = match self.read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(at(&path))?,
        };
        let bad = |error| FolderError::Manifest { path: path.display().to_string(), error };
        let manifest = Manifest::parse(&text).map_err(bad)?;
        // As a part such a file would be written over.
        let own = [self.manifest_path(), self.temporary_path(), lock_path(&path)];
        if manifest.parts().chain(&manifest.history).any(|part| own.contains(&self.path_of(&part.name))) {
            return Err(bad(BadManifest { line: 0, reason: "The AOF manifest file lists a file that can't be a part" }));
        }
        Ok(Some(manifest))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let file = self.files.open(path)?;
        io::Read::read_to_end(&mut files::Reader::new(file, 0), &mut text)?;
        Ok(text)
    }

    /// Makes this the manifest: after a power cut it is this one or the one before.
    ///
    /// # Errors
    /// The system's.
    pub fn persist(&self, manifest: &Manifest) -> Result<(), FolderError> {
        let path = self.manifest_path();
        let temporary = self.temporary_path();
        let write = || {
            let file = self.files.create(&temporary)?;
            files::write_all_at(&*file, manifest.text().as_bytes(), 0)?;
            file.sync()?;
            files::replace(&*self.files, &temporary, &path)
        };
        write().map_err(at(&path))
    }

    /// Takes over an append only file of old, which is one file beside the folder, as the base. `None` if there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn adopt_old(&self) -> Result<Option<Manifest>, FolderError> {
        let old = Path::new(&self.prefix);
        match self.files.open(old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => drop(opened.map_err(at(old))?),
        }
        let base = Part { name: self.prefix.clone(), number: 1, kind: PartKind::Base };
        let manifest = Manifest { base: Some(base), ..Manifest::default() };
        self.persist(&manifest)?;
        self.move_old(old)?;
        Ok(Some(manifest))
    }

    /// Goes on with taking over a file of old, if that was broken off behind the manifest: its only part is the file, which is not here yet.
    ///
    /// # Errors
    /// The system's.
    pub fn finish_adoption(&self, manifest: Manifest) -> Result<Manifest, FolderError> {
        let is_old = manifest.increments.is_empty() && manifest.base.as_ref().is_some_and(|base| base.name == self.prefix);
        let old = Path::new(&self.prefix);
        let is_missing = |path: &Path| self.files.open(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_old && is_missing(&self.path_of(&self.prefix)) && !is_missing(old) {
            self.move_old(old)?;
        }
        Ok(manifest)
    }

    fn move_old(&self, old: &Path) -> Result<(), FolderError> {
        files::replace(&*self.files, old, &self.path_of(&self.prefix)).map_err(at(old))?;
        tracing::info!(
            "Successfully migrated an old-style AOF configuration ({}) into the AOF directory ({}).",
            self.prefix,
            self.dir.display()
        );
        Ok(())
    }

    /// Opens a part to write to it. It is made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn part(&self, name: &str) -> Result<Arc<dyn File>, FolderError> {
        let path = self.path_of(name);
        self.files.open_or_create(&path).map_err(at(&path))
    }

    /// Opens a part to read it: also in a folder that may not be written to.
    ///
    /// # Errors
    /// The system's.
    pub fn part_to_read(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.files.open(&self.path_of(name))
    }

    /// Cuts a part off at this length, and keeps what follows in a file of its own. Returns its name.
    ///
    /// # Errors
    /// The system's. All is as before, or the rest is there twice.
    pub fn cut(&self, name: &str, len: u64) -> Result<String, FolderError> {
        let path = self.path_of(name);
        cut(&*self.files, &path, len).map_err(at(&path))?;
        Ok(format!("{name}{CUT}{len}"))
    }

    /// Flushes the names in the folder to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), FolderError> {
        self.files.sync_dir(&self.dir).map_err(at(&self.dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::persist::files::faulty::FaultyFiles;

    #[test]
    fn the_manifest_outlives_power_cuts_while_it_is_replaced() -> Result<(), FolderError> {
        let manifest = |number| {
            let part = Part { name: format!("a.aof.{number}.incr.aof"), number, kind: PartKind::Increment };
            Manifest { increments: vec![part], ..Manifest::default() }
        };
        // Each cut leaves something else behind for the one after it.
        for seed in 0..1000 {
            let (mut files, mut rng) = (FaultyFiles::default(), Rng::new(seed));
            for life in 1..5 {
                let folder = Folder::open(Arc::new(files.clone()), ".", "a.aof")?;
                if life > 1 {
                    files.cut_power_after(1 + rng.below(6));
                }
                assert!(folder.persist(&manifest(life)).is_ok() || life > 1);
                files = files.after_power_cut(rng.next_u64());
                let found = Folder::open(Arc::new(files.clone()), ".", "a.aof")?.manifest();
                assert!(matches!(found, Ok(Some(_))), "seed {seed}, life {life}: {found:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_manifest_and_its_parts_have_one_lock() {
        for name in ["a.aof.manifest", "a.aof.1.incr.aof", "a.aof.12.base.rdb", "a.aof.3.base.aof", "a.aof"] {
            assert_eq!(lock_path(&Path::new("dir").join(name)), Path::new("dir/a.aof.lock"), "{name}");
        }
    }
}
