//! A piece of a stream: entries behind each other, to be walked from either end.
//!
//! ```text
//! names of the fields that most entries have | entries
//! entry   length | head | milliseconds | number | count of fields | fields and values | length
//! ```
//! The names are those of the first entry's fields; an entry with the same ones has only values, and says so in its head. IDs are
//! differences from the node's, which is that of the first entry it ever had and is kept by whoever holds the node. Milliseconds, number
//! and count are there only if the head says so, in groups of seven bits. A length is one byte, or `0xff` and a `u32` on the side towards
//! the entry; it counts everything between the two lengths. Fields and values are [`items`].
//!
//! A deleted entry stays, marked in its head, until its node goes: what Valkey's limits count is then the same here.
//!
//! Invariants: IDs ascend; `live` and `deleted` count the entries; an offset that is taken or returned is that of an entry's first byte, or
//! the node's length.

use super::items::{self, Item};
use super::listpack;
use super::stream_id::StreamId;
use crate::base::alloc;
use crate::base::number::parse_i64;

/// In an entry's head: it was deleted.
const DELETED: u8 = 1;
/// Its fields have the node's names.
const SAME_FIELDS: u8 = 1 << 1;
/// Its milliseconds differ from those of the node's ID.
const HAS_MS: u8 = 1 << 2;
/// Its number (after other milliseconds) or the difference of its number (after the same ones) is not 0.
const HAS_SEQ: u8 = 1 << 3;
/// Ends a length of four bytes.
const LONG: u8 = 0xff;
/// Up to here a node's memory grows in steps; beyond, by halves.
const USUAL_LEN_MAX: usize = 4096;

/// See the module's page.
#[derive(Debug, Clone)]
pub struct Node {
    bytes: Vec<u8>,
    /// Where the first entry begins.
    entries_at: u32,
    /// Number of the names.
    fields: u32,
    live: u32,
    deleted: u32,
    /// Bytes as a listpack, without frame and the two counts.
    listpack: u32,
}

/// An entry of a node, read.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// True if it was deleted.
    pub is_deleted: bool,
    /// Where it begins in its node.
    pub at: usize,
    /// Where the next one begins.
    pub next: usize,
    /// The names, if it shares them.
    names: Option<&'a [u8]>,
    fields: usize,
    /// Values, or fields with values.
    body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Number of its fields.
    #[inline]
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// True if its fields have the node's names.
    pub fn has_same_fields(&self) -> bool {
        self.names.is_some()
    }

    /// Calls `each` with its fields and values.
    #[inline]
    pub fn for_each(&self, mut each: impl FnMut(Item<'a>, Item<'a>)) {
        let mut body = self.body;
        match self.names {
            Some(mut names) => {
                for _ in 0..self.fields {
                    each(take(&mut names), take(&mut body));
                }
            }
            None => {
                for _ in 0..self.fields {
                    let field = take(&mut body);
                    each(field, take(&mut body));
                }
            }
        }
    }
}

/// Takes the first item off.
#[inline]
fn take<'a>(bytes: &mut &'a [u8]) -> Item<'a> {
    let item = items::read(bytes);
    *bytes = &bytes[items::form_len(bytes)..];
    item
}

/// Appends an item; returns what it takes in a listpack.
#[inline]
fn push_item(out: &mut Vec<u8>, text: &[u8]) -> usize {
    match parse_i64(text) {
        Some(number) => {
            items::push_int(out, number);
            listpack::integer_len(number)
        }
        None => {
            items::push_text(out, text);
            listpack::text_len(text.len())
        }
    }
}

#[inline]
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
fn take_number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

impl Node {
    /// An empty node whose entries are expected to have fields of these names.
    pub fn new<'f>(names: impl IntoIterator<Item = &'f [u8]>) -> Node {
        let mut node = Node { bytes: Vec::new(), entries_at: 0, fields: 0, live: 0, deleted: 0, listpack: 0 };
        let mut listpack = 0;
        for name in names {
            listpack += push_item(&mut node.bytes, name);
            node.fields += 1;
        }
        node.entries_at = node.bytes.len() as u32;
        // Their number and the zero that ends them.
        node.listpack = (listpack + listpack::integer_len(i64::from(node.fields)) + listpack::integer_len(0)) as u32;
        node
    }

    /// Entries that were not deleted.
    #[inline]
    pub fn live(&self) -> u64 {
        u64::from(self.live)
    }

    /// Entries that were deleted.
    #[inline]
    pub fn deleted(&self) -> u64 {
        u64::from(self.deleted)
    }

    /// Calls `each` with the names.
    pub fn names(&self, mut each: impl FnMut(Item<'_>)) {
        items::Items::of(&self.bytes[..self.entries_at as usize]).for_each(|(_, name)| each(name));
    }

    /// Number of the names.
    pub fn names_count(&self) -> usize {
        self.fields as usize
    }

    /// What it would take as a listpack.
    #[inline]
    pub fn listpack_len(&self) -> usize {
        let counts = listpack::integer_len(i64::from(self.live)) + listpack::integer_len(i64::from(self.deleted));
        listpack::FRAME_LEN + counts + self.listpack as usize
    }

    /// Memory beside the node itself.
    pub fn memory(&self) -> usize {
        alloc::block_len(self.bytes.capacity())
    }

    /// Gives back what it has room for and will not need: nothing is added to it any more.
    pub fn trim(&mut self) {
        if alloc::block_len(self.bytes.len()) < self.bytes.capacity() {
            // The allocator leaves a block where it is that becomes a little shorter.
            self.bytes = self.bytes.as_slice().to_vec();
        }
    }

    /// Appends an entry. `node_id` is the node's ID; `pairs` are fields and values by turns.
    pub fn push(&mut self, node_id: StreamId, id: StreamId, pairs: &[&[u8]], is_deleted: bool) {
        let fields = pairs.len() / 2;
        let has_same_fields = self.has_names(pairs);
        let text_len: usize = if has_same_fields {
            pairs.iter().skip(1).step_by(2).map(|value| value.len()).sum()
        } else {
            pairs.iter().map(|text| text.len()).sum()
        };
        // Two lengths, the head, two numbers and a count; an integer's form is no more than 2 bytes longer than its text, a text's 5.
        self.reserve(text_len + if text_len < 128 { 24 + 2 * pairs.len() } else { 48 + 5 * pairs.len() });
        let begin = self.bytes.len();
        self.bytes.push(0);
        let has_ms = id.ms != node_id.ms;
        let seq = if has_ms { id.seq } else { id.seq.wrapping_sub(node_id.seq) };
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let head = bit(is_deleted, DELETED) | bit(has_same_fields, SAME_FIELDS) | bit(has_ms, HAS_MS) | bit(seq != 0, HAS_SEQ);
        self.bytes.push(head);
        if has_ms {
            push_number(&mut self.bytes, id.ms.wrapping_sub(node_id.ms));
        }
        if seq != 0 {
            push_number(&mut self.bytes, seq);
        }
        let mut listpack = listpack::integer_len(id.ms.wrapping_sub(node_id.ms) as i64)
            + listpack::integer_len(id.seq.wrapping_sub(node_id.seq) as i64)
            + listpack::integer_len(0);
        let elements = if has_same_fields {
            for value in pairs.iter().skip(1).step_by(2) {
                listpack += push_item(&mut self.bytes, value);
            }
            3 + fields
        } else {
            push_number(&mut self.bytes, fields as u64);
            listpack += listpack::integer_len(fields as i64);
            for text in pairs {
                listpack += push_item(&mut self.bytes, text);
            }
            4 + 2 * fields
        };
        self.listpack += (listpack + listpack::integer_len(elements as i64)) as u32;
        self.close(begin);
        if is_deleted {
            self.deleted += 1;
        } else {
            self.live += 1;
        }
    }

    /// Writes the two lengths of the entry that begins at `begin` and ends with the node.
    #[inline]
    fn close(&mut self, begin: usize) {
        let len = self.bytes.len() - begin - 1;
        if len < LONG as usize {
            self.bytes[begin] = len as u8;
            self.bytes.push(len as u8);
            return;
        }
        self.bytes[begin] = LONG;
        let len_bytes = (len as u32).to_le_bytes();
        items::splice(&mut self.bytes, begin + 1..begin + 1, &len_bytes);
        self.bytes.extend_from_slice(&len_bytes);
        self.bytes.push(LONG);
    }

    /// True if the fields of `pairs` have the node's names.
    #[inline]
    fn has_names(&self, pairs: &[&[u8]]) -> bool {
        if pairs.len() != 2 * self.fields as usize {
            return false;
        }
        let mut names = &self.bytes[..self.entries_at as usize];
        pairs.iter().step_by(2).all(|field| match take(&mut names) {
            Item::Text(name) => name == *field,
            name => name.with_text(|name| name == *field),
        })
    }

    /// Makes room for `more` bytes, of which some may not be needed. Doubling would leave the last step of most nodes empty.
    #[inline]
    fn reserve(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let target = needed.max(self.bytes.len() * 3 / 2);
            let target = if needed <= USUAL_LEN_MAX { target.min(USUAL_LEN_MAX) } else { target };
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the first entry begins.
    #[inline]
    pub fn begin(&self) -> usize {
        self.entries_at as usize
    }

    /// Where the last entry ends.
    #[inline]
    pub fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The entry at an offset that is not the end.
    #[inline]
    pub fn entry(&self, node_id: StreamId, at: usize) -> Entry<'_> {
        let bytes = &self.bytes[..];
        let (inner, next) = match bytes[at] {
            LONG => {
                let (from, len) = (at + 5, u32_at(bytes, at + 1));
                (&bytes[from..from + len], from + len + 5)
            }
            len => (&bytes[at + 1..at + 1 + len as usize], at + 2 + len as usize),
        };
        let head = inner[0];
        let mut body = &inner[1..];
        let ms = if head & HAS_MS != 0 { take_number(&mut body) } else { 0 };
        let seq = if head & HAS_SEQ != 0 { take_number(&mut body) } else { 0 };
        let id = if head & HAS_MS != 0 {
            StreamId::new(node_id.ms.wrapping_add(ms), seq)
        } else {
            StreamId::new(node_id.ms, node_id.seq.wrapping_add(seq))
        };
        let (names, fields) = if head & SAME_FIELDS != 0 {
            (Some(&bytes[..self.entries_at as usize]), self.fields as usize)
        } else {
            (None, take_number(&mut body) as usize)
        };
        Entry { id, is_deleted: head & DELETED != 0, at, next, names, fields, body }
    }

    /// Where the entry before an offset begins that is not the first.
    #[inline]
    pub fn before(&self, at: usize) -> usize {
        match self.bytes[at - 1] {
            LONG => at - 10 - u32_at(&self.bytes, at - 5),
            len => at - 2 - len as usize,
        }
    }

    /// The last entry, deleted or not.
    pub fn last(&self, node_id: StreamId) -> Option<Entry<'_>> {
        (self.end() > self.begin()).then(|| self.entry(node_id, self.before(self.end())))
    }

    /// Marks the entry at an offset as deleted, which it is not.
    pub fn delete(&mut self, at: usize) {
        let head = if self.bytes[at] == LONG { at + 5 } else { at + 1 };
        debug_assert_eq!(self.bytes[head] & DELETED, 0, "it was deleted before");
        self.bytes[head] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (-200..200_i64).prop_map(|number| number.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..6),
            (240..260usize).prop_map(|len| vec![b'x'; len]),
        ]
    }

    type Model = (StreamId, Vec<Vec<u8>>, bool);

    fn read(entry: &Entry<'_>) -> Model {
        let mut pairs = Vec::new();
        entry.for_each(|field, value| pairs.extend([field.to_vec(), value.to_vec()]));
        assert_eq!(pairs.len(), 2 * entry.fields());
        (entry.id, pairs, entry.is_deleted)
    }

    proptest! {
        #[test]
        fn a_node_is_what_a_vector_would_be(
            first in (0..3u64, 0..5u64),
            steps in prop::collection::vec((0..3u64, 0..300u64, prop::collection::vec(text(), 0..3), any::<bool>(), text(), any::<bool>()), 1..40),
        ) {
            let node_id = StreamId::new(first.0, first.1);
            let names: [&[u8]; 2] = [b"name", b"7"];
            let (mut node, mut model, mut id) = (Node::new(names), Vec::<Model>::new(), node_id);
            for (ms, seq, texts, is_same, value, is_deleted) in steps {
                id = if ms == 0 { StreamId::new(id.ms, id.seq + seq + 1) } else { StreamId::new(id.ms + ms * 100, seq) };
                let mut pairs: Vec<Vec<u8>> = if is_same { vec![b"name".to_vec(), value.clone(), b"7".to_vec(), value] } else {
                    texts.iter().flat_map(|text| [text.clone(), value.clone()]).collect()
                };
                if !is_same && pairs.len() == 4 { pairs.truncate(2); }
                let refs: Vec<&[u8]> = pairs.iter().map(Vec::as_slice).collect();
                node.push(node_id, id, &refs, is_deleted);
                model.push((id, pairs, is_deleted));
            }
            let (mut at, mut forwards) = (node.begin(), Vec::new());
            while at < node.end() {
                let entry = node.entry(node_id, at);
                forwards.push(read(&entry));
                if !entry.is_deleted && entry.id.seq % 3 == 0 {
                    let next = entry.next;
                    node.delete(at);
                    let number = forwards.len() - 1;
                    forwards[number].2 = true;
                    model[number].2 = true;
                    at = next;
                } else {
                    at = entry.next;
                }
            }
            prop_assert_eq!(&forwards, &model);
            let mut backwards = Vec::new();
            while at > node.begin() {
                at = node.before(at);
                backwards.push(read(&node.entry(node_id, at)));
            }
            backwards.reverse();
            prop_assert_eq!(&backwards, &model);
            prop_assert_eq!(node.live() as usize, model.iter().filter(|(.., is_deleted)| !is_deleted).count());
            let listpack: usize = model.iter().map(|(id, pairs, _)| {
                let is_same = pairs.len() == 4;
                let fixed = listpack::integer_len(0) + listpack::integer_len((id.ms - node_id.ms) as i64)
                    + listpack::integer_len(id.seq.wrapping_sub(node_id.seq) as i64);
                let texts: usize = pairs.iter().enumerate().filter(|(at, _)| !is_same || at % 2 == 1).map(|(_, text)| listpack::entry_len(text)).sum();
                let count = if is_same { 0 } else { listpack::integer_len(pairs.len() as i64 / 2) };
                fixed + texts + count + listpack::integer_len(if is_same { 5 } else { 4 + pairs.len() as i64 })
            }).sum();
            let names_len = listpack::entry_len(b"name") + listpack::entry_len(b"7") + 4;
            let counts = listpack::integer_len(node.live() as i64) + listpack::integer_len(node.deleted() as i64);
            prop_assert_eq!(node.listpack_len(), listpack::FRAME_LEN + names_len + counts + listpack);
        }
    }
}
