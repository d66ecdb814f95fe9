//! The union of several: of each register the largest value.
//!
//! Dense ones are not unpacked first. Of each register some byte or pair of bytes holds all six bits, and the larger of two such is the one
//! with the larger register, once the bits of its neighbours are masked out. So three maxima are kept, of the bytes and of the pairs at even and
//! at odd places, each with its own registers in it, and put together at the end:
//!
//! ```text
//! bytes      b0       b1       b2       b3       b4       b5
//! registers  0 . . . 1 . . . 2 . . . 3 . . . 4 . . . 5 . . . 6 . . . 7 . . .
//! bytes:     0                  3        4                          7
//! even pairs:[   1           ][                 ][         6        ]
//! odd pairs:          [        2       ][       5        ][
//! ```
//!
//! The compiler makes vector instructions of these loops that every processor of this architecture has: 1,000 dense ones took 28 ms when each
//! register was unpacked by itself, and take 1 ms, as much as in Valkey.

use super::dense::{compress, register};
use super::format::{Corrupt, DENSE_LEN, HEADER_LEN, REGISTERS, Registers};
use super::{is_sparse, sparse};

/// Bytes that are treated at once: whole vectors, and whole groups of the six after which registers lie at the same places again.
const BLOCK_LEN: usize = 48;
const BLOCKS: usize = REGISTERS * 6 / 8 / BLOCK_LEN;

/// The bits of registers in bytes, even pairs and odd pairs. These begin with the byte before the block.
const BYTE_BITS: [u8; BLOCK_LEN] = repeated([0x3f, 0, 0xfc, 0x3f, 0, 0xfc]);
const EVEN_BITS: [i16; BLOCK_LEN / 2] = repeated([0x0fc0, 0, 0x03f0]);
const ODD_BITS: [i16; BLOCK_LEN / 2] = repeated([0, 0x03f0, 0x0fc0]);
// The bits that are compared. What no register is taken from takes part, though nobody reads it: where the compiler knows of a zero, it picks
// the other bytes one by one.
const BYTE_MASKS: [u8; BLOCK_LEN] = repeated([0x3f, 0xff, 0xfc, 0x3f, 0xff, 0xfc]);
const EVEN_MASKS: [i16; BLOCK_LEN / 2] = repeated([0x0fc0, 0x0fff, 0x03f0]);
const ODD_MASKS: [i16; BLOCK_LEN / 2] = repeated([0x0fff, 0x03f0, 0x0fc0]);

const fn repeated<T: Copy, const N: usize, const M: usize>(pattern: [T; N]) -> [T; M] {
    let mut all = [pattern[0]; M];
    let mut at = 0;
    while at < M {
        all[at] = pattern[at % N];
        at += 1;
    }
    all
}

/// The maxima of a block.
#[derive(Debug, Clone)]
struct Block {
    bytes: [u8; BLOCK_LEN],
    even: [i16; BLOCK_LEN / 2],
    odd: [i16; BLOCK_LEN / 2],
}

/// See the module's page.
#[derive(Debug)]
pub struct Union {
    /// Of sparse ones, and of all if several registers are not to be treated at a time.
    registers: Option<Box<Registers>>,
    /// Of dense ones; empty if there are none.
    blocks: Vec<Block>,
    is_wide: bool,
}

impl Union {
    /// Of none yet. `is_wide`: several registers are treated at a time.
    pub fn new(is_wide: bool) -> Union {
        Union { registers: None, blocks: Vec::new(), is_wide }
    }

    /// Adds one, header included.
    ///
    /// # Errors
    /// If it is corrupt.
    pub fn add(&mut self, hll: &[u8]) -> Result<(), Corrupt> {
        let (is_sparse, content) = (is_sparse(hll), &hll[HEADER_LEN..]);
        if !is_sparse && self.is_wide {
            self.add_dense(hll);
            return Ok(());
        }
        let registers = self.registers.get_or_insert_with(|| Box::new([0; REGISTERS]));
        if is_sparse {
            return sparse::merge(registers, content);
        }
        registers.iter_mut().enumerate().for_each(|(index, most)| *most = register(content, index).max(*most));
        Ok(())
    }

    fn add_dense(&mut self, hll: &[u8]) {
        if self.blocks.is_empty() {
            self.blocks = vec![Block { bytes: [0; BLOCK_LEN], even: [0; BLOCK_LEN / 2], odd: [0; BLOCK_LEN / 2] }; BLOCKS];
        }
        let (blocks, _) = hll[HEADER_LEN..].as_chunks::<BLOCK_LEN>();
        let (shifted, _) = hll[HEADER_LEN - 1..].as_chunks::<BLOCK_LEN>();
        for ((most, block), shifted) in self.blocks.iter_mut().zip(blocks).zip(shifted) {
            raise_bytes(&mut most.bytes, *block, BYTE_MASKS);
            raise_pairs(&mut most.even, *block, EVEN_MASKS);
            raise_pairs(&mut most.odd, *shifted, ODD_MASKS);
        }
    }

    /// The registers of a dense one. The bits that were kept lie where they belong.
    pub fn into_dense(mut self) -> Vec<u8> {
        if let Some(registers) = self.registers.take() {
            let mut hll = vec![0; DENSE_LEN];
            compress(&mut hll[HEADER_LEN..], &registers);
            self.add_dense(&hll);
        }
        let mut dense = vec![0; DENSE_LEN - HEADER_LEN];
        let (blocks, _) = dense.as_chunks_mut::<BLOCK_LEN>();
        for (block, most) in blocks.iter_mut().zip(&self.blocks) {
            for at in 0..BLOCK_LEN {
                block[at] = most.bytes[at] & BYTE_BITS[at];
            }
            for at in 0..BLOCK_LEN / 2 {
                let [low, high] = (most.even[at] & EVEN_BITS[at]).to_le_bytes();
                block[2 * at] |= low;
                block[2 * at + 1] |= high;
            }
            // No register lies in the first odd pair.
            for at in 1..BLOCK_LEN / 2 {
                let [low, high] = (most.odd[at] & ODD_BITS[at]).to_le_bytes();
                block[2 * at - 1] |= low;
                block[2 * at] |= high;
            }
        }
        dense
    }

    /// The registers, where none was dense.
    pub fn into_registers(self) -> Box<Registers> {
        debug_assert!(self.blocks.is_empty(), "dense ones are not among them");
        self.registers.unwrap_or_else(|| Box::new([0; REGISTERS]))
    }
}

// Arguments are copies, so that the compiler need not ask whether they overlap with what is changed.
#[inline(always)]
fn raise_bytes(most: &mut [u8; BLOCK_LEN], bytes: [u8; BLOCK_LEN], masks: [u8; BLOCK_LEN]) {
    for at in 0..BLOCK_LEN {
        most[at] = most[at].max(bytes[at] & masks[at]);
    }
}

#[inline(always)]
fn raise_pairs(most: &mut [i16; BLOCK_LEN / 2], bytes: [u8; BLOCK_LEN], masks: [i16; BLOCK_LEN / 2]) {
    for at in 0..BLOCK_LEN / 2 {
        most[at] = most[at].max(i16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]]) & masks[at]);
    }
}
