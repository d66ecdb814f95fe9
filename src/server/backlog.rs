//! Output that a socket did not take yet.
//!
//! Invariants:
//! * What is added leaves in the order in which it was added.
//! * Nothing that waits is moved to make room, and a block is given back once it is sent: the memory taken is about what waits.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::base::alloc;
use crate::clients::client::{Figures, REPLY_ROOM_LEN_MAX};

/// Length of a block, in bytes: what output limits count in.
const BLOCK_LEN: usize = REPLY_ROOM_LEN_MAX as usize;
/// A buffer with at least this in it, and little room at its end, becomes a block as it is: copying it would cost more.
const ADOPTED_LEN_MIN: usize = 64 * 1024;
/// Most blocks that are sent with one call.
const BLOCKS_PER_WRITE_MAX: usize = 64;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    blocks: VecDeque<BytesMut>,
    /// How much of the first block is sent.
    sent: usize,
    len: usize,
    /// What the allocator set aside for all blocks.
    taken: usize,
}

/// What one call sends.
pub(super) type Slices<'b> = SmallVec<[IoSlice<'b>; BLOCKS_PER_WRITE_MAX]>;

impl Backlog {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that wait.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a copy of `bytes`.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            let room = self.blocks.back().map_or(0, |last| last.capacity() - last.len());
            if room == 0 {
                self.push(BytesMut::with_capacity(BLOCK_LEN));
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.blocks.back_mut().expect("it has room").extend_from_slice(now);
            bytes = later;
        }
    }

    /// Takes what is in `buffer`, of which the first `sent` bytes went out already, and leaves it empty. Only of an empty backlog may
    /// something have gone out.
    pub(super) fn take_over(&mut self, buffer: &mut BytesMut, sent: usize) {
        debug_assert!(sent == 0 || self.is_empty());
        let left = buffer.len() - sent;
        if left >= ADOPTED_LEN_MIN && left >= buffer.capacity() / 4 * 3 {
            self.sent += sent;
            self.len += left;
            self.push(std::mem::take(buffer));
        } else {
            self.append(&buffer[sent..]);
            buffer.clear();
        }
    }

    /// Tells others how much waits.
    pub(super) fn publish(&self, figures: &Figures) {
        figures.backlog.store(self.len as u64, Ordering::Relaxed);
        figures.backlog_capacity.store(self.taken as u64, Ordering::Relaxed);
    }

    fn push(&mut self, block: BytesMut) {
        self.taken += alloc::block_len(block.capacity());
        self.blocks.push_back(block);
    }

    /// What to send next, of the first `len` bytes.
    pub(super) fn slices(&self, mut len: usize) -> Slices<'_> {
        let blocks = self.blocks.iter().take(BLOCKS_PER_WRITE_MAX);
        let starts = std::iter::once(self.sent).chain(std::iter::repeat(0));
        let parts = blocks.zip(starts).map(|(block, start)| {
            let part = &block[start..];
            let part = &part[..part.len().min(len)];
            len -= part.len();
            part
        });
        parts.take_while(|part| !part.is_empty()).map(IoSlice::new).collect()
    }

    /// Forgets the first `count` bytes, which are sent.
    pub(super) fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.len);
        self.len -= count;
        self.sent += count;
        while let Some(first) = self.blocks.front()
            && self.sent >= first.len()
        {
            self.sent -= first.len();
            self.taken -= alloc::block_len(first.capacity());
            self.blocks.pop_front();
        }
        if self.blocks.is_empty() {
            self.blocks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends everything in steps of `step` bytes.
    fn drain(backlog: &mut Backlog, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !backlog.is_empty() {
            let all: Vec<u8> = backlog.slices(step.max(2)).iter().flat_map(|slice| slice.iter().copied()).collect();
            let now = step.min(all.len());
            out.extend_from_slice(&all[..now]);
            backlog.advance(now);
        }
        out
    }

    #[test]
    fn what_goes_in_comes_out_in_order_and_memory_follows_it() {
        let data: Vec<u8> = (0..700_000u32).map(|number| (number % 251) as u8).collect();
        // Lengths of what is taken over, of the first of them how much was sent before, and bytes sent at once.
        let cases: [(&[usize], usize, usize); 6] = [
            (&[1], 0, 1),
            (&[BLOCK_LEN, 1], 0, 7),
            (&[10_000, 10_000, 10_000], 3000, 4096),
            (&[ADOPTED_LEN_MIN + 1, 10], 0, 5000),
            (&[ADOPTED_LEN_MIN + 100, 10, ADOPTED_LEN_MIN + 1], 99, 100_000),
            (&[100, ADOPTED_LEN_MIN + 1, 100], 50, 700_000),
        ];
        for (lengths, sent, step) in cases {
            let (mut backlog, mut at) = (Backlog::default(), 0);
            for len in lengths {
                let mut buffer = BytesMut::from(&data[at..at + len]);
                backlog.take_over(&mut buffer, if at == 0 { sent } else { 0 });
                assert!(buffer.is_empty());
                at += len;
            }
            assert_eq!(backlog.len(), at - sent, "{lengths:?}");
            assert!(backlog.taken <= (at - sent) * 3 / 2 + BLOCK_LEN, "{lengths:?}");
            assert!(drain(&mut backlog, step) == data[sent..at], "{lengths:?}");
            assert_eq!((backlog.len(), backlog.taken, backlog.blocks.capacity()), (0, 0, 0), "{lengths:?}");
        }
    }

    #[test]
    fn one_call_sends_a_bounded_number_of_blocks() {
        let mut backlog = Backlog::default();
        (0..BLOCKS_PER_WRITE_MAX * 2).for_each(|_| backlog.append(&[1; BLOCK_LEN]));
        assert_eq!(backlog.slices(usize::MAX).len(), BLOCKS_PER_WRITE_MAX);
    }
}
