//! A piece of a list: elements behind each other, to be walked from either end.
//!
//! ```text
//! u32 number of elements | u32 bytes that they would take in a listpack | elements
//! element  item | its length: one byte, or u32 and 0xff
//! ```
//!
//! The listpack's length decides where Valkey would begin another node, and so what OBJECT ENCODING answers.
//!
//! Invariant: an offset that is taken or returned is that of an element's first byte, or the node's length.

use super::items::{self, Item};
use super::listpack::{self, entry_len as listpack_entry_len};
use crate::base::alloc;

/// Where the first element lies.
pub const HEADER_LEN: usize = 8;
/// Length of a full node under the default of `list-max-listpack-size`.
const USUAL_LEN_MAX: usize = 8192;
/// Up to this length, in bytes, a node is a short one.
const SHORT_LEN_MAX: usize = 2048;
/// Ends a length of four bytes.
const LONG: u8 = 0xff;

/// An empty node.
pub fn empty() -> Vec<u8> {
    vec![0; HEADER_LEN]
}

/// An empty node with room for elements that take so many bytes in a listpack, which is what they take here.
pub fn with_room(listpack_len: usize) -> Vec<u8> {
    items::with_room(HEADER_LEN, listpack_len)
}

/// A node of one text.
pub fn of(text: &[u8]) -> Vec<u8> {
    let mut node = empty();
    push(&mut node, text);
    node
}

fn field(node: &[u8], at: usize) -> u32 {
    node[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Number of elements.
#[inline]
pub fn count(node: &[u8]) -> usize {
    field(node, 0) as usize
}

/// Length as a listpack.
#[inline]
pub fn listpack_len(node: &[u8]) -> usize {
    listpack::FRAME_LEN + field(node, 4) as usize
}

fn adjust(node: &mut [u8], elements: i64, listpack: i64) {
    let count = (i64::from(field(node, 0)) + elements) as u32;
    let len = (i64::from(field(node, 4)) + listpack) as u32;
    node[..4].copy_from_slice(&count.to_le_bytes());
    node[4..8].copy_from_slice(&len.to_le_bytes());
}

/// The form of an element as it lies in a node.
fn form(text: &[u8]) -> items::Packed {
    let mut form = items::packed(text);
    let len = form.len();
    if len < LONG as usize {
        form.push(len as u8);
    } else {
        form.extend_from_slice(&(len as u32).to_le_bytes());
        form.push(LONG);
    }
    form
}

#[inline]
fn whole_len(item_len: usize) -> usize {
    item_len + if item_len < LONG as usize { 1 } else { 5 }
}

/// The element at an offset.
#[inline]
pub fn get(node: &[u8], at: usize) -> Item<'_> {
    items::read(&node[at..])
}

/// The offset of the element behind this one.
#[inline]
pub fn next(node: &[u8], at: usize) -> usize {
    at + whole_len(items::form_len(&node[at..]))
}

/// All elements.
pub fn items(node: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let mut at = HEADER_LEN;
    std::iter::from_fn(move || {
        let here = at;
        at = if here < node.len() { next(node, here) } else { return None };
        Some(get(node, here))
    })
}

/// The offset of the element before this one, which is not the first.
#[inline]
pub fn previous(node: &[u8], at: usize) -> usize {
    let item_len = match node[at - 1] {
        LONG => field(node, at - 5) as usize,
        short => short as usize,
    };
    at - whole_len(item_len)
}

/// The offset of element `index`, or the node's length for the one behind the last. From the nearer end.
pub fn offset(node: &[u8], index: usize) -> usize {
    let count = count(node);
    if index <= count / 2 {
        return (0..index).fold(HEADER_LEN, |at, _| next(node, at));
    }
    (index..count).fold(node.len(), |at, _| previous(node, at))
}

/// True if the element at an offset is this text, whose form is `form` ([`items::packed`]).
#[inline]
pub fn is_at(node: &[u8], at: usize, form: &[u8]) -> bool {
    node[at..].starts_with(form)
}

/// Makes room for `more` bytes. Doubling would leave the last step of most nodes empty, which end at 8 KB; and most lists are short, so that a
/// short node grows in smaller steps.
fn reserve(node: &mut Vec<u8>, more: usize) {
    let needed = node.len() + more;
    if needed > node.capacity() {
        let step = node.len() / if node.len() < SHORT_LEN_MAX { 4 } else { 2 };
        let target = alloc::block_len(needed.max(node.len() + step));
        let target = if needed <= USUAL_LEN_MAX { target.min(USUAL_LEN_MAX) } else { target };
        node.reserve_exact(target - node.len());
    }
}

/// Puts a text in at an offset.
pub fn insert(node: &mut Vec<u8>, at: usize, text: &[u8]) {
    let form = form(text);
    reserve(node, form.len());
    items::splice(node, at..at, &form);
    adjust(node, 1, listpack_entry_len(text) as i64);
}

/// Adds a text behind the last.
pub fn push(node: &mut Vec<u8>, text: &[u8]) {
    let form = form(text);
    reserve(node, form.len());
    node.extend_from_slice(&form);
    adjust(node, 1, listpack_entry_len(text) as i64);
}

/// Replaces the element at an offset.
pub fn replace(node: &mut Vec<u8>, at: usize, text: &[u8]) {
    let old = get(node, at).with_text(listpack_entry_len);
    let end = next(node, at);
    items::splice(node, at..end, &form(text));
    adjust(node, 0, listpack_entry_len(text) as i64 - old as i64);
}

/// Takes out the elements between two offsets.
pub fn remove(node: &mut Vec<u8>, from: usize, to: usize) {
    let (mut at, mut elements, mut listpack) = (from, 0, 0);
    while at < to {
        listpack += get(node, at).with_text(listpack_entry_len) as i64;
        elements += 1;
        at = next(node, at);
    }
    node.drain(from..to);
    adjust(node, -elements, -listpack);
}

/// Takes the elements from an offset on into a node of their own.
pub fn split_off(node: &mut Vec<u8>, at: usize) -> Vec<u8> {
    let mut rest = empty();
    append_from(&mut rest, node, at);
    let len = node.len();
    remove(node, at, len);
    rest
}

/// Adds all elements of another node.
pub fn append(node: &mut Vec<u8>, other: &[u8]) {
    append_from(node, other, HEADER_LEN);
}

fn append_from(node: &mut Vec<u8>, other: &[u8], from: usize) {
    let (mut at, mut elements, mut listpack) = (from, 0, 0);
    while at < other.len() {
        listpack += get(other, at).with_text(listpack_entry_len) as i64;
        elements += 1;
        at = next(other, at);
    }
    node.extend_from_slice(&other[from..]);
    adjust(node, elements, listpack);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(node: &[u8]) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        let mut at = HEADER_LEN;
        while at < node.len() {
            texts.push(get(node, at).to_vec());
            at = next(node, at);
        }
        let mut backwards = Vec::new();
        while at > HEADER_LEN {
            at = previous(node, at);
            backwards.push(get(node, at).to_vec());
        }
        backwards.reverse();
        assert_eq!(texts, backwards, "the same from either end");
        texts
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (-200..200_i64).prop_map(|number| number.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..20),
            (250..260usize).prop_map(|len| vec![b'x'; len]),
        ]
    }

    proptest! {
        #[test]
        fn a_node_is_what_a_vector_would_be(steps in prop::collection::vec((0..5u8, any::<prop::sample::Index>(), text()), 1..60)) {
            let (mut node, mut model) = (empty(), Vec::new());
            for (kind, index, text) in steps {
                let place = index.index(model.len() + 1);
                let at = offset(&node, place);
                match kind {
                    0 | 1 => { insert(&mut node, at, &text); model.insert(place, text) }
                    2 => { push(&mut node, &text); model.push(text) }
                    3 if place < model.len() => { replace(&mut node, at, &text); model[place] = text }
                    4 if place < model.len() => {
                        let to = next(&node, at);
                        remove(&mut node, at, to);
                        model.remove(place);
                    }
                    _ => {
                        let rest = split_off(&mut node, at);
                        prop_assert_eq!(texts(&rest), model[place..].to_vec());
                        append(&mut node, &rest);
                    }
                }
                prop_assert_eq!(texts(&node), model.clone());
                prop_assert_eq!(count(&node), model.len());
                let listpack: usize = model.iter().map(|text| listpack_entry_len(text)).sum();
                prop_assert_eq!(listpack_len(&node), listpack::FRAME_LEN + listpack);
            }
        }
    }
}
