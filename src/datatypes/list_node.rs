//! A piece of a list: elements behind each other, to be walked from either end.
//!
//! ```text
//! u32 number of elements | u32 bytes that they would take in a listpack | gap | elements
//! element  item | its length: one byte, or u32 and 0xff
//! gap      nothing | 0xe7 | 0xe6, u8 length of the gap, anything
//! ```
//! A gap is room for elements that are put in front, and what is left of elements that were taken from there: without it each of them would
//! move all others. No item begins as a gap does.
//!
//! The listpack's length decides where Valkey would begin another node, and so what OBJECT ENCODING answers.
//!
//! Invariants:
//! * An offset that is taken or returned is that of an element's first byte, or the node's length.
//! * Only [`push_front`] and [`remove_front`] make a gap.

use super::items::{self, Item};
use super::listpack::{self, entry_len as listpack_entry_len};
use crate::base::alloc;

const HEADER_LEN: usize = 8;
/// Begins a gap of two bytes or more.
const GAP: u8 = 0xe6;
/// Is a gap of one byte.
const GAP_OF_ONE: u8 = 0xe7;
/// Longest gap: its length takes a byte.
const GAP_LEN_MAX: usize = 255;
/// A new gap is so many times shorter than its node.
const GAP_SHARE: usize = 16;
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

#[inline]
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

/// The offset of the first element, or the node's length if there is none.
#[inline]
pub fn first(node: &[u8]) -> usize {
    match node[HEADER_LEN..] {
        [GAP, len, ..] => HEADER_LEN + len as usize,
        [GAP_OF_ONE, ..] => HEADER_LEN + 1,
        _ => HEADER_LEN,
    }
}

/// Notes that the first element lies at `first`, not farther behind the header than a gap can be.
fn set_first(node: &mut [u8], first: usize) {
    match first - HEADER_LEN {
        0 => {}
        1 => node[HEADER_LEN] = GAP_OF_ONE,
        len => node[HEADER_LEN..HEADER_LEN + 2].copy_from_slice(&[GAP, len as u8]),
    }
}

/// Closes the gap: the node will lie as it is for long.
pub fn close_gap(node: &mut Vec<u8>) {
    let first = first(node);
    node.drain(HEADER_LEN..first);
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
    let mut at = first(node);
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
        return (0..index).fold(first(node), |at, _| next(node, at));
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

/// Adds a text before the first.
pub fn push_front(node: &mut Vec<u8>, text: &[u8]) {
    let form = form(text);
    let mut at = first(node);
    if at - HEADER_LEN < form.len() {
        let more = form.len() - (at - HEADER_LEN);
        // No node becomes larger than usual for its gap, and no small one much larger.
        let gap = GAP_LEN_MAX.min(node.len() / GAP_SHARE).min(USUAL_LEN_MAX.saturating_sub(node.len() + more));
        let end = node.len();
        reserve(node, more + gap);
        node.resize(end + more + gap, 0);
        node.copy_within(at..end, at + more + gap);
        at += more + gap;
    }
    let first = at - form.len();
    node[first..at].copy_from_slice(&form);
    set_first(node, first);
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

/// How many elements lie between two offsets, and what they take in a listpack.
#[inline]
fn measure(node: &[u8], mut from: usize, to: usize) -> (i64, i64) {
    let (mut elements, mut listpack) = (0, 0);
    while from < to {
        listpack += get(node, from).with_text(listpack_entry_len) as i64;
        elements += 1;
        from = next(node, from);
    }
    (elements, listpack)
}

/// Takes out the elements between two offsets.
pub fn remove(node: &mut Vec<u8>, from: usize, to: usize) {
    let (elements, listpack) = measure(node, from, to);
    node.drain(from..to);
    adjust(node, -elements, -listpack);
}

/// Takes out the elements before an offset.
pub fn remove_front(node: &mut Vec<u8>, to: usize) {
    let (elements, listpack) = measure(node, first(node), to);
    if to - HEADER_LEN <= GAP_LEN_MAX {
        set_first(node, to);
    } else {
        node.drain(HEADER_LEN..to);
    }
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
    append_from(node, other, first(other));
}

fn append_from(node: &mut Vec<u8>, other: &[u8], from: usize) {
    let (elements, listpack) = measure(other, from, other.len());
    node.extend_from_slice(&other[from..]);
    adjust(node, elements, listpack);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(node: &[u8]) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        let mut at = first(node);
        while at < node.len() {
            texts.push(get(node, at).to_vec());
            at = next(node, at);
        }
        let mut backwards = Vec::new();
        while at > first(node) {
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
        fn a_node_is_what_a_vector_would_be(steps in prop::collection::vec((0..8u8, any::<prop::sample::Index>(), text()), 1..60)) {
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
                    5 => { push_front(&mut node, &text); model.insert(0, text) }
                    6 => { remove_front(&mut node, at); model.drain(..place); }
                    7 => close_gap(&mut node),
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
