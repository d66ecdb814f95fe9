//! A leaf of a large sorted set: some fifty elements in their order, packed into one allocation.
//!
//! ```text
//! u16 number of elements | u8 0 | u8 stride | u32 leaf before | u32 leaf after       (numbers of leaves, from 1; 0: none)
//! a byte of each member's hash | 8 bytes of each score | each member, as an item
//! ```
//! The stride is the length of the members' forms, if all have the same; 0 if not.

use std::cmp::Ordering;
use std::ops::Range;

use crate::base::alloc;
use crate::datatypes::items;
use crate::keyspace::bucket::prefetch;

/// Bytes of a leaf in a set that has several: one size for all, so that what one leaf leaves another takes.
pub(super) const LEAF_LEN: usize = 1536;

const HEADER_LEN: usize = 12;
const STRIDE_AT: usize = 3;
const BEFORE_AT: usize = 4;
const AFTER_AT: usize = 8;
const SCORE_LEN: usize = 8;
/// What an element takes beside its member.
pub(super) const ELEMENT_LEN: usize = 1 + SCORE_LEN;
/// Up to this length a leaf grows as the allocator rounds; beyond it, it gets its whole length.
const GROWING_LEN_MAX: usize = LEAF_LEN / 2;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Leaf(Vec<u8>);

/// Elements in the form in which leaves hold them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    pub(super) marks: &'a [u8],
    pub(super) scores: &'a [u8],
    pub(super) members: &'a [u8],
}

impl Clone for Leaf {
    fn clone(&self) -> Self {
        let mut bytes = Vec::with_capacity(capacity_for(self.0.len()));
        bytes.extend_from_slice(&self.0);
        Leaf(bytes)
    }
}

fn capacity_for(len: usize) -> usize {
    if (GROWING_LEN_MAX..LEAF_LEN).contains(&len) { LEAF_LEN } else { alloc::block_len(len) }
}

impl Leaf {
    pub(super) fn new() -> Leaf {
        Leaf(vec![0; HEADER_LEN])
    }

    /// Asks the processor for the head, and for what a member with one of the hashes is compared by.
    #[inline]
    pub(super) fn prefetch(&self) {
        for line in [0, 64] {
            prefetch(self.0.as_ptr().wrapping_add(line));
        }
    }

    /// Asks the processor for all of it, since it is to be changed.
    #[inline]
    pub(super) fn prefetch_all(&self) {
        for line in (0..self.0.len()).step_by(64) {
            prefetch(self.0.as_ptr().wrapping_add(line));
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        u16::from_le_bytes([self.0[0], self.0[1]]) as usize
    }

    /// What it consists of.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// One as it was saved.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Leaf {
        Leaf(bytes)
    }

    /// True if there are no elements, or not even a leaf: what a place holds from which one was taken away.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty() || self.count() == 0
    }

    /// Bytes in use.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes set aside.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.0[at..].first_chunk().expect("the header is there"))
    }

    /// The leaf before, as its number and one.
    pub(super) fn before(&self) -> u32 {
        self.number(BEFORE_AT)
    }

    /// The leaf after, likewise.
    pub(super) fn after(&self) -> u32 {
        self.number(AFTER_AT)
    }

    pub(super) fn set_before(&mut self, number: u32) {
        self.0[BEFORE_AT..AFTER_AT].copy_from_slice(&number.to_le_bytes());
    }

    pub(super) fn set_after(&mut self, number: u32) {
        self.0[AFTER_AT..HEADER_LEN].copy_from_slice(&number.to_le_bytes());
    }

    #[inline]
    fn stride(&self) -> usize {
        self.0[STRIDE_AT] as usize
    }

    #[inline]
    pub(super) fn marks(&self) -> &[u8] {
        &self.0[HEADER_LEN..HEADER_LEN + self.count()]
    }

    #[inline]
    fn scores_at(&self) -> usize {
        HEADER_LEN + self.count()
    }

    #[inline]
    fn members_at(&self) -> usize {
        HEADER_LEN + self.count() * ELEMENT_LEN
    }

    #[inline]
    pub(super) fn score(&self, index: usize) -> f64 {
        f64::from_le_bytes(*self.0[self.scores_at() + index * SCORE_LEN..].first_chunk().expect("each element has a score"))
    }

    /// The scores of some elements.
    #[inline]
    pub(super) fn scores(&self, range: Range<usize>) -> &[[u8; SCORE_LEN]] {
        let at = self.scores_at();
        self.0[at + range.start * SCORE_LEN..at + range.end * SCORE_LEN].as_chunks().0
    }

    pub(super) fn set_score(&mut self, index: usize, score: f64) {
        let at = self.scores_at() + index * SCORE_LEN;
        self.0[at..at + SCORE_LEN].copy_from_slice(&score.to_le_bytes());
    }

    /// Where the form of member `index` begins; behind the last one: the end.
    #[inline]
    pub(super) fn offset(&self, index: usize) -> usize {
        match self.stride() {
            0 => self.walk(self.members_at(), index),
            stride => self.members_at() + index * stride,
        }
    }

    fn walk(&self, mut at: usize, members: usize) -> usize {
        for _ in 0..members {
            at += items::form_len(&self.0[at..]);
        }
        at
    }

    /// The form at `offset`, and what follows.
    #[inline]
    pub(super) fn form_at(&self, offset: usize) -> &[u8] {
        let form = &self.0[offset..];
        &form[..items::form_len(form)]
    }

    #[inline]
    pub(super) fn form(&self, index: usize) -> &[u8] {
        self.form_at(self.offset(index))
    }

    /// Where the element with this member is.
    #[inline]
    pub(super) fn find(&self, mark: u8, form: &[u8]) -> Option<usize> {
        let (mut at, mut passed) = (self.members_at(), 0);
        let stride = self.stride();
        for index in memchr::memchr_iter(mark, self.marks()) {
            at = if stride > 0 { at + (index - passed) * stride } else { self.walk(at, index - passed) };
            passed = index;
            if self.0[at..].starts_with(form) {
                return Some(index);
            }
        }
        None
    }

    /// The number of elements that come first, as `by_score` says, or where that does not know, `by_member`.
    pub(super) fn partition(&self, by_score: impl Fn(f64) -> Ordering, by_member: impl Fn(&[u8]) -> bool) -> usize {
        let (low, high) = {
            let scores = &self.0[self.scores_at()..self.members_at()];
            let (scores, _) = scores.as_chunks::<SCORE_LEN>();
            let order = |score: &[u8; SCORE_LEN]| by_score(f64::from_le_bytes(*score));
            let low = scores.partition_point(|score| order(score).is_lt());
            (low, low + scores[low..].partition_point(|score| order(score).is_eq()))
        };
        if low == high {
            return low;
        }
        if self.stride() > 0 {
            let (mut first, mut end) = (low, high);
            while first < end {
                let middle = first.midpoint(end);
                if by_member(self.form(middle)) { first = middle + 1 } else { end = middle }
            }
            return first;
        }
        let mut at = self.offset(low);
        for index in low..high {
            let form = self.form_at(at);
            if !by_member(form) {
                return index;
            }
            at += form.len();
        }
        high
    }

    /// Elements as they lie here.
    pub(super) fn elements(&self, range: Range<usize>) -> Elements<'_> {
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        let scores = self.scores_at();
        Elements {
            marks: &self.marks()[range.clone()],
            scores: &self.0[scores + range.start * SCORE_LEN..scores + range.end * SCORE_LEN],
            members: &self.0[start..end],
        }
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("a leaf is split before it has so many");
        self.0[..2].copy_from_slice(&count.to_le_bytes());
    }

    /// Inserts elements before number `index`.
    pub(super) fn insert(&mut self, index: usize, new: Elements<'_>) {
        let (count, more) = (self.count(), new.marks.len());
        let form_len = if more == 0 { return } else { items::form_len(new.members) };
        let all_alike = form_len * more == new.members.len() && (more == 1 || alike(new.members, form_len));
        let stride = u8::try_from(form_len).ok().filter(|_| all_alike).filter(|stride| count == 0 || *stride == self.0[STRIDE_AT]);
        let (marks_end, scores_at, scores_end, member, end) =
            (self.scores_at(), self.scores_at(), self.members_at(), self.offset(index), self.0.len());
        let len = end + new.marks.len() + new.scores.len() + new.members.len();
        if len > self.0.capacity() {
            self.0.reserve_exact(capacity_for(len) - end);
        }
        self.0.resize(len, 0);
        let score = scores_at + index * SCORE_LEN;
        // From the last to the first, so that nothing is overwritten that is still to be moved.
        let (by_one, by_two) = (more, more + new.scores.len());
        let by_three = by_two + new.members.len();
        self.0.copy_within(member..end, member + by_three);
        self.0.copy_within(scores_end..member, scores_end + by_two);
        self.0.copy_within(score..scores_end, score + by_two);
        self.0.copy_within(scores_at..score, scores_at + by_one);
        let mark = HEADER_LEN + index;
        self.0.copy_within(mark..marks_end, mark + more);
        self.0[mark..mark + more].copy_from_slice(new.marks);
        self.0[score + by_one..score + by_two].copy_from_slice(new.scores);
        self.0[member + by_two..member + by_three].copy_from_slice(new.members);
        self.set_count(count + more);
        self.0[STRIDE_AT] = stride.unwrap_or(0);
    }

    /// Takes elements out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let count = self.count();
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        let scores = self.scores_at();
        self.0.drain(start..end);
        self.0.drain(scores + range.start * SCORE_LEN..scores + range.end * SCORE_LEN);
        self.0.drain(HEADER_LEN + range.start..HEADER_LEN + range.end);
        self.set_count(count - range.len());
        if count > range.len() && self.0.len() < GROWING_LEN_MAX / 2 && self.0.capacity() >= LEAF_LEN {
            self.0.shrink_to(capacity_for(self.0.len()));
        }
    }
}

/// True if all forms have this length.
fn alike(members: &[u8], form_len: usize) -> bool {
    let mut at = 0;
    while at < members.len() {
        if items::form_len(&members[at..]) != form_len {
            return false;
        }
        at += form_len;
    }
    true
}
