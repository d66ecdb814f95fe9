//! Files in memory that can be told to fail, and lose power as disks do. For tests.
//!
//! * [`FaultyFiles::set_fault`] is asked before each operation.
//! * [`FaultyFiles::set_room`] says how much the disk holds: what is beyond is written in part, then refused.
//! * [`FaultyFiles::cut_power_after`] has it lose power at one of the next operations: from then on none does anything.
//! * [`FaultyFiles::after_power_cut`] gives what a power cut now may leave, chosen by a seed. It leaves itself as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{File, Files, dir_of};
use crate::base::rng::Rng;

/// What reaches the disk as a whole or not at all.
const PAGE_LEN: usize = 512;

/// An operation that is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// [`Files::create`] or [`Files::open_or_create`].
    Create,
    /// [`Files::open`].
    Open,
    /// [`Files::rename`]; the path is the new one.
    Rename,
    /// [`Files::remove`].
    Remove,
    /// [`Files::create_dir`].
    CreateDir,
    /// [`Files::sync_dir`].
    SyncDir,
    /// [`Files::list`].
    List,
    /// [`File::read_at`].
    Read,
    /// [`File::write_at`].
    Write,
    /// [`File::set_len`].
    SetLen,
    /// [`File::sync`].
    Sync,
}

/// What happens instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This error of the system's (`libc::EIO`). It does nothing; but see [`File::sync`].
    Error(i32),
    /// It reads or writes at most so many bytes.
    Short(usize),
}

/// Asked before each operation, with the file or folder that it concerns.
type Plan = Box<dyn FnMut(Operation, &Path) -> Option<Fault> + Send>;

/// A file's content, and what of it is safe.
#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    safe: Vec<u8>,
    /// Pages that were changed since they were last flushed.
    dirty: BTreeSet<usize>,
}

impl Content {
    /// Writes one page, as it is now, to what is safe.
    fn flush_page(&mut self, page: usize) {
        let start = page * PAGE_LEN;
        let end = (start + PAGE_LEN).min(self.now.len());
        if start < end {
            if self.safe.len() < end {
                self.safe.resize(end, 0);
            }
            self.safe[start..end].copy_from_slice(&self.now[start..end]);
        }
    }

    fn touch(&mut self, start: usize, end: usize) {
        self.dirty.extend(start / PAGE_LEN..end.div_ceil(PAGE_LEN));
    }

    fn sync(&mut self) {
        for page in std::mem::take(&mut self.dirty) {
            self.flush_page(page);
        }
        self.safe.resize(self.now.len(), 0);
    }

    fn after_power_cut(&self, rng: &mut Rng) -> Content {
        let mut left = Content { now: self.now.clone(), safe: self.safe.clone(), dirty: BTreeSet::new() };
        self.dirty.iter().filter(|_| rng.below(2) == 0).for_each(|page| left.flush_page(*page));
        let (short, long) = (self.safe.len().min(self.now.len()), left.safe.len().max(self.now.len()));
        if short < long && !self.dirty.is_empty() {
            left.safe.resize(short + rng.below((long - short + 1) as u64) as usize, 0);
        }
        left.now.clone_from(&left.safe);
        left
    }
}

/// A change of names.
#[derive(Debug, Clone)]
enum Change {
    Set(PathBuf, usize),
    Gone(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Set(path, _) | Change::Gone(path) => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Change::Set(path, file) => _ = names.insert(path.clone(), *file),
            Change::Gone(path) => _ = names.remove(path),
        }
    }
}

#[derive(Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    /// Since their folders were last flushed, in order.
    changes: Vec<Change>,
    dirs: BTreeSet<PathBuf>,
    plan: Option<Plan>,
    room: Option<usize>,
    /// Operations until the power goes; none of them is left once it has gone.
    power: Option<u64>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("names", &self.names).finish_non_exhaustive()
    }
}

fn error(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl State {
    /// Asks the plan. How many bytes may be read or written at most.
    fn ask(&mut self, operation: Operation, path: &Path) -> io::Result<usize> {
        if let Some(left) = &mut self.power {
            *left = left.saturating_sub(1);
        }
        if self.is_off() {
            return Err(error(libc::EIO));
        }
        match self.plan.as_mut().and_then(|plan| plan(operation, path)) {
            Some(Fault::Error(code)) => Err(error(code)),
            Some(Fault::Short(len)) => Ok(len),
            None => Ok(usize::MAX),
        }
    }

    fn is_off(&self) -> bool {
        self.power == Some(0)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn dir(&self, dir: &Path) -> io::Result<()> {
        if self.dirs.contains(dir) { Ok(()) } else { Err(error(libc::ENOENT)) }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| error(libc::ENOENT))
    }

    fn taken(&self) -> usize {
        self.contents.iter().map(|content| content.now.len()).sum()
    }
}

/// See the module's page. It has the folder `.` at first.
#[derive(Debug, Clone)]
pub struct FaultyFiles(Arc<Mutex<State>>);

impl Default for FaultyFiles {
    fn default() -> Self {
        FaultyFiles(Arc::new(Mutex::new(State { dirs: BTreeSet::from([PathBuf::from(".")]), ..State::default() })))
    }
}

impl FaultyFiles {
    /// Asks `plan` before each operation from now on.
    pub fn set_fault(&self, plan: impl FnMut(Operation, &Path) -> Option<Fault> + Send + 'static) {
        self.0.lock().plan = Some(Box::new(plan));
    }

    /// Nothing fails any longer.
    pub fn mend(&self) {
        let mut state = self.0.lock();
        (state.plan, state.room) = (None, None);
    }

    /// The power goes instead of the operation of this number from now on, which is at least 1.
    pub fn cut_power_after(&self, operations: u64) {
        self.0.lock().power = Some(operations);
    }

    /// True if the power has gone.
    pub fn is_off(&self) -> bool {
        self.0.lock().is_off()
    }

    /// The disk holds so many bytes more than now.
    pub fn set_room(&self, len: usize) {
        let mut state = self.0.lock();
        state.room = Some(state.taken() + len);
    }

    /// What may be left after a power cut now.
    pub fn after_power_cut(&self, seed: u64) -> FaultyFiles {
        let (mut rng, state) = (Rng::new(seed), self.0.lock());
        let mut names = state.safe_names.clone();
        for dir in &state.dirs {
            let changes: Vec<_> = state.changes.iter().filter(|change| dir_of(change.path()) == dir).collect();
            let count = rng.below(changes.len() as u64 + 1) as usize;
            changes[..count].iter().for_each(|change| change.apply(&mut names));
        }
        let left = State {
            contents: state.contents.iter().map(|content| content.after_power_cut(&mut rng)).collect(),
            safe_names: names.clone(),
            names,
            dirs: state.dirs.clone(),
            ..State::default()
        };
        FaultyFiles(Arc::new(Mutex::new(left)))
    }

    /// What a file holds now, if it is there.
    pub fn content(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.0.lock();
        Some(state.contents[state.find(path.as_ref()).ok()?].now.clone())
    }

    /// Puts a file there, safely.
    pub fn put(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut state = self.0.lock();
        let number = state.contents.len();
        state.contents.push(Content { now: bytes.to_vec(), safe: bytes.to_vec(), dirty: BTreeSet::new() });
        state.names.insert(path.as_ref().to_owned(), number);
        state.safe_names.insert(path.as_ref().to_owned(), number);
    }

    fn opened(&self, number: usize, path: &Path) -> Arc<dyn File> {
        Arc::new(FaultyFile { files: self.clone(), number, path: path.to_owned() })
    }

    fn create_or_open(&self, path: &Path, is_new: bool) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.ask(Operation::Create, path)?;
        state.dir(dir_of(path))?;
        let number = match state.find(path) {
            Ok(number) if !is_new => number,
            found => {
                if found.is_ok() {
                    state.change(Change::Gone(path.to_owned()));
                }
                let number = state.contents.len();
                state.contents.push(Content::default());
                state.change(Change::Set(path.to_owned(), number));
                number
            }
        };
        drop(state);
        Ok(self.opened(number, path))
    }
}

impl Files for FaultyFiles {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.create_or_open(path, true)
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.create_or_open(path, false)
    }

    /// One process alone is played here.
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.create_or_open(path, false)
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.ask(Operation::Open, path)?;
        let number = state.find(path)?;
        drop(state);
        Ok(self.opened(number, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.ask(Operation::Rename, to)?;
        let number = state.find(from)?;
        state.dir(dir_of(to))?;
        if from == to {
            return Ok(());
        }
        state.change(Change::Set(to.to_owned(), number));
        state.change(Change::Gone(from.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.ask(Operation::Remove, path)?;
        state.find(path)?;
        state.change(Change::Gone(path.to_owned()));
        Ok(())
    }

    /// Folders are safe at once.
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.ask(Operation::CreateDir, path)?;
        state.dir(dir_of(path))?;
        state.dirs.insert(path.to_owned());
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.ask(Operation::SyncDir, dir)?;
        state.dir(dir)?;
        let (here, elsewhere) = std::mem::take(&mut state.changes).into_iter().partition(|change| dir_of(change.path()) == dir);
        state.changes = elsewhere;
        let here: Vec<Change> = here;
        here.iter().for_each(|change| change.apply(&mut state.safe_names));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let mut state = self.0.lock();
        state.ask(Operation::List, dir)?;
        state.dir(dir)?;
        let here = state.names.keys().filter(|path| dir_of(path) == dir);
        Ok(here.filter_map(|path| path.file_name()).map(OsString::from).collect())
    }
}

#[derive(Debug)]
struct FaultyFile {
    files: FaultyFiles,
    number: usize,
    path: PathBuf,
}

impl File for FaultyFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.files.0.lock();
        let len_max = state.ask(Operation::Read, &self.path)?;
        let content = &state.contents[self.number].now;
        let rest = content.get(at as usize..).unwrap_or_default();
        let len = rest.len().min(into.len()).min(len_max);
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut state = self.files.0.lock();
        let len_max = state.ask(Operation::Write, &self.path)?;
        let room = state.room.map(|room| room.saturating_sub(state.taken()));
        let content = &mut state.contents[self.number];
        let start = at as usize;
        // What overwrites needs no room.
        let free = room.map_or(usize::MAX, |room| (content.now.len() + room).saturating_sub(start));
        let len = bytes.len().min(len_max).min(free);
        if len == 0 && !bytes.is_empty() {
            return Err(error(libc::ENOSPC));
        }
        if content.now.len() < start + len {
            content.now.resize(start + len, 0);
        }
        content.now[start..start + len].copy_from_slice(&bytes[..len]);
        content.touch(start, start + len);
        Ok(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.files.0.lock().contents[self.number].now.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.files.0.lock();
        state.ask(Operation::SetLen, &self.path)?;
        let content = &mut state.contents[self.number];
        let (was, len) = (content.now.len(), len as usize);
        content.touch(was.min(len), was.max(len));
        content.now.resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.files.0.lock();
        let asked = state.ask(Operation::Sync, &self.path);
        if state.is_off() {
            return asked.map(drop);
        }
        let content = &mut state.contents[self.number];
        if asked.is_err() {
            // Linux takes the pages for clean from now on: no later flush writes them.
            content.dirty.clear();
        } else {
            content.sync();
        }
        asked.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::files;

    fn written(files: &FaultyFiles, name: &str, text: &[u8]) -> Arc<dyn File> {
        let file = files.create(Path::new(name)).expect("no fault was planned");
        files::write_all_at(&*file, text, 0).expect("no fault was planned");
        file
    }

    /// All that is left after power cuts with many seeds.
    fn left(files: &FaultyFiles, name: &str) -> BTreeSet<Option<Vec<u8>>> {
        (0..200).map(|seed| files.after_power_cut(seed).content(name)).collect()
    }

    #[test]
    fn what_is_flushed_stays_and_the_rest_may_go() {
        let files = FaultyFiles::default();
        let file = written(&files, "a", &[1; PAGE_LEN]);
        assert!(left(&files, "a").contains(&None));
        file.sync().expect("no fault was planned");
        assert_eq!(left(&files, "a"), BTreeSet::from([None, Some(vec![1; PAGE_LEN])]));
        files.sync_dir(Path::new(".")).expect("no fault was planned");
        assert_eq!(left(&files, "a"), BTreeSet::from([Some(vec![1; PAGE_LEN])]));
        files::write_all_at(&*file, &[2; 2 * PAGE_LEN], 0).expect("no fault was planned");
        let left = left(&files, "a");
        assert!(left.len() > 3);
        // The second page may have come without the first.
        assert!(left.iter().flatten().any(|content| content[0] == 1 && content.ends_with(&[2])));
    }

    #[test]
    fn a_file_is_replaced_or_not() {
        let files = FaultyFiles::default();
        files.put("a", b"old");
        let file = written(&files, "new", b"text");
        file.sync().expect("no fault was planned");
        files.rename(Path::new("new"), Path::new("a")).expect("no fault was planned");
        assert_eq!(left(&files, "a"), BTreeSet::from([Some(b"old".to_vec()), Some(b"text".to_vec())]));
        let both = |seed| [files.after_power_cut(seed).content("a"), files.after_power_cut(seed).content("new")];
        assert!((0..200).any(|seed| both(seed) == [Some(b"text".to_vec()), Some(b"text".to_vec())]));
        files.sync_dir(Path::new(".")).expect("no fault was planned");
        assert_eq!(left(&files, "a"), BTreeSet::from([Some(b"text".to_vec())]));
    }

    #[test]
    fn what_a_failed_flush_was_to_write_is_lost() {
        let files = FaultyFiles::default();
        files.put("a", b"old");
        let file = files.open_or_create(Path::new("a")).expect("it is there");
        files::write_all_at(&*file, b"new", 0).expect("no fault was planned");
        files.set_fault(|operation, _| (operation == Operation::Sync).then_some(Fault::Error(libc::EIO)));
        assert_eq!(file.sync().map_err(|error| error.raw_os_error()), Err(Some(libc::EIO)));
        files.mend();
        file.sync().expect("no fault is planned any longer");
        assert_eq!(left(&files, "a"), BTreeSet::from([Some(b"old".to_vec())]));
        assert_eq!(files.content("a"), Some(b"new".to_vec()));
    }

    #[test]
    fn a_full_disk_takes_a_part() {
        let files = FaultyFiles::default();
        files.set_room(5);
        let file = files.create(Path::new("a")).expect("a name takes no room");
        let result = files::write_all_at(&*file, b"too long", 0);
        assert_eq!(result.map_err(|error| error.raw_os_error()), Err(Some(libc::ENOSPC)));
        assert_eq!(files.content("a"), Some(b"too l".to_vec()));
        file.set_len(0).expect("no fault was planned");
        assert_eq!(file.write_at(b"again", 0).expect("there is room"), 5);
    }
}
