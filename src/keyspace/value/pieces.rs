//! What a value consists of, as whoever writes a snapshot sees it: piece by piece, whatever the value's form.

use super::Value;
use super::chunk::Chunk;
use super::collection::Collection;
use super::hash::{Hash, HashView};
use super::kind::Type;
use super::list::{List, ListView};
use super::set::{Set, SetView};
use super::stream::group::Group;
use super::stream::head::{GroupHead, Pending};
use super::stream::{Figures, Node, Stream, StreamId};
use super::string::StringRef;
use super::zset::{self, Zset, ZsetView};
use crate::datatypes::items::{self, Item};
use crate::datatypes::list_node as node;

/// A part of a value.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// The next bytes of a string.
    Part(&'a [u8]),
    /// The next elements of a list, as [`crate::datatypes::list_node`] reads them.
    Node(&'a [u8]),
    /// A member of a set.
    Member(Item<'a>),
    /// A field of a hash with its value, and when it ends (unix milliseconds), which may be in the past.
    Field(Item<'a>, Item<'a>, Option<i64>),
    /// A member of a sorted set with its score.
    Scored(Item<'a>, f64),
    /// What a stream knows of its entries. Comes before all that follows.
    Figures(Figures),
    /// A group of a stream, with its consumers. It has this number in what follows.
    Group(u32, &'a GroupHead),
    /// The next entries of a stream, deleted ones included.
    Entries(StreamId, &'a Node),
    /// An entry that is pending in a group.
    Pending(u32, StreamId, Pending),
}

impl Piece<'_> {
    /// Elements that it is.
    pub fn elements(&self) -> u64 {
        match self {
            Piece::Part(_) | Piece::Figures(_) | Piece::Group(..) => 0,
            Piece::Member(_) | Piece::Field(..) | Piece::Scored(..) | Piece::Pending(..) => 1,
            Piece::Node(bytes) => node::count(bytes) as u64,
            Piece::Entries(_, node) => node.live(),
        }
    }

    /// Bytes of data that it has.
    pub fn len(&self) -> usize {
        match self {
            Piece::Part(part) => part.len(),
            Piece::Node(bytes) => node::items(bytes).map(Item::text_len).sum(),
            Piece::Member(item) | Piece::Scored(item, _) => item.text_len(),
            Piece::Field(field, value, _) => field.text_len() + value.text_len(),
            Piece::Figures(_) | Piece::Pending(..) => 0,
            Piece::Group(_, group) => group.name.len(),
            Piece::Entries(_, node) => node.end() - node.begin(),
        }
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Visits a string.
pub fn of_string(string: StringRef<'_>, mut visit: impl FnMut(Piece<'_>)) {
    string.pieces(..).for_each(|piece| visit(Piece::Part(piece.bytes)));
}

fn of_list(list: ListView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    list.nodes().for_each(|bytes| visit(Piece::Node(bytes)));
}

fn of_hash(hash: HashView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    hash.for_each_with_expiry(|field, value, expiry_ms| visit(Piece::Field(field, value, expiry_ms)));
}

fn of_set(set: SetView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    set.for_each(|member| visit(Piece::Member(member)));
}

fn of_zset(zset: ZsetView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    match zset {
        ZsetView::Small(_) => zset.iter().for_each(|element| visit(Piece::Scored(element.member(), element.score))),
        // The last one first: who reads it then puts each new one in front.
        ZsetView::Large(_) => zset.range(0..zset.len(), true).for_each(|element| visit(Piece::Scored(element.member(), element.score))),
    }
}

fn of_heads(figures: Figures, groups: impl Iterator<Item = GroupHead>, mut visit: impl FnMut(Piece<'_>)) {
    visit(Piece::Figures(figures));
    for (number, group) in (0..).zip(groups) {
        visit(Piece::Group(number, &group));
    }
}

fn of_pending(number: u32, pending: impl Iterator<Item = (StreamId, Pending)>, mut visit: impl FnMut(Piece<'_>)) {
    pending.for_each(|(id, pending)| visit(Piece::Pending(number, id, pending)));
}

fn of_stream(stream: &Stream, mut visit: impl FnMut(Piece<'_>)) {
    of_heads(stream.figures(), stream.groups().map(Group::head), &mut visit);
    stream.nodes().for_each(|(id, node)| visit(Piece::Entries(id, node)));
    for (number, group) in (0..).zip(stream.groups()) {
        of_pending(number, group.pending().iter().map(|(id, pending)| (id, *pending)), &mut visit);
    }
}

/// Visits a collection of this type that lies inside its entry.
pub fn of_inline(bytes: &[u8], kind: Type, encoding: super::Encoding, visit: impl FnMut(Piece<'_>)) {
    match kind {
        Type::List => of_list(List::view_inline(bytes, encoding), visit),
        Type::Hash => of_hash(Hash::view_inline(bytes, encoding), visit),
        Type::Set => of_set(Set::view_inline(bytes, encoding), visit),
        Type::Zset => of_zset(Zset::view_inline(bytes, encoding), visit),
        other => unreachable!("a {} is no collection that lies inside an entry", other.name()),
    }
}

/// Elements of a collection of this type that lies inside its entry.
pub fn inline_len(bytes: &[u8], kind: Type, encoding: super::Encoding) -> usize {
    match kind {
        Type::List => List::view_inline(bytes, encoding).len(),
        Type::Hash => Hash::view_inline(bytes, encoding).len(),
        Type::Set => Set::view_inline(bytes, encoding).len(),
        Type::Zset => Zset::view_inline(bytes, encoding).len(),
        other => unreachable!("a {} is no collection that lies inside an entry", other.name()),
    }
}

/// Visits all of a value.
pub fn of_value(value: &Value, visit: impl FnMut(Piece<'_>)) {
    match value {
        Value::String(string) => of_string(string.view(), visit),
        Value::List(list) => of_list(list.view(), visit),
        Value::Hash(hash) => of_hash(hash.view(), visit),
        Value::Set(set) => of_set(set.view(), visit),
        Value::Zset(zset) => of_zset(zset.view(), visit),
        Value::Stream(stream) => of_stream(stream, visit),
    }
}

/// Visits what a part of a large collection holds.
pub fn of_chunk(chunk: Chunk, mut visit: impl FnMut(Piece<'_>)) {
    match chunk {
        Chunk::Records(records) if records.arity == 1 => {
            records.bucket.for_each(1, |_, record| visit(Piece::Member(record.key())));
        }
        Chunk::Records(records) => records.bucket.for_each(records.arity, |_, record| {
            visit(Piece::Field(record.key(), items::read(record.rest()), record.expiry_ms()));
        }),
        Chunk::Text(bytes) => visit(Piece::Part(&bytes)),
        Chunk::Heads(heads) => of_heads(heads.figures, heads.groups.into_iter(), visit),
        Chunk::Entries(_, id, node) => visit(Piece::Entries(id, &node)),
        Chunk::Pending(number, pending) => of_pending(number, pending.into_iter(), visit),
        Chunk::Leaf(bytes) => zset::for_each_in_leaf(bytes, |element| visit(Piece::Scored(element.member(), element.score))),
        Chunk::Node(_, bytes) => visit(Piece::Node(&bytes)),
    }
}

/// A piece as tests hold it.
#[cfg(test)]
pub type Owned = (Vec<u8>, Vec<u8>, Option<i64>);

/// Adds what a piece is to the others, each part of it by itself.
#[cfg(test)]
pub fn own(piece: Piece<'_>, all: &mut Vec<Owned>) {
    let one = match piece {
        Piece::Part(part) => (part.to_vec(), Vec::new(), None),
        Piece::Node(bytes) => {
            all.extend(node::items(bytes).map(|element| (element.to_vec(), Vec::new(), None)));
            return;
        }
        Piece::Member(member) => (member.to_vec(), Vec::new(), None),
        Piece::Field(field, value, expiry_ms) => (field.to_vec(), value.to_vec(), expiry_ms),
        Piece::Scored(member, score) => (member.to_vec(), score.to_le_bytes().to_vec(), None),
        Piece::Figures(figures) => (b"figures".to_vec(), format!("{figures:?}").into_bytes(), None),
        Piece::Group(number, group) => {
            all.push((format!("group {number}").into_bytes(), group.name.to_vec(), None));
            for consumer in &group.consumers {
                let times = format!("{} {} {}", consumer.number, consumer.seen_ms, consumer.active_ms);
                all.push((b"consumer".to_vec(), consumer.name.to_vec(), None));
                all.push((b"times".to_vec(), times.into_bytes(), None));
            }
            (b"read".to_vec(), format!("{:?} {:?}", group.last_id, group.entries_read).into_bytes(), None)
        }
        Piece::Entries(node_id, node) => {
            let mut at = node.begin();
            while at < node.end() {
                let entry = node.entry(node_id, at);
                all.push((format!("entry {:?} {}", entry.id, entry.is_deleted).into_bytes(), Vec::new(), None));
                entry.for_each(|field, value| all.push((field.to_vec(), value.to_vec(), None)));
                at = entry.next;
            }
            (b"node".to_vec(), format!("{node_id:?}").into_bytes(), None)
        }
        Piece::Pending(number, id, pending) => (format!("pending {number} {id:?}").into_bytes(), format!("{pending:?}").into_bytes(), None),
    };
    all.push(one);
}
