//! What texts and numbers would take in a listpack, Valkey's packed sequence: its limits count these bytes.

use crate::base::number::parse_i64;

/// What a listpack takes without elements: its header and its end.
pub const FRAME_LEN: usize = 7;

/// What a text takes (Valkey's `listpack.c`: encoding, then the entry's length in groups of seven bits).
pub fn entry_len(text: &[u8]) -> usize {
    match parse_i64(text) {
        Some(number) => integer_len(number),
        None => text_len(text.len()),
    }
}

/// What an integer takes.
#[inline]
pub fn integer_len(number: i64) -> usize {
    // The length behind it is one byte.
    1 + match number {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32768..=32767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

/// What a text of this length takes that is no integer.
#[inline]
pub fn text_len(len: usize) -> usize {
    let len = match len {
        0..64 => 1 + len,
        64..4096 => 2 + len,
        _ => 5 + len,
    };
    let back = match len {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        2_097_152..=268_435_455 => 4,
        _ => 5,
    };
    len + back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_a_listpack() {
        let cases: [(&[u8], usize); 9] = [
            (b"", 2),
            (b"5", 2),
            (b"128", 3),
            (b"-1", 3),
            (b"4096", 4),
            (b"40000", 5),
            (b"9223372036854775807", 10),
            (&[b'x'; 63], 65),
            (&[b'x'; 126], 130),
        ];
        for (text, len) in cases {
            assert_eq!(entry_len(text), len, "{}", String::from_utf8_lossy(text));
        }
    }
}
