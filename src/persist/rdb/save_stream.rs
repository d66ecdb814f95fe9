//! Writing streams: nodes as listpacks, what is known of them as a whole, and the groups.
//!
//! ```text
//! node    ID, then a listpack: live | deleted | number of names | name ... | 0 | entry ...
//! entry   flags | milliseconds and number beyond the node's | with the node's names: value ...; else number of fields | field value ... |
//!         elements of it before this one
//! ```

use super::listpack::Builder;
use super::source::push_length;
use super::text;
use crate::datatypes::stream_id::StreamId;
use crate::datatypes::stream_node::{Entry, Node};
use crate::keyspace::value::stream::Stream;
use crate::keyspace::value::stream::group::Group;

/// In an entry's flags: it was deleted.
pub(super) const DELETED: i64 = 1;
/// Its fields have the node's names.
pub(super) const SAME_FIELDS: i64 = 2;
/// The number of entries that a group has read, if it is not known.
pub(super) const UNKNOWN: u64 = u64::MAX;

fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn push_id(out: &mut Vec<u8>, id: StreamId) {
    push_length(out, id.ms);
    push_length(out, id.seq);
}

pub(super) fn stream(out: &mut Vec<u8>, stream: &Stream, compresses: bool) {
    push_length(out, stream.nodes_len() as u64);
    for (id, node) in stream.nodes() {
        text::push(out, &id_bytes(id), compresses);
        text::push(out, &listpack(id, node), compresses);
    }
    let figures = stream.figures();
    push_length(out, figures.len);
    push_id(out, figures.last_id);
    push_id(out, figures.first_id);
    push_id(out, figures.max_deleted_id);
    push_length(out, figures.entries_added);
    push_length(out, stream.groups().len() as u64);
    stream.groups().for_each(|each| group(out, each, compresses));
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
    builder.finish().expect("a node is shorter than a listpack may be")
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

fn group(out: &mut Vec<u8>, group: &Group, compresses: bool) {
    text::push(out, group.name(), compresses);
    push_id(out, group.last_id);
    push_length(out, group.entries_read.unwrap_or(UNKNOWN));
    push_length(out, group.pending().len() as u64);
    for (id, pending) in group.pending().iter() {
        out.extend_from_slice(&id_bytes(id));
        out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        push_length(out, pending.deliveries);
    }
    push_length(out, group.consumers().len() as u64);
    for consumer in group.consumers() {
        text::push(out, &consumer.name, compresses);
        out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
        out.extend_from_slice(&consumer.active_ms.to_le_bytes());
        push_length(out, consumer.pending_len() as u64);
        consumer.pending_from(StreamId::MIN).for_each(|id| out.extend_from_slice(&id_bytes(id)));
    }
}
