//! Giving the sink what was handed over, and knowing what is still to come.

use std::collections::BTreeMap;
use std::io;

use super::sink::{self, Piece, Sink, Tag};
use crate::keyspace::entry::{Entry, Type, Value};
use crate::keyspace::handover::{self, Begun, Header, Message, Queue, Remains};
use crate::keyspace::value::chunk::{Chunk, Turn};
use crate::keyspace::value::pieces;
use crate::keyspace::value::stream::StreamId;
use crate::keyspace::value::string::LongString;

/// Where a node lies among those of its list, by its number, or of its stream, by its ID.
type Order = (u64, u64);

fn order(id: StreamId) -> Order {
    (id.ms, id.seq)
}

/// A value that comes in parts.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) key: Box<[u8]>,
    /// It has left its table.
    is_orphan: bool,
    /// It is a string: saved in no time, while what is kept of it costs memory.
    is_urgent: bool,
    /// Of a list: the node whose turn it is.
    next: usize,
    /// Of a list or a stream: the nodes that came before their turn, in their order.
    early: BTreeMap<Order, Chunk>,
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
        let mut is_any = false;
        for message in queue.take_all() {
            is_any = true;
            let bytes = message.bytes();
            let kept = self.deliver_one(message, queue, sink)?;
            queue.note_delivered(bytes - kept);
        }
        Ok(is_any)
    }

    /// Notes what was handed over as [`Delivery::deliver`] does, and tells nobody.
    pub(super) fn discard(&mut self, queue: &Queue) -> bool {
        let mut is_any = false;
        for message in queue.take_all() {
            is_any = true;
            match message {
                Message::Begin(begun) => self.begin(begun.key, begun.header.tag, begun.header.kind),
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
            Message::Begin(begun) => {
                let Begun { key, header } = *begun;
                self.keys += 1;
                sink.key(&Header { key: &key, ..header })?;
                self.begin(key, header.tag, header.kind);
            }
            Message::Chunk(tag, Chunk::Node(number, bytes)) => return self.deliver_node(tag, number, bytes, queue, sink),
            Message::Chunk(tag, Chunk::Entries(Turn::Early, id, node)) => {
                return Ok(self.keep(tag, order(id), Chunk::Entries(Turn::Early, id, node)));
            }
            Message::Chunk(tag, chunk) => {
                if let Chunk::Entries(_, id, _) = chunk {
                    self.deliver_early(tag, Some(order(id)), queue, sink)?;
                }
                self.deliver_chunk(tag, chunk, sink)?;
            }
            Message::End(tag) => {
                self.deliver_early(tag, None, queue, sink)?;
                self.active.remove(&tag);
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
            elements += piece.elements();
            bytes += piece.len() as u64;
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

    /// Keeps a part that came early. Returns how much that is.
    fn keep(&mut self, tag: Tag, place: Order, chunk: Chunk) -> usize {
        let bytes = chunk.bytes();
        self.active.get_mut(&tag).map_or(0, |active| {
            active.early.insert(place, chunk);
            bytes
        })
    }

    /// Delivers what came early and goes before this place, or all of it.
    fn deliver_early(&mut self, tag: Tag, before: Option<Order>, queue: &Queue, sink: &mut dyn Sink) -> io::Result<()> {
        while let Some(active) = self.active.get_mut(&tag)
            && let Some(first) = active.early.first_entry().filter(|first| before.is_none_or(|before| *first.key() < before))
        {
            let chunk = first.remove();
            queue.note_delivered(chunk.bytes());
            self.deliver_chunk(tag, chunk, sink)?;
        }
        Ok(())
    }

    /// Delivers a node of a list, and those that waited for it; or keeps it until its turn comes.
    fn deliver_node(&mut self, tag: Tag, number: usize, bytes: Vec<u8>, queue: &Queue, sink: &mut dyn Sink) -> io::Result<usize> {
        let chunk = Chunk::Node(number, bytes);
        let key = |number: usize| (0, number as u64);
        let Some(active) = self.active.get_mut(&tag) else { return Ok(0) };
        if number != active.next {
            return Ok(self.keep(tag, key(number), chunk));
        }
        active.next += 1;
        self.deliver_chunk(tag, chunk, sink)?;
        while let Some(active) = self.active.get_mut(&tag)
            && let Some(chunk) = active.early.remove(&key(active.next))
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
        self.pieces(tag, sink, |visit| sink::for_each_piece(entry, visit))
    }
}
