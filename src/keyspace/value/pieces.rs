//! What a value consists of, as whoever writes a snapshot sees it: piece by piece, whatever the value's form.

use super::Value;
use super::chunk::Chunk;
use super::collection::Collection;
use super::hash::{Hash, HashView};
use super::kind::Type;
use super::list::{List, ListView};
use super::set::{Set, SetView};
use super::string::StringRef;
use super::zset::{self, Zset, ZsetView};
use crate::datatypes::items::{self, Item};
use crate::datatypes::list_node as node;

/// A part of a value.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// The next bytes of a string.
    Part(&'a [u8]),
    /// The next element of a list.
    Element(Item<'a>),
    /// A member of a set.
    Member(Item<'a>),
    /// A field of a hash with its value, and when it ends (unix milliseconds), which may be in the past.
    Field(Item<'a>, Item<'a>, Option<i64>),
    /// A member of a sorted set with its score.
    Scored(Item<'a>, f64),
}

/// Visits a string.
pub fn of_string(string: StringRef<'_>, mut visit: impl FnMut(Piece<'_>)) {
    string.pieces(..).for_each(|piece| visit(Piece::Part(piece.bytes)));
}

fn of_list(list: ListView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    list.walk_right(0, |_, element| {
        visit(Piece::Element(element));
        true
    });
}

fn of_hash(hash: HashView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    hash.for_each_with_expiry(|field, value, expiry_ms| visit(Piece::Field(field, value, expiry_ms)));
}

fn of_set(set: SetView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    set.for_each(|member| visit(Piece::Member(member)));
}

fn of_zset(zset: ZsetView<'_>, mut visit: impl FnMut(Piece<'_>)) {
    zset.iter().for_each(|element| visit(Piece::Scored(element.member(), element.score)));
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
        Chunk::Leaf(bytes) => zset::for_each_in_leaf(bytes, |element| visit(Piece::Scored(element.member(), element.score))),
        Chunk::Node(_, bytes) => {
            let mut at = node::HEADER_LEN;
            while at < bytes.len() {
                visit(Piece::Element(node::get(&bytes, at)));
                at = node::next(&bytes, at);
            }
        }
    }
}
