//! The folder of an append only file: its manifest and its parts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{BadManifest, Manifest, Part, PartKind};
use crate::persist::files::{self, File, Files};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system could not do something with this file.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        error: io::Error,
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
    dir: PathBuf,
    /// What the names of its files begin with.
    prefix: String,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |error| FolderError::Io { path: path.display().to_string(), error }
}

impl Folder {
    /// The folder `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn open(files: Arc<dyn Files>, dir: &str, prefix: &str) -> Result<Folder, FolderError> {
        let dir = PathBuf::from(dir);
        files.create_dir(&dir).map_err(at(&dir))?;
        Ok(Folder { files, dir, prefix: prefix.to_owned() })
    }

    /// What the names of its files begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn manifest_path(&self) -> PathBuf {
        self.dir.join(format!("{}.manifest", self.prefix))
    }

    /// Where a part lies.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
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
        Manifest::parse(&text).map(Some).map_err(bad)
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
        let temporary = self.dir.join(format!("temp-{}.manifest", self.prefix));
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
        files::replace(&*self.files, old, &self.path_of(&self.prefix)).map_err(at(old))?;
        tracing::info!(
            "Successfully migrated an old-style AOF configuration ({}) into the AOF directory ({}).",
            self.prefix,
            self.dir.display()
        );
        Ok(Some(manifest))
    }

    /// Opens a part. It is made if it is not there and `creates`.
    ///
    /// # Errors
    /// The system's.
    pub fn part(&self, name: &str, creates: bool) -> Result<Arc<dyn File>, FolderError> {
        let path = self.path_of(name);
        // To be read only if need be: a folder that may not be written to can be looked at.
        let opened = if creates { self.files.open_or_create(&path) } else { self.files.open(&path) };
        opened.map_err(at(&path))
    }

    /// Writes a file of its own with these bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path_of(name);
        let write = || {
            let file = self.files.create(&path)?;
            files::write_all_at(&*file, bytes, 0)?;
            file.sync()
        };
        write().map_err(at(&path))
    }

    /// Flushes the names in the folder to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), FolderError> {
        self.files.sync_dir(&self.dir).map_err(at(&self.dir))
    }
}
