//! Writing a snapshot as a file.
//!
//! ```text
//! file    REDIS and four digits, or VALKEY and three: the version | AUX name value ... | record ... | EOF | u64 CRC of all before, or 0
//! record  SELECTDB number | RESIZEDB keys, keys that expire | EXPIRETIME_MS i64 | IDLE seconds | FREQ u8 | type, key, value
//! ```
//!
//! A snapshot delivers the pieces of several keys mixed, while the format wants each key in one piece. One key is written straight through;
//! what comes for others meanwhile is kept aside ([`Spool`]): those that are complete in one stream, as records; of each other one, what has
//! come.
//!
//! Which version the content needs is known at its end: the header is written then, in its place at the beginning. The checksum is linear, so
//! that the header's part of it can be added behind the rest's ([`crate::base::crc64::joined`]).
//!
//! What goes to somebody who reads along ([`FileWriter::stream`]) has its header first, so that its version is the one that its style names.
//!
//! Invariants:
//! * What is kept aside takes at most [`Settings::aside_len_max`] bytes of memory, and a few kilobytes for each large collection under way.
//! * A file is complete, and on the disk, when [`FileWriter::finish`] returns.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::into_keyspace::delay;
use super::output::Output;
use super::save::ValueWriter;
use super::source::push_length;
use super::style::Style;
use super::{opcode, text, version};
use crate::base::crc64;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::snapshot::sink::{Header, Piece, Sink, Tag};
use crate::persist::files::spool::{Spool, StreamId};
use crate::persist::files::{File, Files, write_all_at};

/// Written with one call.
const BLOCK_LEN: usize = 256 * 1024;
/// What is written between two flushes to the disk, if it is flushed on the way: so the last one is short, and the system does not hold back
/// gigabytes.
const SYNC_LEN: u64 = 4 * 1024 * 1024;
/// Of a value that waits, this much goes into the spool at a time.
const PART_LEN: usize = 16 * 1024;
/// Length of the header.
const MAGIC_LEN: usize = 9;

/// What a file says of when keys were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// Nothing.
    Nothing,
    /// For how many seconds they were not.
    Idle,
    /// How often, as the counter of LFU counts.
    Frequency,
}

/// What a file is written with.
#[derive(Debug)]
pub struct Settings {
    /// Forms of values.
    pub style: Style,
    /// The file ends with a checksum; else with zeros.
    pub has_checksum: bool,
    /// It is flushed to the disk on the way.
    pub syncs_on_the_way: bool,
    /// What it says of when keys were used.
    pub used: Used,
    /// Now.
    pub clock: AccessClock,
    /// What the file says of itself.
    pub aux: Vec<(&'static str, String)>,
    /// Microseconds to wait after each key; if negative, one after so many keys. For tests.
    pub key_delay_us: i64,
    /// What may be kept aside in memory, in bytes.
    pub aside_len_max: usize,
    /// Told how many keys were written.
    pub keys_written: Arc<AtomicU64>,
    /// Set by who wants it to end.
    pub is_cancelled: Arc<AtomicBool>,
}

/// A file that grows.
#[derive(Debug)]
struct Destination {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// What has been written, the header included.
    len: u64,
    /// Of what was written behind the header.
    crc: Option<u64>,
    syncs_on_the_way: bool,
    synced: u64,
    /// The header stands there already.
    has_header: bool,
    /// The database that was selected last.
    db: Option<u32>,
    /// Keys, and keys that expire, of databases that were not selected yet.
    sizes: BTreeMap<u32, (u64, u64)>,
}

impl Destination {
    fn write(&mut self) -> io::Result<()> {
        write_all_at(&*self.file, &self.buffer, self.len)?;
        self.crc = self.crc.map(|crc| crc64::more(crc, &self.buffer));
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        if self.syncs_on_the_way && self.len - self.synced >= SYNC_LEN {
            self.file.sync()?;
            self.synced = self.len;
        }
        Ok(())
    }

    /// Appends what was kept aside.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.settle()
    }

    fn select(&mut self, db: u32) {
        if self.db.replace(db) == Some(db) {
            return;
        }
        push_select(&mut self.buffer, db);
        if let Some((keys, expiring)) = self.sizes.remove(&db) {
            self.buffer.push(opcode::RESIZEDB);
            push_length(&mut self.buffer, keys);
            push_length(&mut self.buffer, expiring);
        }
    }
}

impl Output for Destination {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn settle(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BLOCK_LEN { self.write() } else { Ok(()) }
    }
}

fn push_select(out: &mut Vec<u8>, db: u32) {
    out.push(opcode::SELECTDB);
    push_length(out, u64::from(db));
}

/// A value that waits until it is its turn.
#[derive(Debug)]
struct Waiting {
    value: ValueWriter,
    db: u32,
    /// What was written of it and is not in the spool yet.
    bytes: Vec<u8>,
    stream: Option<StreamId>,
    /// All of it has come.
    has_ended: bool,
}

/// See the module's page.
#[derive(Debug)]
pub struct FileWriter {
    to: Destination,
    settings: Settings,
    /// The value that is written straight through.
    current: Option<(Tag, ValueWriter)>,
    waiting: BTreeMap<Tag, Waiting>,
    /// Records that are complete, and the database that was selected last among them.
    complete: Option<(StreamId, u32)>,
    spool: Spool,
    version: u16,
    keys: u64,
}

fn push_aux(buffer: &mut Vec<u8>, name: &str, value: &str) {
    buffer.push(opcode::AUX);
    text::push(buffer, name.as_bytes(), false);
    text::push(buffer, value.as_bytes(), false);
}

impl FileWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// The system's.
    pub fn create(files: &Arc<dyn Files>, path: &Path, settings: Settings) -> io::Result<FileWriter> {
        let file = files.create(path)?;
        Ok(FileWriter::begin(files, file, path, settings, false))
    }

    /// Begins to write to a file that takes everything in order, and nothing twice. What is kept aside lies in a file whose name begins with
    /// `path`.
    pub fn stream(files: &Arc<dyn Files>, file: Arc<dyn File>, path: &Path, settings: Settings) -> FileWriter {
        FileWriter::begin(files, file, path, settings, true)
    }

    fn begin(files: &Arc<dyn Files>, file: Arc<dyn File>, path: &Path, settings: Settings, has_header: bool) -> FileWriter {
        let mut aside = path.as_os_str().to_owned();
        aside.push("-aside");
        let mut to = Destination {
            file,
            buffer: Vec::with_capacity(2 * BLOCK_LEN),
            len: if has_header { 0 } else { MAGIC_LEN as u64 },
            crc: settings.has_checksum.then_some(0),
            syncs_on_the_way: settings.syncs_on_the_way,
            synced: 0,
            has_header,
            db: None,
            sizes: BTreeMap::new(),
        };
        if has_header {
            to.buffer.extend_from_slice(&magic(settings.style.content_max));
        }
        settings.aux.iter().for_each(|(name, value)| push_aux(&mut to.buffer, name, value));
        FileWriter {
            to,
            current: None,
            waiting: BTreeMap::new(),
            complete: None,
            spool: Spool::new(Arc::clone(files), PathBuf::from(aside), settings.aside_len_max),
            version: version::LISTPACKS,
            keys: 0,
            settings,
        }
    }

    /// Says something about the file, before there is any key in it.
    pub fn note(&mut self, name: &str, value: &str) {
        push_aux(&mut self.to.buffer, name, value);
    }

    /// Says how many keys, and keys that expire, a database has: who reads the file sets the table's memory aside at once.
    pub fn announce(&mut self, db: u32, keys: u64, expiring: u64) {
        self.to.sizes.insert(db, (keys, expiring));
    }

    /// Writes the end and the header, and flushes it to the disk. Returns the file's length.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<u64> {
        assert!(self.current.is_none() && self.waiting.is_empty(), "a snapshot ends when all values have");
        self.to.buffer.push(opcode::EOF);
        self.to.write()?;
        let magic = magic(self.settings.style.version(self.version));
        let behind_header = |crc| crc64::joined(crc64::crc64(&magic), crc, self.to.len - MAGIC_LEN as u64);
        let crc = self.to.crc.map_or(0, |crc| if self.to.has_header { crc } else { behind_header(crc) });
        // It is no part of what it is computed of.
        self.to.crc = None;
        self.to.buffer.extend_from_slice(&crc.to_le_bytes());
        self.to.write()?;
        if !self.to.has_header {
            write_all_at(&*self.to.file, &magic, 0)?;
        }
        self.to.file.sync()?;
        Ok(self.to.len)
    }

    /// Writes what was kept aside and is complete, and goes on with the first of the values that are not.
    fn go_on(&mut self) -> io::Result<()> {
        if let Some((stream, db)) = self.complete.take() {
            self.spool.read(stream, &mut |bytes| self.to.append(bytes))?;
            self.spool.remove(stream);
            self.to.db = Some(db);
        }
        while let Some((tag, waiting)) = self.waiting.pop_first() {
            self.to.select(waiting.db);
            if let Some(stream) = waiting.stream {
                self.spool.read(stream, &mut |bytes| self.to.append(bytes))?;
                self.spool.remove(stream);
            }
            let mut value = waiting.value;
            value.move_by(self.to.buffer.len());
            self.to.buffer.extend_from_slice(&waiting.bytes);
            if !waiting.has_ended {
                self.current = Some((tag, value));
                break;
            }
            value.end(&mut self.to, &mut self.spool)?;
        }
        Ok(())
    }

    /// Puts a value that has ended among those that are complete.
    fn complete(&mut self, waiting: Waiting) -> io::Result<()> {
        let Waiting { value, db, mut bytes, .. } = waiting;
        value.end(&mut bytes, &mut self.spool)?;
        let (stream, selected) = self.complete.unwrap_or_else(|| (self.spool.open(), u32::MAX));
        if selected != db {
            let mut select = Vec::new();
            push_select(&mut select, db);
            self.spool.append(stream, &select)?;
        }
        self.complete = Some((stream, db));
        self.spool.append(stream, &bytes)
    }
}

/// What comes before a record's type.
fn push_particulars(out: &mut Vec<u8>, header: &Header<'_>, settings: &Settings) {
    if let Some(expiry_ms) = header.expiry_ms {
        out.push(opcode::EXPIRETIME_MS);
        out.extend_from_slice(&expiry_ms.to_le_bytes());
    }
    match settings.used {
        Used::Nothing => {}
        Used::Idle => {
            out.push(opcode::IDLE);
            push_length(out, u64::from(settings.clock.idle_seconds(header.access_clock)));
        }
        Used::Frequency => {
            out.push(opcode::FREQ);
            out.push(settings.clock.frequency(header.access_clock) as u8);
        }
    }
}

/// How a file of this version begins.
fn magic(version: u16) -> [u8; MAGIC_LEN] {
    let name = if version >= version::VALKEY_MIN { "VALKEY" } else { "REDIS0" };
    let mut magic = [0; MAGIC_LEN];
    magic.copy_from_slice(format!("{name}{version:03}").as_bytes());
    magic
}

impl Sink for FileWriter {
    fn key(&mut self, header: &Header<'_>) -> io::Result<()> {
        if self.settings.is_cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let style = self.settings.style;
        let key = |out: &mut Vec<u8>| text::push(out, header.key, style.compresses);
        let version = if self.current.is_none() {
            self.to.select(header.db);
            push_particulars(&mut self.to.buffer, header, &self.settings);
            let (value, version) = ValueWriter::begin(header, style, &mut self.to.buffer, key)?;
            self.current = Some((header.tag, value));
            version
        } else {
            let mut bytes = Vec::new();
            push_particulars(&mut bytes, header, &self.settings);
            let (value, version) = ValueWriter::begin(header, style, &mut bytes, key)?;
            self.waiting.insert(header.tag, Waiting { value, db: header.db, bytes, stream: None, has_ended: false });
            version
        };
        self.version = self.version.max(version);
        self.keys += 1;
        self.settings.keys_written.store(self.keys, Ordering::Relaxed);
        delay(self.settings.key_delay_us, self.keys, &self.settings.is_cancelled);
        Ok(())
    }

    fn piece(&mut self, tag: Tag, piece: Piece<'_>) -> io::Result<()> {
        if let Some((_, value)) = self.current.as_mut().filter(|(current, _)| *current == tag) {
            return value.piece(piece, &mut self.to, &mut self.spool);
        }
        let waiting = self.waiting.get_mut(&tag).ok_or(io::ErrorKind::InvalidData)?;
        waiting.value.piece(piece, &mut waiting.bytes, &mut self.spool)?;
        if waiting.bytes.len() >= PART_LEN && waiting.value.is_certain() {
            let stream = *waiting.stream.get_or_insert_with(|| self.spool.open());
            self.spool.append(stream, &waiting.bytes)?;
            waiting.bytes.clear();
        }
        Ok(())
    }

    fn end(&mut self, tag: Tag) -> io::Result<()> {
        if let Some((_, value)) = self.current.take_if(|(current, _)| *current == tag) {
            value.end(&mut self.to, &mut self.spool)?;
            return if self.complete.is_some() || !self.waiting.is_empty() { self.go_on() } else { Ok(()) };
        }
        let mut waiting = self.waiting.remove(&tag).ok_or(io::ErrorKind::InvalidData)?;
        // What is long stays where it is, and is not copied from one stream of the spool into another.
        if waiting.stream.is_some() || waiting.value.has_long_end() {
            waiting.has_ended = true;
            self.waiting.insert(tag, waiting);
            return Ok(());
        }
        self.complete(waiting)
    }
}
