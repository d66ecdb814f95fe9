//! The RDB format: how values are written, and read in every form that servers have written since Redis 2.4.
//!
//! ```text
//! value    type byte, then what that type says
//! length   00xxxxxx | 01xxxxxx x | 10000000 u32 | 10000001 u64      (big endian)
//! text     length, bytes | 11000000 i8 | 11000001 i16 | 11000010 i32 | 11000011 length, length, LZF     (integers little endian)
//! ```
//!
//! What is read was written by strangers. Invariants:
//! * Everything is checked. What is not valid is [`Corrupt`], never a panic; members that come twice are refused.
//! * No length sets memory aside: what is read grows with the bytes that are there.
//! * [`source::Source`] is the only way to the bytes, so that a file can be read as well as a payload.

mod access;
pub mod file;
pub mod file_source;
#[cfg(test)]
mod file_tests;
pub mod into_keyspace;
pub mod intset;
pub mod listpack;
pub mod load;
pub mod load_file;
mod load_list;
mod load_pairs;
mod load_stream;
pub mod lzf;
pub mod output;
pub mod place;
pub mod save;
mod save_stream;
mod skim;
pub mod source;
pub mod style;
pub mod text;
mod work;
pub mod ziplist;
pub mod zipmap;

/// What was read is not what the format allows, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

/// A collection without elements. Servers of old have written such.
pub(super) const EMPTY: Corrupt = Corrupt("it is empty");

/// Bytes in the place of a type that say something else.
pub mod opcode {
    #![allow(missing_docs)]
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_PRE_GA: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZEDB: u8 = 251;
    pub const EXPIRETIME_MS: u8 = 252;
    pub const EXPIRETIME: u8 = 253;
    pub const SELECTDB: u8 = 254;
    pub const EOF: u8 = 255;
}

/// Bytes that say of which type a value is and how it is written.
pub mod kind {
    #![allow(missing_docs)]
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Largest number that means the same to Redis and to Valkey.
    pub const COMMON_MAX: u8 = 21;
    /// Valkey's hash with expiries of fields.
    pub const HASH_2: u8 = 22;
    /// Redis' hash with expiries of fields, as a table.
    pub const HASH_METADATA: u8 = 24;
    /// Redis' hash with expiries of fields, as a listpack.
    pub const HASH_LISTPACK_EX: u8 = 25;
    /// Redis' stream with what its producers have sent.
    pub const STREAM_LISTPACKS_4: u8 = 26;
}

/// The format's versions.
pub mod version {
    /// Redis 7.0's: listpacks.
    pub const LISTPACKS: u16 = 10;
    /// Redis 7.2's: sets as listpacks, and when a stream's consumer was active. The last one that Redis and Valkey share.
    pub const SET_LISTPACKS: u16 = 11;
    /// Redis 7.4's: hashes with expiries of fields.
    pub const REDIS_FIELD_EXPIRY: u16 = 12;
    /// Redis' versions whose types are known here.
    pub const REDIS_MAX: u16 = 13;
    /// Versions from this one on are Valkey's.
    pub const VALKEY_MIN: u16 = 80;
    /// Valkey 9's: hashes with expiries of fields.
    pub const FIELD_EXPIRY: u16 = 80;
    /// The newest one that is known here.
    pub const MAX: u16 = FIELD_EXPIRY;

    /// True if Redis wrote it, or somebody else, after its ways and Valkey's had parted.
    pub fn is_foreign(version: u16) -> bool {
        (SET_LISTPACKS + 1..VALKEY_MIN).contains(&version)
    }

    /// True if what was written in this version may be read. `is_strict`: only if the version is known.
    pub fn is_accepted(version: u16, is_strict: bool) -> bool {
        version >= 1 && (!is_strict || version <= REDIS_MAX || (VALKEY_MIN..=MAX).contains(&version))
    }
}
