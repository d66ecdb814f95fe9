//! Bytes that are kept aside until their turn comes: any number of streams, each of which is appended to and read once from its beginning.
//!
//! They lie in memory up to a bound. Beyond it the longest one goes to a temporary file, which all share.
//!
//! Invariant: memory beyond the bound is at most what one call appends.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{File, Files, read_exact_at, write_all_at};

/// Read from the file at a time.
const PART_LEN: usize = 64 * 1024;

/// Names a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u64);

#[derive(Debug, Default)]
struct Stream {
    /// Parts of the file that it begins with: where, and how long.
    parts: Vec<(u64, u64)>,
    /// What follows.
    memory: Vec<u8>,
}

/// A file that comes into being when it is needed, and goes at the end.
#[derive(Debug)]
struct Temporary {
    files: Arc<dyn Files>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    len: u64,
}

/// See the module's page.
#[derive(Debug)]
pub struct Spool {
    streams: BTreeMap<StreamId, Stream>,
    next: u64,
    in_memory: usize,
    in_memory_max: usize,
    temporary: Option<Temporary>,
}

impl Spool {
    /// One that keeps at most so many bytes in memory, and the others in a file of this path.
    pub fn new(files: Arc<dyn Files>, path: PathBuf, in_memory_max: usize) -> Spool {
        let mut spool = Spool::in_memory();
        spool.in_memory_max = in_memory_max;
        spool.temporary = Some(Temporary { files, path, file: None, len: 0 });
        spool
    }

    /// One that keeps all in memory.
    pub fn in_memory() -> Spool {
        Spool { streams: BTreeMap::new(), next: 0, in_memory: 0, in_memory_max: usize::MAX, temporary: None }
    }

    /// Begins a stream.
    pub fn open(&mut self) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.streams.insert(id, Stream::default());
        id
    }

    /// Appends to a stream.
    ///
    /// # Errors
    /// The file's.
    pub fn append(&mut self, id: StreamId, bytes: &[u8]) -> io::Result<()> {
        self.streams.entry(id).or_default().memory.extend_from_slice(bytes);
        self.in_memory += bytes.len();
        while self.in_memory > self.in_memory_max && self.spill()? {}
        Ok(())
    }

    /// Puts the longest stream into the file. False if there is none.
    fn spill(&mut self) -> io::Result<bool> {
        let longest = self.streams.values_mut().max_by_key(|stream| stream.memory.len()).filter(|stream| !stream.memory.is_empty());
        let (Some(stream), Some(temporary)) = (longest, &mut self.temporary) else { return Ok(false) };
        let file = match &temporary.file {
            Some(file) => file,
            None => temporary.file.insert(temporary.files.create(&temporary.path)?),
        };
        write_all_at(&**file, &stream.memory, temporary.len)?;
        let len = stream.memory.len();
        stream.parts.push((temporary.len, len as u64));
        stream.memory = Vec::new();
        temporary.len += len as u64;
        self.in_memory -= len;
        Ok(true)
    }

    /// Visits what a stream holds, part by part, and leaves it there.
    ///
    /// # Errors
    /// The file's, or the visitor's.
    pub fn read(&self, id: StreamId, visit: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let Some(stream) = self.streams.get(&id) else { return Ok(()) };
        if let Some(file) = self.temporary.as_ref().and_then(|temporary| temporary.file.as_ref()) {
            let mut part = Vec::new();
            for (start, len) in &stream.parts {
                let mut done = 0;
                while done < *len {
                    part.resize(PART_LEN.min((len - done) as usize), 0);
                    read_exact_at(&**file, &mut part, start + done)?;
                    visit(&part)?;
                    done += part.len() as u64;
                }
            }
        }
        if stream.memory.is_empty() { Ok(()) } else { visit(&stream.memory) }
    }

    /// Visits the records of `N` bytes each that a stream consists of, and leaves them there.
    ///
    /// # Errors
    /// The file's, or the visitor's.
    pub fn read_records<const N: usize>(&self, id: StreamId, visit: &mut dyn FnMut(&[u8; N]) -> io::Result<()>) -> io::Result<()> {
        let mut cut = Vec::new();
        self.read(id, &mut |mut bytes| {
            if !cut.is_empty() {
                let (rest, others) = bytes.split_at(bytes.len().min(N - cut.len()));
                cut.extend_from_slice(rest);
                bytes = others;
                if let Some(record) = cut.first_chunk() {
                    visit(record)?;
                    cut.clear();
                }
            }
            let (records, rest) = bytes.as_chunks::<N>();
            cut.extend_from_slice(rest);
            records.iter().try_for_each(&mut *visit)
        })
    }

    /// Ends a stream.
    pub fn remove(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        self.in_memory -= stream.memory.len();
        if self.streams.values().all(|stream| stream.parts.is_empty())
            && let Some(temporary) = &mut self.temporary
            && temporary.len > 0
        {
            // Written from the beginning again. That it does not become shorter does no harm.
            temporary.len = 0;
            let _ = temporary.file.as_ref().map(|file| file.set_len(0));
        }
    }

    /// True if all streams are in memory.
    pub fn is_in_memory(&self) -> bool {
        self.temporary.as_ref().is_none_or(|temporary| temporary.len == 0)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(Temporary { files, path, file: Some(_), .. }) = &self.temporary {
            // One that stays is overwritten by the next snapshot.
            let _ = files.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::persist::files::faulty::FaultyFiles;

    proptest! {
        #[test]
        fn streams_come_back(steps in prop::collection::vec((0..4usize, 0..40usize, any::<bool>()), 0..60), bound in 0..200usize) {
            let files = FaultyFiles::default();
            let mut spool = Spool::new(Arc::new(files.clone()), "aside".into(), bound);
            let mut model: Vec<(StreamId, Vec<u8>)> = (0..4).map(|_| (spool.open(), Vec::new())).collect();
            for (number, (which, len, ends)) in steps.into_iter().enumerate() {
                let (id, content) = &mut model[which];
                let bytes = vec![number as u8; len * 8];
                spool.append(*id, &bytes).expect("no fault was planned");
                content.extend_from_slice(&bytes);
                prop_assert!(spool.in_memory <= bound.max(len * 8));
                let mut found = Vec::new();
                spool.read(*id, &mut |part| { found.extend_from_slice(part); Ok(()) }).expect("no fault was planned");
                prop_assert_eq!(&found, &*content);
                found.clear();
                spool.read_records::<8>(*id, &mut |record| { found.extend_from_slice(record); Ok(()) }).expect("no fault was planned");
                prop_assert_eq!(&found, &*content);
                if ends {
                    spool.remove(*id);
                    model[which] = (spool.open(), Vec::new());
                }
            }
            drop(spool);
            prop_assert_eq!(files.content(Path::new("aside")), None);
        }
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let files = FaultyFiles::default();
        files.set_room(10);
        let mut spool = Spool::new(Arc::new(files), "aside".into(), 5);
        let id = spool.open();
        spool.append(id, b"12345").expect("it fits into memory");
        assert!(spool.is_in_memory());
        assert!(spool.append(id, b"67").is_ok() && !spool.is_in_memory());
        assert!(spool.append(id, b"890123").is_err());
    }
}
