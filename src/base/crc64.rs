//! CRC-64 with the polynomial of Jones, ad93d23594c935a9: of snapshots and of DUMP's payloads.
//!
//! It begins with 0 and ends as it is. So it is linear: the sums of two parts are that of both ([`joined`]).

/// Bits from the lowest on.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// Length of a part that is summed beside others ([`more`]): long enough that joining the sums costs little.
const PART_LEN: usize = 16 * 1024;
const PART_FACTOR: u64 = factor(PART_LEN as u64);

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
///
/// Each step waits for the one before it, and looks up what the processor could look up three times meanwhile: so three parts are summed at once.
pub fn more(mut crc: u64, mut bytes: &[u8]) -> u64 {
    while let Some((parts, rest)) = bytes.split_first_chunk::<{ 3 * PART_LEN }>() {
        let (words, _) = parts.as_chunks::<8>();
        let (first, others) = words.split_at(PART_LEN / 8);
        let (second, third) = others.split_at(PART_LEN / 8);
        let (mut second_crc, mut third_crc) = (0, 0);
        for ((first, second), third) in first.iter().zip(second).zip(third) {
            crc = step(crc, *first);
            second_crc = step(second_crc, *second);
            third_crc = step(third_crc, *third);
        }
        crc = product(product(crc, PART_FACTOR) ^ second_crc, PART_FACTOR) ^ third_crc;
        bytes = rest;
    }
    let (words, rest) = bytes.as_chunks::<8>();
    let by_word = words.iter().fold(crc, |crc, word| step(crc, *word));
    rest.iter().fold(by_word, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

#[inline(always)]
fn step(crc: u64, word: [u8; 8]) -> u64 {
    let mixed = (crc ^ u64::from_le_bytes(word)).to_le_bytes();
    mixed.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
}

/// The product of two polynomials, modulo the checksum's. The lowest bit is that of the highest power.
const fn product(one: u64, mut other: u64) -> u64 {
    let mut sum = 0;
    let mut bit = 64;
    while bit > 0 {
        bit -= 1;
        if one >> bit & 1 == 1 {
            sum ^= other;
        }
        other = if other & 1 == 1 { other >> 1 ^ POLYNOMIAL } else { other >> 1 };
    }
    sum
}

/// What so many zero bytes behind something multiply its sum by.
const fn factor(mut zeros: u64) -> u64 {
    // Eight zero bits multiply by the eighth power.
    let (mut factor, mut power) = (1 << 63, 1 << (63 - 8));
    while zeros > 0 {
        if zeros & 1 == 1 {
            factor = product(factor, power);
        }
        power = product(power, power);
        zeros >>= 1;
    }
    factor
}

/// The checksum of two parts behind each other, of which the second one has this length.
pub fn joined(first: u64, second: u64, second_len: u64) -> u64 {
    product(first, factor(second_len)) ^ second
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
        let text: Vec<u8> = (0..2 * 3 * PART_LEN as u64 + 5000).map(|at| (at * at % 251) as u8).collect();
        let simple = text.iter().fold(0_u64, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ crc >> 8);
        assert_eq!(crc64(&text), simple);
        for at in [0, 1, 9, 4096, 3 * PART_LEN, 3 * PART_LEN + 1, text.len() - 1, text.len()] {
            let (first, second) = text.split_at(at);
            assert_eq!(more(crc64(first), second), crc64(&text));
            assert_eq!(joined(crc64(first), crc64(second), second.len() as u64), crc64(&text), "{at}");
        }
    }
}
