//! Hash slots: which of the 16384 parts of the key space a key belongs to.
//!
//! The rule is part of the wire contract, since clients compute it themselves: CRC-16/XMODEM modulo 16384 of the hash tag, that is
//! of the bytes between the first `{` and the first `}` after it if there are any, otherwise of the whole key.

use std::sync::LazyLock;

use crc16::{State, XMODEM};

/// Number of hash slots of a cluster.
pub const SLOTS: u16 = 16384;

/// The slot of `key`, in `0..SLOTS`.
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    State::<XMODEM>::calculate(hash_tag(key)) & (SLOTS - 1)
}

/// The part of `key` that is hashed.
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else {
        return key;
    };
    let after = &key[open + 1..];
    match memchr::memchr(b'}', after) {
        // An empty tag counts as none: otherwise all keys that begin with "{}" would share a slot.
        None | Some(0) => key,
        Some(close) => &after[..close],
    }
}

/// The shortest hash tag of `slot`, of digits and letters: for cursors that clients route like keys. Of several the first, in the order
/// that Valkey's table follows too.
pub fn tag_of(slot: u16) -> &'static str {
    static TAGS: LazyLock<Box<[String]>> = LazyLock::new(find_tags);
    &TAGS[usize::from(slot)]
}

/// Tags of one, two and three letters; three are enough for every slot.
fn find_tags() -> Box<[String]> {
    const ALPHABET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut tags = vec![String::new(); usize::from(SLOTS)].into_boxed_slice();
    let mut shorter = vec![String::new()];
    for _ in 0..3 {
        shorter = shorter.iter().flat_map(|tag| ALPHABET.chars().map(move |letter| format!("{tag}{letter}"))).collect();
        for tag in &shorter {
            let found = &mut tags[usize::from(key_slot(tag.as_bytes()))];
            if found.is_empty() {
                found.clone_from(tag);
            }
        }
    }
    tags
}

/// The one slot that all keys matching a glob pattern are in, if its hash tag (or, without special characters, the whole of it)
/// tells.
pub fn pattern_slot(pattern: &[u8]) -> Option<u16> {
    let special = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\')).unwrap_or(pattern.len());
    let plain = &pattern[..special];
    // A tag that ends before the first special character is the tag of every match.
    if hash_tag(plain).len() < plain.len() || special == pattern.len() { Some(key_slot(plain)) } else { None }
}

const _: () = assert!(SLOTS.is_power_of_two(), "the slot is taken from the checksum with a mask");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_that_clients_compute() {
        // Values printed by CLUSTER KEYSLOT of Valkey 9.1.
        for (key, slot) in [
            ("", 0),
            ("123456789", 12739),
            ("foo", 12182),
            ("bar", 5061),
            ("hello", 866),
            ("a", 15495),
            ("key:000000000001", 8924),
            ("somekey", 11058),
            ("foo{hash_tag}", 2515),
            ("hash_tag", 2515),
            ("bar{hash_tag}", 2515),
        ] {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn every_slot_has_a_short_tag() {
        for (slot, tag) in [(0, "06S"), (1, "Qi"), (2, "5L5"), (80, "avs")] {
            assert_eq!(tag_of(slot), tag);
        }
        for slot in 0..SLOTS {
            assert_eq!(key_slot(tag_of(slot).as_bytes()), slot);
        }
    }

    #[test]
    fn the_tag_is_the_first_non_empty_pair_of_braces() {
        for (key, tag) in [
            ("user1000", "user1000"),
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{x}", "x"),
            ("{}", "{}"),
            ("{", "{"),
            ("", ""),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }
}
