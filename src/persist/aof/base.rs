//! Writing the base of an append only file as requests, which `aof-use-rdb-preamble no` asks for.
//!
//! A snapshot delivers the pieces of several keys mixed, and requests may stand as mixed as that: each names its key, and only those of one key
//! have an order. So nothing but what is pending in streams has to wait: it needs its entries, and they come in between ([`Spool`]).
//!
//! As in Valkey, the base tells less of streams than a snapshot does: entries that are pending though they were deleted, and when consumers
//! were seen, are not in it.
//!
//! Invariants:
//! * A request has at most [`ITEMS_MAX`] elements, or [`ITEMS_LEN_MAX`] bytes and one element more: so much of each collection is in memory.
//! * A key's expiry comes last: whatever reads the base has all of the value before it ends.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::resp::format_shortest;

use super::requests::time_remark;
use crate::base::requests::{push_header, push_select, push_word};
use crate::datatypes::items::Item;
use crate::datatypes::list_node as node;
use crate::datatypes::stream_id::StreamId;
use crate::keyspace::entry::Type;
use crate::keyspace::snapshot::sink::{Header, Piece, Sink, Tag};
use crate::keyspace::value::stream::Figures;
use crate::keyspace::value::stream::head::GroupHead;
use crate::persist::files::spool::{self, Spool};
use crate::persist::files::{File, Files, write_all_at};
use crate::persist::rdb::into_keyspace::delay;

/// Written with one call.
const BLOCK_LEN: usize = 256 * 1024;
/// What is written between two flushes to the disk, if it is flushed on the way.
const SYNC_LEN: u64 = 4 * 1024 * 1024;
/// Most elements of one request, as in Valkey.
const ITEMS_MAX: usize = 64;
/// Bytes of elements from which on a request gets no more.
const ITEMS_LEN_MAX: usize = 16 * 1024;

/// What a base is written with.
#[derive(Debug)]
pub struct Settings {
    /// It is flushed to the disk on the way.
    pub syncs_on_the_way: bool,
    /// It begins with this time, unix seconds.
    pub time_s: Option<i64>,
    /// Microseconds to wait after each key; if negative, one after so many keys. For tests.
    pub key_delay_us: i64,
    /// What may be kept aside in memory, in bytes.
    pub aside_len_max: usize,
    /// Told how many keys were written.
    pub keys_written: Arc<AtomicU64>,
    /// Set by who wants it to end.
    pub is_cancelled: Arc<AtomicBool>,
}

/// A value that is on its way.
#[derive(Debug)]
struct Active {
    db: u32,
    key: Box<[u8]>,
    kind: Type,
    expiry_ms: Option<i64>,
    /// Words of the elements that were not written yet, and how many elements they are.
    items: Vec<u8>,
    count: usize,
    /// Something of it was written.
    has_begun: bool,
    figures: Figures,
    groups: Vec<GroupHead>,
    pending: Option<spool::StreamId>,
}

/// See the module's page.
#[derive(Debug)]
pub struct BaseWriter {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    len: u64,
    synced: u64,
    /// The database that was selected last.
    db: Option<u32>,
    active: BTreeMap<Tag, Active>,
    spool: Spool,
    keys: u64,
    settings: Settings,
}

fn id_text(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

fn push_item(out: &mut Vec<u8>, item: Item<'_>) {
    item.with_text(|text| push_word(out, text));
}

fn push_request(out: &mut Vec<u8>, words: &[&[u8]]) {
    push_header(out, words.len());
    words.iter().for_each(|word| push_word(out, word));
}

impl Active {
    /// The command that adds elements, and how many words each of them is.
    fn adding(&self) -> (&'static [u8], usize) {
        match self.kind {
            Type::List => (b"RPUSH", 1),
            Type::Set => (b"SADD", 1),
            Type::Zset => (b"ZADD", 2),
            Type::Hash => (b"HMSET", 2),
            other @ (Type::String | Type::Stream) => unreachable!("a {} has no elements that are added in one request", other.name()),
        }
    }

    /// Adds one more to the elements that are to be written.
    fn add(&mut self, out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
        push(&mut self.items);
        self.count += 1;
        if self.count == ITEMS_MAX || self.items.len() >= ITEMS_LEN_MAX {
            self.flush(out);
        }
    }

    /// Writes the request for the elements that have come.
    fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let (command, words) = self.adding();
        push_header(out, 2 + words * self.count);
        push_word(out, command);
        push_word(out, &self.key);
        out.append(&mut self.items);
        self.count = 0;
    }

    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>, spool: &mut Spool) -> io::Result<()> {
        match piece {
            Piece::Part(part) => {
                let command: &[u8] = if self.has_begun { b"APPEND" } else { b"SET" };
                push_request(out, &[command, &self.key, part]);
                self.has_begun = true;
            }
            Piece::Node(bytes) => node::items(bytes).for_each(|element| self.add(out, |items| push_item(items, element))),
            Piece::Member(member) => self.add(out, |items| push_item(items, member)),
            Piece::Scored(member, score) => self.add(out, |items| {
                push_word(items, &format_shortest(score));
                push_item(items, member);
            }),
            Piece::Field(field, value, None) => self.add(out, |items| {
                push_item(items, field);
                push_item(items, value);
            }),
            Piece::Field(field, value, Some(expiry_ms)) => {
                push_header(out, 8);
                push_word(out, b"HSETEX");
                push_word(out, &self.key);
                push_word(out, b"PXAT");
                push_word(out, expiry_ms.to_string().as_bytes());
                push_word(out, b"FIELDS");
                push_word(out, b"1");
                push_item(out, field);
                push_item(out, value);
            }
            Piece::Figures(figures) => self.figures = figures,
            Piece::Group(_, head) => self.groups.push(head.clone()),
            Piece::Entries(node_id, node) => {
                let mut at = node.begin();
                while at < node.end() {
                    let entry = node.entry(node_id, at);
                    if !entry.is_deleted {
                        push_header(out, 3 + 2 * entry.fields());
                        push_word(out, b"XADD");
                        push_word(out, &self.key);
                        push_word(out, id_text(entry.id).as_bytes());
                        entry.for_each(|field, value| {
                            push_item(out, field);
                            push_item(out, value);
                        });
                    }
                    at = entry.next;
                }
            }
            Piece::Pending(number, id, pending) => {
                let group = &self.groups[number as usize];
                let Some(consumer) = group.consumers.iter().find(|consumer| consumer.number == pending.consumer) else { return Ok(()) };
                let (time, count, id) = (pending.delivered_ms.to_string(), pending.deliveries.to_string(), id_text(id));
                let mut claim = Vec::new();
                let words: [&[u8]; 12] = [
                    b"XCLAIM",
                    &self.key,
                    &group.name,
                    &consumer.name,
                    b"0",
                    id.as_bytes(),
                    b"TIME",
                    time.as_bytes(),
                    b"RETRYCOUNT",
                    count.as_bytes(),
                    b"JUSTID",
                    b"FORCE",
                ];
                push_request(&mut claim, &words);
                let stream = *self.pending.get_or_insert_with(|| spool.open());
                spool.append(stream, &claim)?;
            }
        }
        Ok(())
    }

    /// What comes behind a stream's entries, but for what is pending.
    fn end_of_stream(&self, out: &mut Vec<u8>) {
        let (figures, key) = (&self.figures, &self.key[..]);
        if figures.len == 0 {
            push_request(out, &[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        let (last, added, deleted) = (id_text(figures.last_id), figures.entries_added.to_string(), id_text(figures.max_deleted_id));
        let words: [&[u8]; 7] = [b"XSETID", key, last.as_bytes(), b"ENTRIESADDED", added.as_bytes(), b"MAXDELETEDID", deleted.as_bytes()];
        push_request(out, &words);
        for group in &self.groups {
            let (last, read) = (id_text(group.last_id), group.entries_read.map_or_else(|| "-1".to_owned(), |read| read.to_string()));
            push_request(out, &[b"XGROUP", b"CREATE", key, &group.name, last.as_bytes(), b"ENTRIESREAD", read.as_bytes()]);
            for consumer in &group.consumers {
                push_request(out, &[b"XGROUP", b"CREATECONSUMER", key, &group.name, &consumer.name]);
            }
        }
    }
}

impl BaseWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// The system's.
    pub fn create(files: &Arc<dyn Files>, path: &Path, settings: Settings) -> io::Result<BaseWriter> {
        let file = files.create(path)?;
        let mut aside = path.as_os_str().to_owned();
        aside.push("-aside");
        let buffer = settings.time_s.map_or_else(Vec::new, time_remark);
        let spool = Spool::new(Arc::clone(files), PathBuf::from(aside), settings.aside_len_max);
        Ok(BaseWriter { file, buffer, len: 0, synced: 0, db: None, active: BTreeMap::new(), spool, keys: 0, settings })
    }

    /// Writes what is left, and flushes it to the disk. Returns the file's length.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<u64> {
        assert!(self.active.is_empty(), "a snapshot ends when all values have");
        self.write()?;
        self.file.sync()?;
        Ok(self.len)
    }

    fn write(&mut self) -> io::Result<()> {
        write_all_at(&*self.file, &self.buffer, self.len)?;
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        if self.settings.syncs_on_the_way && self.len - self.synced >= SYNC_LEN {
            self.file.sync()?;
            self.synced = self.len;
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BLOCK_LEN { self.write() } else { Ok(()) }
    }

    fn select(&mut self, db: u32) {
        if self.db.replace(db) != Some(db) {
            push_select(&mut self.buffer, db);
        }
    }
}

impl Sink for BaseWriter {
    fn key(&mut self, header: &Header<'_>) -> io::Result<()> {
        if self.settings.is_cancelled.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let active = Active {
            db: header.db,
            key: header.key.into(),
            kind: header.kind,
            expiry_ms: header.expiry_ms,
            items: Vec::new(),
            count: 0,
            has_begun: false,
            figures: Figures::default(),
            groups: Vec::new(),
            pending: None,
        };
        self.active.insert(header.tag, active);
        self.keys += 1;
        self.settings.keys_written.store(self.keys, Ordering::Relaxed);
        delay(self.settings.key_delay_us, self.keys, &self.settings.is_cancelled);
        Ok(())
    }

    fn piece(&mut self, tag: Tag, piece: Piece<'_>) -> io::Result<()> {
        let db = self.active.get(&tag).ok_or(io::ErrorKind::InvalidData)?.db;
        self.select(db);
        let active = self.active.get_mut(&tag).ok_or(io::ErrorKind::InvalidData)?;
        active.piece(piece, &mut self.buffer, &mut self.spool)?;
        self.settle()
    }

    fn end(&mut self, tag: Tag) -> io::Result<()> {
        let mut active = self.active.remove(&tag).ok_or(io::ErrorKind::InvalidData)?;
        self.select(active.db);
        match active.kind {
            // One without bytes had no piece.
            Type::String if !active.has_begun => push_request(&mut self.buffer, &[b"SET", &active.key, b""]),
            Type::String => {}
            Type::Stream => active.end_of_stream(&mut self.buffer),
            _ => active.flush(&mut self.buffer),
        }
        if let Some(stream) = active.pending {
            // As it lies there: it may be as much as is kept aside in memory.
            self.write()?;
            let BaseWriter { file, len, spool, .. } = self;
            spool.read(stream, &mut |bytes| {
                write_all_at(&**file, bytes, *len)?;
                *len += bytes.len() as u64;
                Ok(())
            })?;
            self.spool.remove(stream);
        }
        if let Some(expiry_ms) = active.expiry_ms {
            push_request(&mut self.buffer, &[b"PEXPIREAT", &active.key, expiry_ms.to_string().as_bytes()]);
        }
        self.settle()
    }
}
