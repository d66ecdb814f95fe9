//! Writing a value.
//!
//! A small collection is written as the listpack that Valkey would hold it as, a large one element after element; so a server that reads it
//! with the same options has it in the same encoding.

use larder_proto::resp::format_shortest;

use super::source::push_length;
use super::{intset, kind, listpack, save_stream, text, version};
use crate::datatypes::items::Item;
use crate::datatypes::list_node as node;
use crate::keyspace::collection;
use crate::keyspace::entry::{EntryRef, Type, ValueRef};
use crate::keyspace::string_value;
use crate::keyspace::value::hash::{Hash, HashView};
use crate::keyspace::value::list::{List, ListView, NodeLimit};
use crate::keyspace::value::set::{Set, SetView};
use crate::keyspace::value::stream::Stream;
use crate::keyspace::value::string::StringRef;
use crate::keyspace::value::zset::{Element, Zset, ZsetView};

/// A node of a list that is one text as it is.
const PLAIN: u64 = 1;
/// A node of a list that is a listpack.
const PACKED: u64 = 2;
/// The expiry of a field that has none.
const NO_EXPIRY: i64 = -1;
/// Largest whole score that is written as an integer: up to it the double holds every one.
const WHOLE_SCORE_MAX: f64 = 4_503_599_627_370_496.0;

/// How values are written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Long texts are compressed.
    pub compresses: bool,
    /// Which text is a node of a list by itself.
    pub list: NodeLimit,
}

/// Appends an entry's type byte and value. Returns the first version of the format that knows what was written.
pub fn object(out: &mut Vec<u8>, entry: EntryRef<'_>, style: Style) -> u16 {
    let wrong = "the entry says of which type it is";
    match entry.kind() {
        Type::String => {
            match entry.value() {
                ValueRef::Int(number) => {
                    out.push(kind::STRING);
                    text::push_integer(out, number);
                }
                value => string_value::with_string(value, |string| self::string(out, string, style)),
            }
            version::LISTPACKS
        }
        Type::List => list(out, collection::of::<List>(entry).expect(wrong), style),
        Type::Set => set(out, collection::of::<Set>(entry).expect(wrong), style),
        Type::Zset => zset(out, collection::of::<Zset>(entry).expect(wrong), style),
        Type::Hash => hash(out, collection::of::<Hash>(entry).expect(wrong), style),
        Type::Stream => {
            out.push(kind::STREAM_LISTPACKS_3);
            save_stream::stream(out, collection::of::<Stream>(entry).expect(wrong), style.compresses);
            version::SET_LISTPACKS
        }
    }
}

/// Appends a string that is no integer, as [`object`] does.
pub fn string(out: &mut Vec<u8>, string: StringRef<'_>, style: Style) {
    out.push(kind::STRING);
    text::push(out, &string.part(0..usize::MAX), style.compresses);
}

/// Appends an element of a table.
fn push(out: &mut Vec<u8>, item: Item<'_>, style: Style) {
    match item {
        Item::Int(number) => text::push_integer(out, number),
        item => item.with_text(|text| text::push(out, text, style.compresses)),
    }
}

/// Appends a listpack; `None` if it would be too long for one, and nothing was appended.
fn push_listpack(out: &mut Vec<u8>, builder: listpack::Builder, style: Style) -> Option<()> {
    text::push(out, &builder.finish()?, style.compresses);
    Some(())
}

fn list(out: &mut Vec<u8>, list: ListView<'_>, style: Style) -> u16 {
    out.push(kind::LIST_QUICKLIST_2);
    let is_small = matches!(list, ListView::Small(_));
    push_length(out, list.nodes().count() as u64);
    for bytes in list.nodes() {
        let first = node::get(bytes, node::HEADER_LEN);
        if !is_small && node::count(bytes) == 1 && style.list.is_large(first.text_len()) {
            push_length(out, PLAIN);
            // As it is, even if it is an integer's: what reads it takes it for the element itself.
            first.with_text(|text| text::push(out, text, style.compresses));
            continue;
        }
        let mut builder = listpack::Builder::new();
        let mut at = node::HEADER_LEN;
        while at < bytes.len() {
            builder.push(node::get(bytes, at));
            at = node::next(bytes, at);
        }
        push_length(out, PACKED);
        push_listpack(out, builder, style).expect("a node is shorter than a listpack may be");
    }
    version::LISTPACKS
}

fn set(out: &mut Vec<u8>, set: SetView<'_>, style: Style) -> u16 {
    if let SetView::Integers(_) = set {
        let mut integers = Vec::with_capacity(set.len());
        set.for_each(|item| {
            if let Item::Int(number) = item {
                integers.push(number);
            }
        });
        out.push(kind::SET_INTSET);
        text::push(out, &intset::write(integers.iter().copied()), style.compresses);
        return version::LISTPACKS;
    }
    if let SetView::Small(_) = set {
        let mut builder = listpack::Builder::new();
        set.for_each(|member| builder.push(member));
        let start = out.len();
        out.push(kind::SET_LISTPACK);
        if push_listpack(out, builder, style).is_some() {
            return version::SET_LISTPACKS;
        }
        out.truncate(start);
    }
    out.push(kind::SET);
    push_length(out, set.len() as u64);
    set.for_each(|member| push(out, member, style));
    version::LISTPACKS
}

fn push_score(builder: &mut listpack::Builder, score: f64) {
    if score.fract() == 0.0 && score.abs() <= WHOLE_SCORE_MAX {
        builder.push_integer(score as i64);
    } else {
        builder.push_text(&format_shortest(score));
    }
}

fn zset(out: &mut Vec<u8>, zset: ZsetView<'_>, style: Style) -> u16 {
    if let ZsetView::Small(_) = zset {
        let mut builder = listpack::Builder::new();
        for element in zset.iter() {
            builder.push(element.member());
            push_score(&mut builder, element.score);
        }
        let start = out.len();
        out.push(kind::ZSET_LISTPACK);
        if push_listpack(out, builder, style).is_some() {
            return version::LISTPACKS;
        }
        out.truncate(start);
    }
    out.push(kind::ZSET_2);
    push_length(out, zset.len() as u64);
    // The last one first: who reads it then puts each new one in front.
    let elements: &mut dyn Iterator<Item = Element<'_>> = &mut zset.range(0..zset.len(), true);
    for element in elements {
        push(out, element.member(), style);
        out.extend_from_slice(&element.score.to_le_bytes());
    }
    version::LISTPACKS
}

fn hash(out: &mut Vec<u8>, hash: HashView<'_>, style: Style) -> u16 {
    if let HashView::Small(_) = hash {
        let mut builder = listpack::Builder::new();
        hash.for_each_with_expiry(|field, value, _| {
            builder.push(field);
            builder.push(value);
        });
        let start = out.len();
        out.push(kind::HASH_LISTPACK);
        if push_listpack(out, builder, style).is_some() {
            return version::LISTPACKS;
        }
        out.truncate(start);
    }
    let has_expiring = hash.has_expiring();
    out.push(if has_expiring { kind::HASH_2 } else { kind::HASH });
    push_length(out, hash.len() as u64);
    hash.for_each_with_expiry(|field, value, expiry_ms| {
        push(out, field, style);
        push(out, value, style);
        if has_expiring {
            out.extend_from_slice(&expiry_ms.unwrap_or(NO_EXPIRY).to_le_bytes());
        }
    });
    if has_expiring { version::FIELD_EXPIRY } else { version::LISTPACKS }
}
