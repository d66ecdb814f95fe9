//! What a reply consists of: bytes, and what is referred to between them. See [`super::encoder`].

use bytes::{Bytes, BytesMut};

/// Bytes of somebody else's that are sent before `buf[at..]`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) at: usize,
    pub(super) bytes: Bytes,
}

/// Bytes of all blocks.
pub(super) fn len_of(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.bytes.len()).sum()
}

/// A part of what waits: bytes, and what is referred to between them.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) buf: BytesMut,
    pub(super) blocks: Vec<Block>,
}

impl Segment {
    pub(super) fn len(&self) -> usize {
        self.buf.len() + self.shared_len()
    }

    pub(super) fn shared_len(&self) -> usize {
        len_of(&self.blocks)
    }

    /// Hands out piece after piece, in order.
    pub(super) fn take_parts(buf: &[u8], blocks: Vec<Block>, take: &mut impl FnMut(Part<'_>)) {
        let mut copied = 0;
        for Block { at, bytes } in blocks {
            if at > copied {
                take(Part::Copied(&buf[copied..at]));
                copied = at;
            }
            take(Part::Shared(bytes));
        }
        if copied < buf.len() {
            take(Part::Copied(&buf[copied..]));
        }
    }
}

impl AsRef<[u8]> for Part<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Part::Copied(bytes) => bytes,
            Part::Own(bytes) => bytes,
            Part::Shared(bytes) => bytes,
        }
    }
}

/// A piece of what is to be sent, see [`super::ReplyBuf::take_parts`].
#[derive(Debug)]
pub enum Part<'b> {
    /// Bytes of the buffer.
    Copied(&'b [u8]),
    /// A full segment.
    Own(BytesMut),
    /// Bytes that are referred to.
    Shared(Bytes),
}
