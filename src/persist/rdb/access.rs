//! What a value is read with: the options' limits, and the hash function.
//!
//! What came in one piece stays so if its number of elements allows, however long they are, as in Valkey; unless it is very large, or many.

use crate::config::Config;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::value::hash::{FieldAccess, SmallLimits};
use crate::keyspace::value::list::NodeLimit;
use crate::keyspace::value::set::SetLimits;
use crate::keyspace::value::zset;

/// Most elements of a small collection that is read, whatever the options allow: each new one is compared with all before it.
const SMALL_ENTRIES_MAX: u64 = 4096;
/// Longest value in one piece whose elements may be longer than the options allow.
const PIECE_LEN_MAX: usize = 1024 * 1024;

/// Up to which size a collection has which form, as the options say.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of a list.
    pub list: NodeLimit,
    /// Of a set.
    pub set: SetLimits,
    /// Of a hash.
    pub hash: SmallLimits,
    /// Of a sorted set.
    pub zset: zset::Limits,
}

impl Limits {
    /// As the options say.
    pub fn of(config: &Config) -> Limits {
        let small = |entries: u64, value_len| SmallLimits { entries: entries.min(SMALL_ENTRIES_MAX), value_len };
        Limits {
            list: NodeLimit(config.list_max_listpack_size.into()),
            set: SetLimits {
                integers: config.set_max_intset_entries,
                small: small(config.set_max_listpack_entries, config.set_max_listpack_value),
            },
            hash: small(config.hash_max_listpack_entries, config.hash_max_listpack_value),
            zset: zset::Limits {
                members: config.zset_max_listpack_entries.min(SMALL_ENTRIES_MAX) as usize,
                member_len: usize::try_from(config.zset_max_listpack_value).unwrap_or(usize::MAX),
            },
        }
    }

    /// For a value that was written in one piece of this length.
    pub(super) fn of_piece(mut self, len: usize) -> Limits {
        if len <= PIECE_LEN_MAX {
            self.set.small.value_len = u64::MAX;
            self.hash.value_len = u64::MAX;
            self.zset.member_len = usize::MAX;
        }
        self
    }
}

/// What a value is read with.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Hashes members and fields, and says who is alive.
    pub fields: FieldAccess<'a>,
    /// Up to which size a collection has which form.
    pub limits: Limits,
}

impl Access<'_> {
    pub(super) fn hasher(&self) -> &KeyHasher {
        self.fields.hasher
    }

    pub(super) fn of_piece(self, len: usize) -> Self {
        Access { limits: self.limits.of_piece(len), ..self }
    }
}
