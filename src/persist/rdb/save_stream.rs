//! Writing streams: nodes as listpacks, what is known of them as a whole, and the groups.
//!
//! ```text
//! node    ID, then a listpack: live | deleted | number of names | name ... | 0 | entry ...
//! entry   flags | milliseconds and number beyond the node's | with the node's names: value ...; else number of fields | field value ... |
//!         elements of it before this one
//! group   name | last ID | entries read | number of pending | pending ... | number of consumers | consumer ...
//! pending ID | i64 milliseconds | deliveries                                                          (the ID big endian)
//! consumer  name | i64 seen | i64 active (from version 11 on) | number of pending | ID ...
//! ```
//!
//! A snapshot delivers nodes last and what is pending in any order, so figures, groups and pending entries wait until the end: the latter in a
//! [`Spool`], since there may be as many as entries.

use std::collections::BTreeMap;
use std::io;

use super::listpack::Builder;
use super::output::Output;
use super::source::push_length;
use super::text;
use crate::base::limits::SNAPSHOT_ASIDE_LEN_MAX;
use crate::datatypes::stream_id::StreamId;
use crate::datatypes::stream_node::{Entry, Node};
use crate::keyspace::snapshot::sink::Piece;
use crate::keyspace::value::stream::Figures;
use crate::keyspace::value::stream::head::{GroupHead, Pending};
use crate::persist::files::spool::{self, Spool};

/// In an entry's flags: it was deleted.
pub(super) const DELETED: i64 = 1;
/// Its fields have the node's names.
pub(super) const SAME_FIELDS: i64 = 2;
/// The number of entries that a group has read, if it is not known.
pub(super) const UNKNOWN: u64 = u64::MAX;

const ID_LEN: usize = 16;
/// Pending entries of a stream that may be written at once, wherever it is written to.
const SHORT_END_MAX: u64 = 1000;
/// A pending entry as it waits: ID, milliseconds, deliveries, consumer.
const RECORD_LEN: usize = ID_LEN + 8 + 8 + 4;

fn id_bytes(id: StreamId) -> [u8; ID_LEN] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn push_id(out: &mut Vec<u8>, id: StreamId) {
    push_length(out, id.ms);
    push_length(out, id.seq);
}

fn record(id: StreamId, pending: Pending) -> [u8; RECORD_LEN] {
    let mut bytes = [0; RECORD_LEN];
    let fields: [&[u8]; 4] =
        [&id_bytes(id), &pending.delivered_ms.to_le_bytes(), &pending.deliveries.to_le_bytes(), &pending.consumer.to_le_bytes()];
    fields.iter().fold(&mut bytes[..], |rest, field| {
        let (place, rest) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        rest
    });
    bytes
}

/// The ID, what follows it, and the consumer.
fn parts(record: &[u8; RECORD_LEN]) -> ([u8; ID_LEN], [u8; 8], u64, u32) {
    let (id, rest) = record.split_first_chunk().expect("a record is longer");
    let (delivered, rest) = rest.split_first_chunk().expect("a record is longer");
    let (deliveries, rest) = rest.split_first_chunk().expect("a record is longer");
    let consumer = rest.first_chunk().expect("a record is as long");
    (*id, *delivered, u64::from_le_bytes(*deliveries), u32::from_le_bytes(*consumer))
}

/// A group that waits for the end.
#[derive(Debug)]
struct Group {
    head: GroupHead,
    pending: spool::StreamId,
    /// How many are pending with each consumer, by its number.
    counts: BTreeMap<u32, u64>,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct StreamWriter {
    knows_activity: bool,
    figures: Figures,
    groups: Vec<Group>,
}

impl StreamWriter {
    pub(super) fn new(knows_activity: bool) -> Self {
        StreamWriter { knows_activity, figures: Figures::default(), groups: Vec::new() }
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>, compresses: bool, out: &mut Vec<u8>, spool: &mut Spool) -> io::Result<()> {
        match piece {
            Piece::Figures(figures) => self.figures = figures,
            Piece::Group(_, head) => self.groups.push(Group { head: head.clone(), pending: spool.open(), counts: BTreeMap::new() }),
            Piece::Pending(number, id, pending) => {
                let group = &mut self.groups[number as usize];
                *group.counts.entry(pending.consumer).or_default() += 1;
                spool.append(group.pending, &record(id, pending))?;
            }
            Piece::Entries(id, node) => {
                text::push(out, &id_bytes(id), compresses);
                text::push(out, &listpack(id, node), compresses);
            }
            other => unreachable!("{other:?} is no piece of a stream"),
        }
        Ok(())
    }

    /// True if much waits for the end.
    pub(super) fn has_long_end(&self) -> bool {
        self.groups.iter().flat_map(|group| group.counts.values()).sum::<u64>() > SHORT_END_MAX
    }

    pub(super) fn end(self, compresses: bool, out: &mut impl Output, spool: &mut Spool) -> io::Result<()> {
        let (figures, to) = (self.figures, out.buffer());
        push_length(to, figures.len);
        push_id(to, figures.last_id);
        push_id(to, figures.first_id);
        push_id(to, figures.max_deleted_id);
        push_length(to, figures.entries_added);
        push_length(to, self.groups.len() as u64);
        for group in self.groups {
            group.write(compresses, self.knows_activity, out, spool)?;
            spool.remove(group.pending);
        }
        Ok(())
    }
}

impl Group {
    fn write(&self, compresses: bool, knows_activity: bool, out: &mut impl Output, spool: &Spool) -> io::Result<()> {
        let (head, to) = (&self.head, out.buffer());
        text::push(to, &head.name, compresses);
        push_id(to, head.last_id);
        push_length(to, head.entries_read.unwrap_or(UNKNOWN));
        push_length(to, self.counts.values().sum());
        spool.read_records(self.pending, &mut |record| {
            let (id, delivered, deliveries, _) = parts(record);
            let to = out.buffer();
            to.extend_from_slice(&id);
            to.extend_from_slice(&delivered);
            push_length(to, deliveries);
            out.settle()
        })?;
        push_length(out.buffer(), head.consumers.len() as u64);
        let mut kept = BTreeMap::new();
        for (at, consumer) in head.consumers.iter().enumerate() {
            let count = self.counts.get(&consumer.number).copied().unwrap_or(0);
            let to = out.buffer();
            text::push(to, &consumer.name, compresses);
            to.extend_from_slice(&consumer.seen_ms.to_le_bytes());
            if knows_activity {
                to.extend_from_slice(&consumer.active_ms.to_le_bytes());
            }
            push_length(to, count);
            if count > 0 && !kept.contains_key(&consumer.number) {
                kept = self.next_ids(at, spool)?;
            }
            match kept.remove(&consumer.number) {
                Some(ids) => ids.iter().try_for_each(|id| {
                    out.buffer().extend_from_slice(id);
                    out.settle()
                })?,
                // So many that they are not collected.
                None if count > 0 => spool.read_records(self.pending, &mut |record| {
                    let (id, .., number) = parts(record);
                    if number == consumer.number {
                        out.buffer().extend_from_slice(&id);
                    }
                    out.settle()
                })?,
                None => {}
            }
        }
        Ok(())
    }

    /// What is pending with the consumers from this one on: with as many of them as memory allows, so that not each one's takes a walk over
    /// all of the group's.
    fn next_ids(&self, from: usize, spool: &Spool) -> io::Result<BTreeMap<u32, Vec<[u8; ID_LEN]>>> {
        let mut room = (SNAPSHOT_ASIDE_LEN_MAX / ID_LEN) as u64;
        let mut ids = BTreeMap::new();
        for consumer in &self.head.consumers[from..] {
            let count = self.counts.get(&consumer.number).copied().unwrap_or(0);
            if count > room {
                break;
            }
            room -= count;
            ids.insert(consumer.number, Vec::with_capacity(count as usize));
        }
        if !ids.is_empty() {
            spool.read_records(self.pending, &mut |record| {
                let (id, .., number) = parts(record);
                if let Some(ids) = ids.get_mut(&number) {
                    ids.push(id);
                }
                Ok(())
            })?;
        }
        Ok(ids)
    }
}

fn listpack(node_id: StreamId, node: &Node) -> Vec<u8> {
    let mut builder = Builder::new();
    builder.push_integer(node.live() as i64);
    builder.push_integer(node.deleted() as i64);
    builder.push_integer(node.names_count() as i64);
    node.names(|name| builder.push(name));
    builder.push_integer(0);
    let mut at = node.begin();
    while at < node.end() {
        let one = node.entry(node_id, at);
        entry(&mut builder, node_id, &one);
        at = one.next;
    }
    builder.finish()
}

fn entry(builder: &mut Builder, node_id: StreamId, entry: &Entry<'_>) {
    let has_names = !entry.has_same_fields();
    builder.push_integer(if entry.is_deleted { DELETED } else { 0 } | if has_names { 0 } else { SAME_FIELDS });
    builder.push_integer(entry.id.ms.wrapping_sub(node_id.ms) as i64);
    builder.push_integer(entry.id.seq.wrapping_sub(node_id.seq) as i64);
    let fields = entry.fields() as i64;
    if has_names {
        builder.push_integer(fields);
    }
    entry.for_each(|field, value| {
        if has_names {
            builder.push(field);
        }
        builder.push(value);
    });
    builder.push_integer(if has_names { 4 + 2 * fields } else { 3 + fields });
}
