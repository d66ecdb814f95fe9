//! Registers of six bits, four in three bytes.

use super::format::{HEADER_LEN, REGISTERS, Registers};

const MAX: u32 = 0x3f;

/// The registers of a dense one.
pub fn registers_of(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let registers = &bytes[HEADER_LEN..];
    (0..REGISTERS).map(|index| register(registers, index))
}

/// Where a register lies: its first byte, and its lowest bit there.
#[inline]
fn place(index: usize) -> (usize, u32) {
    (index * 6 / 8, (index * 6 % 8) as u32)
}

/// Reads a register.
#[inline]
pub fn register(registers: &[u8], index: usize) -> u8 {
    let (at, bit) = place(index);
    let pair = u32::from(registers[at]) | u32::from(registers.get(at + 1).copied().unwrap_or(0)) << 8;
    (pair >> bit & MAX) as u8
}

/// Writes a register.
#[inline]
pub fn set_register(registers: &mut [u8], index: usize, value: u8) {
    let (at, bit) = place(index);
    let (mask, value) = (MAX << bit, u32::from(value) << bit);
    registers[at] = registers[at] & !(mask as u8) | value as u8;
    if bit > 2 {
        registers[at + 1] = registers[at + 1] & !((mask >> 8) as u8) | (value >> 8) as u8;
    }
}

/// Four registers of three bytes.
#[inline]
pub(super) fn unpack([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a & 63, (a >> 6 | b << 2) & 63, (b >> 4 | c << 4) & 63, c >> 2]
}

/// Writes all registers.
pub(super) fn compress(dense: &mut [u8], registers: &Registers) {
    let (three, _) = dense.as_chunks_mut::<3>();
    let (four, _) = registers.as_chunks::<4>();
    for (three, [a, b, c, d]) in three.iter_mut().zip(four) {
        *three = [a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2];
    }
}
