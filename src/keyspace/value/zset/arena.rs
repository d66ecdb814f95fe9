//! Numbered places in memory, given out and taken back one at a time: what refers to each other by number needs no pointers.
//!
//! Invariants:
//! * Nothing moves all places at once, however many there are: they lie in segments.
//! * An arena with few places is small: its first segment grows.

use crate::base::alloc;

/// Places of a segment.
const SEGMENT: usize = 64;

/// See the module's page.
#[derive(Debug, Clone)]
pub(super) struct Arena<T> {
    segments: Vec<Vec<T>>,
    free: Vec<u32>,
    /// Places given out so far, those that were taken back included.
    len: usize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { segments: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T: Default> Arena<T> {
    #[inline]
    pub(super) fn get(&self, number: u32) -> &T {
        &self.segments[number as usize / SEGMENT][number as usize % SEGMENT]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.segments[number as usize / SEGMENT][number as usize % SEGMENT]
    }

    /// Gives out a place.
    pub(super) fn add(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.get_mut(number) = value;
            return number;
        }
        if self.len.is_multiple_of(SEGMENT) {
            self.segments.push(if self.len == 0 { Vec::new() } else { Vec::with_capacity(SEGMENT) });
        }
        let segment = self.segments.last_mut().expect("it was added just now");
        if segment.len() == segment.capacity() {
            segment.reserve_exact(segment.len().clamp(1, SEGMENT - segment.len()));
        }
        segment.push(value);
        self.len += 1;
        self.len as u32 - 1
    }

    /// Takes a place back, with what is there.
    pub(super) fn remove(&mut self, number: u32) -> T {
        self.free.push(number);
        std::mem::take(self.get_mut(number))
    }

    /// Takes the last place back for good. Only where no other place was taken back.
    pub(super) fn remove_last(&mut self) {
        self.len -= 1;
        self.segments[self.len / SEGMENT].pop();
        self.segments.truncate(self.len.div_ceil(SEGMENT));
    }

    /// What is at all places, those that were taken back included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flatten()
    }

    /// Places given out so far, those that were taken back included.
    pub(super) fn places(&self) -> usize {
        self.len
    }

    /// Places in use.
    pub(super) fn used(&self) -> usize {
        self.len - self.free.len()
    }

    /// True if a place whose number is below `limit` can be given out.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        !self.free.is_empty() || self.len < limit
    }

    /// Memory that it takes beside itself.
    pub(super) fn bytes(&self) -> usize {
        let segment = |segment: &Vec<T>| alloc::block_len(segment.capacity() * size_of::<T>());
        let segments = match &self.segments[..] {
            [] => 0,
            [first, others @ ..] => segment(first) + others.first().map_or(0, |other| others.len() * segment(other)),
        };
        segments
            + alloc::block_len(self.segments.capacity() * size_of::<Vec<T>>())
            + alloc::block_len(self.free.capacity() * size_of::<u32>())
    }
}
