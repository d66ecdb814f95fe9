//! Giving the sink what was handed over, and knowing what is still to come.

use std::collections::BTreeMap;
use std::io;

use super::sink::{Piece, Sink, Tag};
use crate::keyspace::entry::{Entry, Type, Value};
use crate::keyspace::handover::{self, Header, Message, Queue, Remains};
use crate::keyspace::string_value;
use crate::keyspace::value::chunk::Chunk;
use crate::keyspace::value::pieces;
use crate::keyspace::value::string::LongString;

/// A value that comes in parts.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) key: Box<[u8]>,
    /// It has left its table.
    is_orphan: bool,
    /// It is a string: saved in no time, while what is kept of it costs memory.
    is_urgent: bool,
    /// Of a list: the node whose turn it is, and those that came before their turn.
    next: usize,
    early: BTreeMap<usize, Chunk>,
}

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub(super) active: BTreeMap<Tag, Active>,
    pub(super) orphans: Vec<Entry>,
    pub(super) remains: Vec<Box<dyn Remains>>,
    pub(super) keys: u64,
    pub(super) elements: u64,
    pub(super) bytes: u64,
}

/// What of a piece counts as data.
fn len(piece: Piece<'_>) -> usize {
    match piece {
        Piece::Part(part) => part.len(),
        Piece::Element(item) | Piece::Member(item) | Piece::Scored(item, _) => item.text_len(),
        Piece::Field(field, value, _) => field.text_len() + value.text_len(),
    }
}

impl Delivery {
    /// The value in a table that is to be saved next.
    pub(super) fn next_active(&self) -> Option<(&Tag, &Active)> {
        let in_tables = || self.active.iter().filter(|(_, active)| !active.is_orphan);
        in_tables().find(|(_, active)| active.is_urgent).or_else(|| in_tables().next())
    }

    /// True if nothing is to come of what was begun.
    pub(super) fn is_idle(&self) -> bool {
        self.active.is_empty() && self.orphans.is_empty() && self.remains.is_empty()
    }

    /// Delivers all that was handed over. True if there was something.
    pub(super) fn deliver(&mut self, queue: &Queue, sink: &mut dyn Sink) -> io::Result<bool> {
        let messages = queue.take_all();
        let is_any = !messages.is_empty();
        for message in messages {
            let bytes = message.bytes();
            let kept = self.deliver_one(message, queue, sink)?;
            queue.note_delivered(bytes - kept);
        }
        Ok(is_any)
    }

    /// Notes what was handed over as [`Delivery::deliver`] does, and tells nobody.
    pub(super) fn discard(&mut self, queue: &Queue) -> bool {
        let messages = queue.take_all();
        let is_any = !messages.is_empty();
        for message in messages {
            match message {
                Message::Begin(key, header) => self.begin(key, header.tag, header.kind),
                Message::End(tag) => _ = self.active.remove(&tag),
                Message::Moved(tag, key) => self.note_moved(tag, key),
                Message::Orphan(entry) => {
                    if let Some(tag) = entry.borrow().boxed().and_then(Value::saving_tag) {
                        self.active.remove(&tag);
                    }
                }
                Message::Entry(..) | Message::Chunk(..) | Message::Remains(_) => {}
            }
        }
        is_any
    }

    fn begin(&mut self, key: Box<[u8]>, tag: Tag, kind: Type) {
        self.active.insert(tag, Active { key, is_orphan: false, is_urgent: kind == Type::String, next: 0, early: BTreeMap::new() });
    }

    fn note_moved(&mut self, tag: Tag, key: Box<[u8]>) {
        if let Some(active) = self.active.get_mut(&tag) {
            active.key = key;
        }
    }

    /// Delivers one message. Returns how much of it is kept for later.
    fn deliver_one(&mut self, message: Message, queue: &Queue, sink: &mut dyn Sink) -> io::Result<usize> {
        match message {
            Message::Entry(db, entry) => {
                let tag = queue.next_tag();
                self.keys += 1;
                sink.key(&handover::header(entry.borrow(), tag, db))?;
                self.deliver_entry(tag, entry, sink)?;
                sink.end(tag)?;
            }
            Message::Begin(key, header) => {
                self.keys += 1;
                sink.key(&Header { key: &key, ..header })?;
                self.begin(key, header.tag, header.kind);
            }
            Message::Chunk(tag, Chunk::Node(number, bytes)) => return self.deliver_node(tag, number, bytes, queue, sink),
            Message::Chunk(tag, chunk) => self.deliver_chunk(tag, chunk, sink)?,
            Message::End(tag) => {
                let ended = self.active.remove(&tag);
                debug_assert!(ended.is_some_and(|ended| ended.early.is_empty()), "each node of a list comes");
                sink.end(tag)?;
            }
            Message::Moved(tag, key) => self.note_moved(tag, key),
            Message::Orphan(entry) => {
                if let Some(active) = entry.borrow().boxed().and_then(Value::saving_tag).and_then(|tag| self.active.get_mut(&tag)) {
                    active.is_orphan = true;
                }
                self.orphans.push(entry);
            }
            Message::Remains(remains) => self.remains.push(remains),
        }
        Ok(0)
    }

    /// Visits pieces and delivers them, up to the first error.
    fn pieces(&mut self, tag: Tag, sink: &mut dyn Sink, visit: impl FnOnce(&mut dyn FnMut(Piece<'_>))) -> io::Result<()> {
        let mut result = Ok(());
        let (mut elements, mut bytes) = (0, 0);
        visit(&mut |piece| {
            elements += u64::from(!matches!(piece, Piece::Part(_)));
            bytes += len(piece) as u64;
            if result.is_ok() {
                result = sink.piece(tag, piece);
            }
        });
        self.elements += elements;
        self.bytes += bytes;
        result
    }

    fn deliver_chunk(&mut self, tag: Tag, chunk: Chunk, sink: &mut dyn Sink) -> io::Result<()> {
        self.pieces(tag, sink, |visit| pieces::of_chunk(chunk, visit))
    }

    /// Delivers a node of a list, and those that waited for it; or keeps it until its turn comes.
    fn deliver_node(&mut self, tag: Tag, number: usize, bytes: Vec<u8>, queue: &Queue, sink: &mut dyn Sink) -> io::Result<usize> {
        let chunk = Chunk::Node(number, bytes);
        let Some(active) = self.active.get_mut(&tag) else { return Ok(0) };
        if number != active.next {
            let kept = chunk.bytes();
            active.early.insert(number, chunk);
            return Ok(kept);
        }
        active.next += 1;
        self.deliver_chunk(tag, chunk, sink)?;
        while let Some(active) = self.active.get_mut(&tag)
            && let Some(chunk) = active.early.remove(&active.next)
        {
            active.next += 1;
            queue.note_delivered(chunk.bytes());
            self.deliver_chunk(tag, chunk, sink)?;
        }
        Ok(0)
    }

    fn deliver_entry(&mut self, tag: Tag, mut entry: Entry, sink: &mut dyn Sink) -> io::Result<()> {
        if let Some(Value::String(LongString::Chunks(chunks))) = entry.borrow_mut().boxed_mut() {
            // Each chunk is given back once it is delivered: from then on a writer need not copy it.
            let chunks = std::mem::take(&mut **chunks);
            return self.pieces(tag, sink, |visit| chunks.consume(|part| visit(Piece::Part(part))));
        }
        let entry = entry.borrow();
        self.pieces(tag, sink, |visit| match entry.boxed() {
            Some(value) => pieces::of_value(value, visit),
            None if entry.is(Type::String) => string_value::with_string(entry.value(), |string| pieces::of_string(string, visit)),
            None => pieces::of_inline(entry.inline(), entry.kind(), entry.encoding(), visit),
        })
    }
}
