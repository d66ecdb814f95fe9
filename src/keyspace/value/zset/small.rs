//! A sorted set in one piece: its number of members, then each member with its score, in order.

use std::cmp::Ordering;
use std::ops::Range;

use super::iter::{Element, Elements, element};
use crate::datatypes::items::{self, Packed};

/// Bytes of the number of members.
pub(super) const COUNT_LEN: usize = 2;

#[inline]
pub(super) fn len(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize)
}

fn set_len(bytes: &mut [u8], len: usize) {
    let len = u16::try_from(len).expect("a larger one is no small one");
    bytes[..COUNT_LEN].copy_from_slice(&len.to_le_bytes());
}

/// Where the element with this member begins.
#[inline]
pub(super) fn find(bytes: &[u8], form: &[u8]) -> Option<usize> {
    items::find(&bytes[COUNT_LEN..], form, 2).map(|at| COUNT_LEN + at)
}

/// The number of elements before a member, and its score.
pub(super) fn rank(bytes: &[u8], form: &[u8]) -> Option<(usize, f64)> {
    let all = Elements::Small(&bytes[COUNT_LEN..], len(bytes));
    all.enumerate().find(|(_, element)| element.form == form).map(|(rank, element)| (rank, element.score))
}

/// Where element `rank` begins.
fn offset(bytes: &[u8], rank: usize) -> usize {
    (0..rank * 2).fold(COUNT_LEN, |at, _| at + items::form_len(&bytes[at..]))
}

pub(super) fn range(bytes: &[u8], ranks: Range<usize>, is_backwards: bool) -> Elements<'_> {
    let mut at = offset(bytes, ranks.start);
    if !is_backwards {
        return Elements::Small(&bytes[at..], ranks.len());
    }
    let next = |_| {
        let start = at;
        at += element(&bytes[at..]).1;
        start as u32
    };
    Elements::SmallBackwards(bytes, ranks.map(next).collect())
}

/// Appends an element that comes last.
pub(super) fn push(bytes: &mut Vec<u8>, element: Element<'_>) {
    bytes.extend_from_slice(element.form);
    items::push_score(bytes, element.score);
    let more = len(bytes) + 1;
    set_len(bytes, more);
}

/// Inserts an element whose member is not there.
pub(super) fn insert(bytes: &mut Vec<u8>, form: &[u8], text: &[u8], score: f64) {
    let mut at = COUNT_LEN;
    while at < bytes.len() {
        let (other, len) = element(&bytes[at..]);
        let comes_first = match other.score.partial_cmp(&score).expect("no score is NaN") {
            Ordering::Equal => other.member().with_text(|member| member < text),
            order => order.is_lt(),
        };
        if !comes_first {
            break;
        }
        at += len;
    }
    let mut new = Packed::from_slice(form);
    items::push_score(&mut new, score);
    items::splice(bytes, at..at, &new);
    let more = len(bytes) + 1;
    set_len(bytes, more);
}

/// Takes the element out that begins at `at`.
pub(super) fn remove(bytes: &mut Vec<u8>, at: usize) {
    let (_, element_len) = element(&bytes[at..]);
    items::splice(bytes, at..at + element_len, &[]);
    let left = len(bytes) - 1;
    set_len(bytes, left);
}

/// Takes the elements of these ranks out.
pub(super) fn remove_ranks(bytes: &mut Vec<u8>, ranks: Range<usize>) {
    let start = offset(bytes, ranks.start);
    let end = (0..ranks.len()).fold(start, |at, _| at + element(&bytes[at..]).1);
    let left = len(bytes) - ranks.len();
    items::splice(bytes, start..end, &[]);
    set_len(bytes, left);
}
