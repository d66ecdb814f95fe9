//! Reading streams, in the four forms in which they were written: the first knows neither what was deleted nor what was read, the second
//! not when a consumer was active. The fourth, which Redis has written since 8.6, also says which messages producers have sent, so that none is
//! added twice: it is read and left aside, as long as no command asks for it.

use std::collections::BTreeMap;

use super::save_stream::{DELETED, SAME_FIELDS, UNKNOWN};
use super::source::Source;
use super::{Corrupt, listpack, text};
use crate::datatypes::items::Item;
use crate::datatypes::stream_id::StreamId;
use crate::datatypes::stream_node::Node;
use crate::keyspace::value::stream::group::{Group, Pending};
use crate::keyspace::value::stream::{Figures, Stream};

const WRONG_NODE: Corrupt = Corrupt("Stream listpack integrity check failed");
const WRONG_LEN: Corrupt = Corrupt("Stream length inconsistent with its entries");

fn id_of(bytes: [u8; 16]) -> StreamId {
    let both = u128::from_be_bytes(bytes);
    StreamId::new((both >> 64) as u64, both as u64)
}

fn id(source: &mut impl Source) -> Result<StreamId, Corrupt> {
    Ok(StreamId::new(source.length()?, source.length()?))
}

/// `form`: 1 to 4.
pub(super) fn stream(source: &mut impl Source, form: u8) -> Result<Stream, Corrupt> {
    let mut nodes: Vec<(StreamId, Node)> = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..source.length()? {
        text::read(source, &mut bytes)?;
        let node_id = id_of(*bytes.first_chunk().filter(|_| bytes.len() == 16).ok_or(Corrupt("a stream's node has no ID"))?);
        text::read(source, &mut bytes)?;
        nodes.push((node_id, node(&bytes, node_id)?));
    }
    nodes.sort_by_key(|(node_id, _)| *node_id);
    let mut figures = Figures { len: source.length()?, last_id: id(source)?, ..Figures::default() };
    figures.entries_added = figures.len;
    if form > 1 {
        // It follows from the entries.
        id(source)?;
        figures.max_deleted_id = id(source)?;
        figures.entries_added = source.length()?;
    }
    figures.first_id = nodes.iter().find_map(|(node_id, node)| first_live(*node_id, node)).unwrap_or_default();
    let mut stream = Stream::from_parts(figures);
    for (node_id, node) in nodes {
        if !stream.add_node(node_id, node) {
            return Err(Corrupt("a stream's node comes twice"));
        }
    }
    if stream.figures().len != figures.len || !stream.is_consistent() {
        return Err(WRONG_LEN);
    }
    for _ in 0..source.length()? {
        let group = group(source, form, &stream.figures())?;
        if !stream.add_group(group) {
            return Err(Corrupt("Duplicated consumer group name"));
        }
    }
    if form > 3 {
        skip_producers(source)?;
    }
    Ok(stream)
}

/// How long and how many messages are remembered, each producer with its messages and their entries, and two counts.
fn skip_producers(source: &mut impl Source) -> Result<(), Corrupt> {
    let mut name = Vec::new();
    let (_seconds, _most) = (source.length()?, source.length()?);
    for _ in 0..source.length()? {
        text::read(source, &mut name)?;
        for _ in 0..source.length()? {
            text::read(source, &mut name)?;
            id(source)?;
        }
    }
    let (_added, _duplicates) = (source.length()?, source.length()?);
    Ok(())
}

fn first_live(node_id: StreamId, node: &Node) -> Option<StreamId> {
    let mut at = node.begin();
    while at < node.end() {
        let entry = node.entry(node_id, at);
        if !entry.is_deleted {
            return Some(entry.id);
        }
        at = entry.next;
    }
    None
}

/// Takes the elements of a node's listpack, one after the other.
struct Elements<'a, I: Iterator<Item = Item<'a>>>(I);

impl<'a, I: Iterator<Item = Item<'a>>> Elements<'a, I> {
    fn integer(&mut self) -> Result<i64, Corrupt> {
        match self.0.next() {
            Some(Item::Int(number)) => Ok(number),
            _ => Err(WRONG_NODE),
        }
    }

    fn count(&mut self) -> Result<u64, Corrupt> {
        u64::try_from(self.integer()?).map_err(|_| WRONG_NODE)
    }

    fn text(&mut self) -> Result<Vec<u8>, Corrupt> {
        self.0.next().map(Item::to_vec).ok_or(WRONG_NODE)
    }
}

fn node(bytes: &[u8], node_id: StreamId) -> Result<Node, Corrupt> {
    listpack::read(bytes, |_| Ok(())).map_err(|_| WRONG_NODE)?;
    let mut elements = Elements(listpack::elements(bytes));
    let (live, deleted, names) = (elements.count()?, elements.count()?, elements.count()?);
    let names: Vec<Vec<u8>> = (0..names).map(|_| elements.text()).collect::<Result<_, _>>()?;
    if elements.integer()? != 0 {
        return Err(WRONG_NODE);
    }
    let mut node = Node::new(names.iter().map(Vec::as_slice));
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for _ in 0..live.checked_add(deleted).ok_or(WRONG_NODE)? {
        texts.clear();
        let (flags, ms, seq) = (elements.integer()?, elements.integer()?, elements.integer()?);
        let has_names = flags & SAME_FIELDS == 0;
        let fields = if has_names { elements.count()? } else { names.len() as u64 };
        let count = if has_names { fields.checked_mul(2).ok_or(WRONG_NODE)? } else { fields };
        for _ in 0..count {
            texts.push(elements.text()?);
        }
        if elements.count()? != count + 3 + u64::from(has_names) {
            return Err(WRONG_NODE);
        }
        let pairs: Vec<&[u8]> = if has_names {
            texts.iter().map(Vec::as_slice).collect()
        } else {
            names.iter().zip(&texts).flat_map(|(name, value)| [&name[..], &value[..]]).collect()
        };
        let id = StreamId::new(node_id.ms.wrapping_add(ms as u64), node_id.seq.wrapping_add(seq as u64));
        node.push(node_id, id, &pairs, flags & DELETED != 0);
    }
    let is_whole = elements.0.next().is_none() && node.live() == live && node.deleted() == deleted;
    if is_whole { Ok(node) } else { Err(WRONG_NODE) }
}

fn group(source: &mut impl Source, form: u8, figures: &Figures) -> Result<Group, Corrupt> {
    let mut name = Vec::new();
    text::read(source, &mut name)?;
    let last_id = id(source)?;
    let entries_read = if form > 1 { Some(source.length()?).filter(|read| *read != UNKNOWN) } else { figures.entries_up_to(last_id) };
    let mut group = Group::new(&name, last_id, entries_read);
    let mut pending = BTreeMap::new();
    for _ in 0..source.length()? {
        let id = id_of(source.array()?);
        let delivery = (i64::from_le_bytes(source.array()?), source.length()?);
        if pending.insert(id, delivery).is_some() {
            return Err(Corrupt("Duplicated global PEL entry loading stream consumer group"));
        }
    }
    for _ in 0..source.length()? {
        text::read(source, &mut name)?;
        let seen_ms = i64::from_le_bytes(source.array()?);
        let (number, is_new) = group.add_consumer(&name, seen_ms);
        if !is_new {
            return Err(Corrupt("Duplicate stream consumer detected"));
        }
        group.consumer_mut(number).active_ms = if form > 2 { i64::from_le_bytes(source.array()?) } else { seen_ms };
        for _ in 0..source.length()? {
            let id = id_of(source.array()?);
            // What was taken before is another consumer's, or this one's.
            let (delivered_ms, deliveries) = pending.remove(&id).ok_or(Corrupt("Duplicated consumer PEL entry, or one of no group"))?;
            group.assign(id, Pending { delivered_ms, deliveries, consumer: number });
        }
    }
    if pending.is_empty() { Ok(group) } else { Err(Corrupt("Stream CG PEL entry without consumer")) }
}
