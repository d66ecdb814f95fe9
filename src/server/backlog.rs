//! Output that a socket did not take yet.
//!
//! Invariants:
//! * What is added leaves in the order in which it was added.
//! * Nothing that waits is moved to make room, and a block is given back once it is sent: the memory taken is about what waits.
//! * Values that replies refer to are sent from where they are. They wait like everything else, but count as memory of their keys.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use larder_proto::resp::{Part, ReplyBuf};
use smallvec::SmallVec;

use crate::base::alloc;
use crate::clients::client::{Figures, REPLY_ROOM_LEN_MAX};

/// Length of a block, in bytes: what output limits count in.
const BLOCK_LEN: usize = REPLY_ROOM_LEN_MAX as usize;
/// A buffer with at least this in it, and little room at its end, becomes a block as it is: copying it would cost more.
const ADOPTED_LEN_MIN: usize = 64 * 1024;
/// Room of a block at the start and of one behind a block that is referred to, if it is enough: usually only the end of one reply and the
/// head of the next one come between two values.
const BETWEEN_LEN: usize = 64;
/// Most blocks that are sent with one call.
const BLOCKS_PER_WRITE_MAX: usize = 64;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    blocks: VecDeque<Block>,
    /// How much of the first block is sent.
    sent: usize,
    len: usize,
    /// Bytes of blocks that are referred to and not sent completely.
    shared: usize,
    /// What the allocator set aside for all other blocks.
    taken: usize,
}

#[derive(Debug)]
enum Block {
    /// Bytes that were copied here.
    Own(BytesMut),
    /// A part of a value, which belongs to its key, too.
    Shared(Bytes),
}

impl Block {
    fn bytes(&self) -> &[u8] {
        match self {
            Block::Own(bytes) => bytes,
            Block::Shared(bytes) => bytes,
        }
    }
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
            let block_len = match self.blocks.back_mut() {
                Some(Block::Own(last)) if last.len() < last.capacity() => {
                    let (now, later) = bytes.split_at((last.capacity() - last.len()).min(bytes.len()));
                    last.extend_from_slice(now);
                    bytes = later;
                    continue;
                }
                Some(Block::Shared(_)) | None if bytes.len() <= BETWEEN_LEN => BETWEEN_LEN,
                _ => BLOCK_LEN,
            };
            self.push(BytesMut::with_capacity(block_len));
        }
    }

    /// Takes what is in `reply`, of which the first `sent` bytes went out already, and leaves it empty. Only of an empty backlog and a reply
    /// in one piece may something have gone out.
    pub(super) fn take_over(&mut self, reply: &mut ReplyBuf, sent: usize) {
        debug_assert!(sent == 0 || self.is_empty());
        reply.take_full(|part| self.take_part(part));
        if reply.contiguous().is_none() {
            reply.take_parts(|part| self.take_part(part));
            return;
        }
        let buffer = &mut reply.buf;
        let left = buffer.len() - sent;
        if left >= ADOPTED_LEN_MIN && left >= buffer.capacity() / 4 * 3 {
            self.sent += sent;
            self.adopt(std::mem::take(buffer), sent);
        } else {
            self.append(&buffer[sent..]);
            buffer.clear();
        }
    }

    fn take_part(&mut self, part: Part<'_>) {
        match part {
            Part::Copied(bytes) => self.append(bytes),
            Part::Own(bytes) => self.adopt(bytes, 0),
            Part::Shared(bytes) => self.refer(bytes),
        }
    }

    /// Adds a buffer as it is, of which the first `sent` bytes went out already.
    fn adopt(&mut self, buffer: BytesMut, sent: usize) {
        self.len += buffer.len() - sent;
        self.push(buffer);
    }

    /// Adds bytes that stay where they are.
    fn refer(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.shared += bytes.len();
        self.blocks.push_back(Block::Shared(bytes));
    }

    /// Tells others how much waits.
    pub(super) fn publish(&self, figures: &Figures) {
        figures.backlog.store(self.len as u64, Ordering::Relaxed);
        figures.backlog_capacity.store(self.taken as u64, Ordering::Relaxed);
        figures.backlog_shared.store(self.shared as u64, Ordering::Relaxed);
    }

    fn push(&mut self, block: BytesMut) {
        self.taken += alloc::block_len(block.capacity());
        self.blocks.push_back(Block::Own(block));
    }

    /// What to send next, of the first `len` bytes.
    pub(super) fn slices(&self, mut len: usize) -> Slices<'_> {
        let blocks = self.blocks.iter().take(BLOCKS_PER_WRITE_MAX);
        let starts = std::iter::once(self.sent).chain(std::iter::repeat(0));
        let parts = blocks.zip(starts).map(|(block, start)| {
            let part = &block.bytes()[start..];
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
            && self.sent >= first.bytes().len()
        {
            self.sent -= first.bytes().len();
            match first {
                Block::Own(first) => self.taken -= alloc::block_len(first.capacity()),
                Block::Shared(first) => self.shared -= first.len(),
            }
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
                let mut reply = ReplyBuf::default();
                reply.buf = BytesMut::from(&data[at..at + len]);
                backlog.take_over(&mut reply, if at == 0 { sent } else { 0 });
                assert!(reply.is_empty());
                at += len;
            }
            assert_eq!(backlog.len(), at - sent, "{lengths:?}");
            assert!(backlog.taken <= (at - sent) * 3 / 2 + BLOCK_LEN, "{lengths:?}");
            assert!(drain(&mut backlog, step) == data[sent..at], "{lengths:?}");
            assert_eq!((backlog.len(), backlog.taken, backlog.blocks.capacity()), (0, 0, 0), "{lengths:?}");
        }
    }

    #[test]
    fn what_is_referred_to_goes_out_in_its_place_and_is_not_copied() {
        let value = Bytes::from(vec![b'v'; 300_000]);
        for (sent_before, step) in [(0, 50_001), (3, 299_999), (0, usize::MAX)] {
            let mut backlog = Backlog::default();
            if sent_before > 0 {
                let mut reply = ReplyBuf::default();
                reply.raw(b"+first\r\n");
                backlog.take_over(&mut reply, sent_before);
            }
            let mut reply = ReplyBuf::default();
            for _ in 0..3 {
                reply.ok();
                reply.bulk_shared(value.len(), [value.slice(..200_000), value.slice(200_000..200_010), value.slice(200_010..)]);
            }
            reply.raw(&[b'x'; 20_000]);
            let len = reply.len();
            backlog.take_over(&mut reply, 0);
            assert!(reply.is_empty());
            assert_eq!((backlog.len(), backlog.shared), (len + "+first\r\n".len() * sent_before.min(1) - sent_before, 3 * 299_990));
            assert!(backlog.taken < 2 * BLOCK_LEN + 1000, "{} bytes set aside", backlog.taken);
            let one = [b"+OK\r\n$300000\r\n", &value[..], b"\r\n"].concat();
            let expected = [&b"+first\r\n"[if sent_before > 0 { 3 } else { 8 }..], &one.repeat(3), &[b'x'; 20_000]].concat();
            assert!(drain(&mut backlog, step) == expected, "{step}");
            assert_eq!((backlog.len(), backlog.shared, backlog.taken, backlog.blocks.capacity()), (0, 0, 0, 0));
        }
    }

    #[test]
    fn a_long_reply_is_not_copied() {
        let mut reply = ReplyBuf::in_segments();
        (0..10_000).for_each(|_| reply.bulk(&[b'x'; 1000]));
        let (len, mut backlog) = (reply.len(), Backlog::default());
        backlog.take_over(&mut reply, 0);
        assert!(reply.is_empty());
        assert_eq!(backlog.len(), len);
        assert!(backlog.taken < len + len / 16, "{} bytes set aside for {len}", backlog.taken);
        assert!(backlog.blocks.len() < len / (8 * BLOCK_LEN), "{} blocks", backlog.blocks.len());
        assert!(
            drain(&mut backlog, 300_000)
                == b"$1000\r\n".iter().chain(&[b'x'; 1000]).chain(b"\r\n").copied().collect::<Vec<u8>>().repeat(10_000)
        );
    }

    #[test]
    fn one_call_sends_a_bounded_number_of_blocks() {
        let mut backlog = Backlog::default();
        (0..BLOCKS_PER_WRITE_MAX * 2).for_each(|_| backlog.append(&[1; BLOCK_LEN]));
        assert_eq!(backlog.slices(usize::MAX).len(), BLOCKS_PER_WRITE_MAX);
    }
}
