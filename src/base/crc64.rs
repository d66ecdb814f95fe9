//! CRC-64 with the polynomial of Jones, ad93d23594c935a9: of snapshots and of DUMP's payloads.
//!
//! It begins with 0 and ends as it is. So it is linear: the sums of two parts are that of both ([`joined`]).

/// Bits from the lowest on.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// Tables for eight bytes at a time: for a byte with 0 to 7 bytes behind it.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[behind - 1][byte];
            tables[behind][byte] = tables[0][(crc & 0xff) as usize] ^ crc >> 8;
            byte += 1;
        }
        behind += 1;
    }
    tables
}

/// The checksum.
pub fn crc64(bytes: &[u8]) -> u64 {
    more(0, bytes)
}

/// The checksum of what has the sum `crc` and these bytes behind it.
pub fn more(crc: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let by_word = words.iter().fold(crc, |crc, word| {
        let mixed = (crc ^ u64::from_le_bytes(*word)).to_le_bytes();
        mixed.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    });
    rest.iter().fold(by_word, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// The product of two polynomials, modulo the checksum's. The lowest bit is that of the highest power.
fn product(one: u64, mut other: u64) -> u64 {
    let mut sum = 0;
    for bit in (0..64).rev() {
        if one >> bit & 1 == 1 {
            sum ^= other;
        }
        other = if other & 1 == 1 { other >> 1 ^ POLYNOMIAL } else { other >> 1 };
    }
    sum
}

/// The checksum of two parts behind each other, of which the second one has this length.
pub fn joined(first: u64, second: u64, mut second_len: u64) -> u64 {
    // Eight zero bits behind something multiply it by the eighth power.
    let (mut factor, mut power) = (1 << 63, 1 << (63 - 8));
    while second_len > 0 {
        if second_len & 1 == 1 {
            factor = product(factor, power);
        }
        power = product(power, power);
        second_len >>= 1;
    }
    product(first, factor) ^ second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let text = b"This is a test of the emergency broadcast system.";
        let simple = text.iter().fold(0_u64, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8);
        assert_eq!(crc64(text), simple);
    }

    #[test]
    fn parts_make_a_whole() {
        let text: Vec<u8> = (0..5000_u32).map(|at| (at * at % 251) as u8).collect();
        for at in [0, 1, 9, 4096, 4999, 5000] {
            let (first, second) = text.split_at(at);
            assert_eq!(more(crc64(first), second), crc64(&text));
            assert_eq!(joined(crc64(first), crc64(second), second.len() as u64), crc64(&text), "{at}");
        }
    }
}
