//! The sparse form: operations behind each other, which make up all registers in their order.
//!
//! ```text
//! 00xxxxxx           ZERO:  x + 1 registers are 0
//! 01xxxxxx yyyyyyyy  XZERO: xy + 1 registers are 0
//! 1vvvvvxx           VAL:   x + 1 registers are v + 1
//! ```
//!
//! Which operations a register's change leads to is part of the format: the bytes are compared with Valkey's.

use super::count::Histogram;
use super::format::{Corrupt, HEADER_LEN, Mark, REGISTERS, Registers};

/// Largest value of a register.
pub const VALUE_MAX: u8 = 32;
/// The operation of which a new one consists: all registers are 0.
pub(super) const ALL_ZERO: [u8; 2] = [XZERO | 0x3f, 0xff];

const XZERO: u8 = 0x40;
const VAL: u8 = 0x80;
const VAL_SPAN_MAX: usize = 4;
const ZERO_SPAN_MAX: usize = 64;
/// Operations that are looked at for joining after a change, from the one before it on.
const JOIN_STEPS: usize = 5;
/// In each byte of a word its lowest bit.
const LOW: u64 = 0x0101_0101_0101_0101;

/// An operation, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The registers' value.
    pub value: u8,
    /// Their number.
    pub span: usize,
    /// Bytes of it.
    pub len: usize,
}

impl Operation {
    /// True if it is an XZERO.
    pub fn is_long(self) -> bool {
        self.len == 2
    }
}

/// Reads the operation at `at`. What is missing of the last one is zero, as where strings end with one.
#[inline]
fn read(content: &[u8], at: usize) -> Operation {
    let byte = content[at];
    match byte & 0xc0 {
        0 => Operation { value: 0, span: usize::from(byte) + 1, len: 1 },
        XZERO => {
            let low = content.get(at + 1).copied().unwrap_or(0);
            Operation { value: 0, span: (usize::from(byte & 0x3f) << 8 | usize::from(low)) + 1, len: 2 }
        }
        _ => Operation { value: (byte >> 2 & 0x1f) + 1, span: usize::from(byte & 3) + 1, len: 1 },
    }
}

fn value_operation(value: u8, span: usize) -> u8 {
    VAL | (value - 1) << 2 | (span - 1) as u8
}

/// All operations.
pub fn operations(content: &[u8]) -> impl Iterator<Item = Operation> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let operation = (at < content.len()).then(|| read(content, at))?;
        at += operation.len;
        Some(operation)
    })
}

/// Calls `visit` with the first register, the number of registers and their value, of each operation.
fn visit(content: &[u8], mut visit: impl FnMut(usize, usize, u8)) -> Result<(), Corrupt> {
    let mut first = 0;
    for operation in operations(content) {
        if first + operation.span > REGISTERS {
            return Err(Corrupt);
        }
        visit(first, operation.span, operation.value);
        first += operation.span;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

pub(super) fn merge(registers: &mut Registers, content: &[u8]) -> Result<(), Corrupt> {
    visit(content, |first, span, value| {
        if value > 0 {
            registers[first..first + span].iter_mut().for_each(|register| *register = value.max(*register));
        }
    })
}

pub(super) fn histogram(content: &[u8]) -> Result<Histogram, Corrupt> {
    let mut histogram = Histogram::default();
    visit(content, |_, span, value| histogram.add(value, span))?;
    Ok(histogram)
}

/// Where a register lies.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its operation's first byte, from the first operation on.
    at: usize,
    /// The first register of its operation.
    first: usize,
    /// That of the operation before it, if there is one.
    before: Option<usize>,
    operation: Operation,
}

impl Place {
    /// True if this count would raise the register.
    #[inline]
    pub fn is_raised_by(&self, count: u8) -> bool {
        self.operation.value < count
    }
}

/// Finds a register; `None` if the operations end before it.
// Eight bytes at a time: the way to the register is most of what adding an element costs.
pub fn locate(content: &[u8], index: usize) -> Option<Place> {
    let (mut at, mut first, mut before) = (0, 0, None);
    loop {
        while let Some(word) = content.get(at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*word);
            let long = word >> 6 & !(word >> 7) & LOW;
            let is_value = word >> 7 & LOW;
            // Registers of each operation of one byte: six bits of it count, or, of a VAL, two.
            let mut spans = (word & (LOW * 0x3f) & !(is_value * 0x3c)) + LOW;
            let whole = if long == 0 { 8 } else { (long.trailing_zeros() / 8) as usize };
            if whole < 8 {
                spans &= (1 << (whole * 8)) - 1;
            }
            let pairs = (spans & 0x00ff_00ff_00ff_00ff) + (spans >> 8 & 0x00ff_00ff_00ff_00ff);
            let sum = (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize;
            if whole == 0 || first + sum > index {
                break;
            }
            at += whole;
            first += sum;
            before = Some(at - 1);
        }
        if at >= content.len() {
            return None;
        }
        let operation = read(content, at);
        if index < first + operation.span {
            return Some(Place { at, first, before, operation });
        }
        before = Some(at);
        at += operation.len;
        first += operation.span;
    }
}

/// The operations that take an operation's place when one of its registers gets another value.
struct Split {
    bytes: [u8; 5],
    len: usize,
}

impl Split {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// As many registers as before, of the old value.
    fn push_rest(&mut self, value: u8, span: usize) {
        match span {
            0 => {}
            _ if value > 0 => self.push(&[value_operation(value, span)]),
            1..=ZERO_SPAN_MAX => self.push(&[span as u8 - 1]),
            _ => self.push(&[XZERO | ((span - 1) >> 8) as u8, (span - 1) as u8]),
        }
    }

    fn of(place: &Place, mark: Mark) -> Split {
        let mut split = Split { bytes: [0; 5], len: 0 };
        let (value, end) = (place.operation.value, place.first + place.operation.span);
        split.push_rest(value, mark.index - place.first);
        split.push(&[value_operation(mark.count, 1)]);
        split.push_rest(value, end - 1 - mark.index);
        split
    }
}

/// Raises a register to a value that this form can hold. False if it would then be longer than it may be: nothing was changed.
pub(super) fn raise(bytes: &mut Vec<u8>, place: Place, mark: Mark, len_max: u64) -> bool {
    let at = HEADER_LEN + place.at;
    let operation = place.operation;
    if operation.span == 1 && !operation.is_long() {
        bytes[at] = value_operation(mark.count, 1);
    } else {
        let split = Split::of(&place, mark);
        if split.len > operation.len && (bytes.len() + split.len - operation.len) as u64 > len_max {
            return false;
        }
        // The last operation may lack its second byte. What stands for it comes in, and goes again at the end.
        let is_cut = at + operation.len > bytes.len();
        if is_cut {
            bytes.push(0);
        }
        bytes.splice(at..at + operation.len, split.bytes[..split.len].iter().copied());
        if is_cut {
            bytes.pop();
        }
    }
    join(bytes, HEADER_LEN + place.before.unwrap_or(0));
    true
}

/// Joins neighbours of the same value, from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_STEPS {
        if at >= bytes.len() {
            return;
        }
        let this = read(bytes, at);
        if this.value > 0 && at + 1 < bytes.len() {
            let next = read(bytes, at + 1);
            if next.value == this.value && this.span + next.span <= VAL_SPAN_MAX {
                bytes[at + 1] = value_operation(this.value, this.span + next.span);
                bytes.remove(at);
                continue;
            }
        }
        at += this.len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn registers_are_found_as_by_reading_each_operation(
            content in prop::collection::vec(prop_oneof![any::<u8>(), 0..3u8, 0x40..0x43u8, 0x80..0x84u8], 0..80),
            index in 0..4000usize,
        ) {
            let (mut at, mut first, mut before) = (0, 0, None);
            let mut expected = None;
            for operation in operations(&content) {
                if index < first + operation.span {
                    expected = Some((at, first, before, operation));
                    break;
                }
                before = Some(at);
                at += operation.len;
                first += operation.span;
            }
            let found = locate(&content, index).map(|place| (place.at, place.first, place.before, place.operation));
            prop_assert_eq!(found, expected);
        }
    }
}
