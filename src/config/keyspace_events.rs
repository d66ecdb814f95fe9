//! Classes of keyspace events, as `notify-keyspace-events` names them with one letter each.

use std::ops::{BitOr, BitOrAssign};

/// A set of event classes. The bit values are Valkey's, so that numbers in logs and modules mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyspaceEvents(u32);

impl KeyspaceEvents {
    /// No class: nothing is published.
    pub const NONE: Self = Self(0);
    /// `K`: publish to `__keyspace@<db>__:<key>` channels.
    pub const KEYSPACE: Self = Self(1 << 0);
    /// `E`: publish to `__keyevent@<db>__:<event>` channels.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of no particular type, such as DEL, EXPIRE, RENAME.
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: string commands.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: list commands.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: set commands.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hash commands.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted set commands.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: a key was evicted for `maxmemory`.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: stream commands.
    pub const STREAM: Self = Self(1 << 10);
    /// `m`: a key was looked up and not found. Not part of `A`.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// `d`: events of module types.
    pub const MODULE: Self = Self(1 << 13);
    /// `n`: a key was created. Not part of `A`.
    pub const NEW: Self = Self(1 << 14);
    /// `A`: all classes of commands, expiry and eviction.
    pub const ALL: Self = Self(
        Self::GENERIC.0
            | Self::STRING.0
            | Self::LIST.0
            | Self::SET.0
            | Self::HASH.0
            | Self::ZSET.0
            | Self::EXPIRED.0
            | Self::EVICTED.0
            | Self::STREAM.0
            | Self::MODULE.0,
    );

    /// Reads a set written as letters; `None` when one is no class.
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |set, letter| {
            if letter == 'A' {
                return Some(set | Self::ALL);
            }
            let found = LETTERS.iter().find(|(known, _)| *known == letter);
            found.map(|(_, class)| set | *class)
        })
    }

    /// Writes the set as letters, in the order CONFIG GET prints them.
    ///
    /// Valkey leaves `n` out beside `A`, though `A` does not contain it, and so loses it at CONFIG REWRITE; here it is
    /// printed.
    pub fn letters(self) -> String {
        let has_all = self.contains(Self::ALL);
        let mut letters = String::from(if has_all { "A" } else { "" });
        for (letter, class) in LETTERS {
            let is_covered = has_all && Self::ALL.contains(*class);
            if self.contains(*class) && !is_covered {
                letters.push(*letter);
            }
        }
        letters
    }

    /// The set as bits, numbered as Valkey numbers them.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether every class of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the sets share a class.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for KeyspaceEvents {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for KeyspaceEvents {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The letters in the order they are printed.
const LETTERS: &[(char, KeyspaceEvents)] = &[
    ('g', KeyspaceEvents::GENERIC),
    ('$', KeyspaceEvents::STRING),
    ('l', KeyspaceEvents::LIST),
    ('s', KeyspaceEvents::SET),
    ('h', KeyspaceEvents::HASH),
    ('z', KeyspaceEvents::ZSET),
    ('x', KeyspaceEvents::EXPIRED),
    ('e', KeyspaceEvents::EVICTED),
    ('t', KeyspaceEvents::STREAM),
    ('d', KeyspaceEvents::MODULE),
    ('n', KeyspaceEvents::NEW),
    ('K', KeyspaceEvents::KEYSPACE),
    ('E', KeyspaceEvents::KEYEVENT),
    ('m', KeyspaceEvents::KEY_MISS),
];

#[cfg(test)]
mod tests {
    use super::KeyspaceEvents;

    #[test]
    fn letters_read_and_print_as_in_valkey() {
        let cases = [
            ("", Some("")),
            ("KEA", Some("AKE")),
            ("AKE", Some("AKE")),
            ("Kg$lshzxetdE", Some("AKE")),
            ("El", Some("lE")),
            ("KEx", Some("xKE")),
            ("KEn", Some("nKE")),
            ("KEmA", Some("AKEm")),
            ("KEAn", Some("AnKE")),
            ("Km", Some("Km")),
            ("KEq", None),
        ];
        for (letters, printed) in cases {
            let parsed = KeyspaceEvents::parse(letters);
            assert_eq!(
                parsed.map(KeyspaceEvents::letters).as_deref(),
                printed,
                "{letters:?}"
            );
        }
    }

    #[test]
    fn all_leaves_out_misses_and_new_keys() {
        let all = KeyspaceEvents::ALL;
        assert!(all.contains(KeyspaceEvents::MODULE) && all.contains(KeyspaceEvents::EXPIRED));
        for class in [
            KeyspaceEvents::KEY_MISS,
            KeyspaceEvents::NEW,
            KeyspaceEvents::KEYSPACE,
        ] {
            assert!(!all.intersects(class));
        }
    }
}
