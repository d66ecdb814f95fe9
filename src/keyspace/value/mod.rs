//! Values that do not lie inside their entries: one enum, one file per type.
//!
//! What the rest of the server wants to know of a value, whatever its type, is asked here: what it is, what it costs in memory and to free,
//! a copy of it, its bytes. A new type is one variant with one file, and the compiler names every place that must know of it.
//!
//! Invariants:
//! * A value belongs to no thread: entries move between them, and their `Send` is only asserted there, so it is proven here.
//! * [`Value::effort`] counts what freeing costs, so that one large allocation counts as many small ones.

pub mod collection;
pub mod hash;
mod packed_bucket;
pub mod packed_table;
pub mod set;
pub mod string;

use self::collection::Collection;
use self::hash::Hash;
use self::set::Set;
use self::string::LongString;

/// Type of a value, as TYPE names it. The numbers are part of no file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A byte string or an integer.
    String = 0,
    /// A sequence.
    List = 1,
    /// Members without order.
    Set = 2,
    /// Members in the order of their scores.
    Zset = 3,
    /// Fields with values.
    Hash = 4,
    /// Entries with ascending IDs.
    Stream = 6,
}

impl Type {
    /// As TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }

    /// The type of this number.
    #[inline]
    pub(super) fn of_number(number: u8) -> Type {
        match number {
            0 => Type::String,
            1 => Type::List,
            2 => Type::Set,
            3 => Type::Zset,
            4 => Type::Hash,
            6 => Type::Stream,
            other => unreachable!("entry of type {other}"),
        }
    }
}

/// Encoding of a value, as OBJECT ENCODING names it: logical, not necessarily how the bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    /// A long or modified string.
    Raw = 0,
    /// A 64-bit integer.
    Int = 1,
    /// A large hash or set.
    Hashtable = 2,
    /// A set of integers.
    Intset = 6,
    /// A large sorted set.
    Skiplist = 7,
    /// A short string.
    Embstr = 8,
    /// A list of more than one node.
    Quicklist = 9,
    /// A stream.
    Stream = 10,
    /// A small collection in one piece.
    Listpack = 11,
}

impl Encoding {
    /// As OBJECT ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Raw => "raw",
            Encoding::Int => "int",
            Encoding::Hashtable => "hashtable",
            Encoding::Intset => "intset",
            Encoding::Skiplist => "skiplist",
            Encoding::Embstr => "embstr",
            Encoding::Quicklist => "quicklist",
            Encoding::Stream => "stream",
            Encoding::Listpack => "listpack",
        }
    }

    /// The encoding of this number.
    #[inline]
    pub(super) fn of_number(number: u8) -> Encoding {
        match number {
            0 => Encoding::Raw,
            1 => Encoding::Int,
            2 => Encoding::Hashtable,
            6 => Encoding::Intset,
            7 => Encoding::Skiplist,
            8 => Encoding::Embstr,
            9 => Encoding::Quicklist,
            10 => Encoding::Stream,
            11 => Encoding::Listpack,
            other => unreachable!("entry of encoding {other}"),
        }
    }
}

/// A value that does not lie inside its entry.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string too long for its entry, or one that was grown.
    String(LongString),
    /// A hash too large for its entry.
    Hash(Box<Hash>),
    /// A set too large for its entry.
    Set(Box<Set>),
}

/// The key holds another type than the command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

const fn assert_send<T: Send>() {}
const _: () = assert_send::<Value>();
const _: () = assert!(size_of::<Value>() == 24, "a long string's box is no larger than a vector's header");

impl Value {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
            Value::Hash(_) => Type::Hash,
            Value::Set(_) => Type::Set,
        }
    }

    /// Its encoding.
    pub fn encoding(&self) -> Encoding {
        match self {
            Value::String(_) => Encoding::Raw,
            Value::Hash(hash) => hash.encoding(),
            Value::Set(set) => set.encoding(),
        }
    }

    /// What freeing it costs, in small allocations. One of up to [`crate::base::limits::EFFORT_LEN`] counts one.
    pub fn effort(&self) -> usize {
        match self {
            Value::String(string) => string.effort(),
            Value::Hash(hash) => hash.effort(),
            Value::Set(set) => set.effort(),
        }
    }

    /// Bytes, or elements, that a command looks at which looks at all of it.
    pub fn scan_len(&self) -> usize {
        match self {
            Value::String(string) => string.view().len(),
            Value::Hash(hash) => hash.scan_len(),
            Value::Set(set) => set.scan_len(),
        }
    }

    /// Memory that it takes, its box included. What it shares with other values counts in each of them.
    pub fn bytes(&self) -> usize {
        let outside = match self {
            Value::String(string) => string.bytes(),
            Value::Hash(hash) => hash.bytes(),
            Value::Set(set) => set.bytes(),
        };
        size_of::<Value>() + outside
    }

    /// True if some of its elements have expiries of their own.
    pub fn has_expiring(&self) -> bool {
        match self {
            Value::Hash(hash) => hash.has_expiring(),
            Value::String(_) | Value::Set(_) => false,
        }
    }

    /// A value of its own with the same content. Large parts are shared until one of the two changes them.
    pub fn duplicate(&self) -> Value {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{CHUNK_LEN, CONTIGUOUS_LEN_MAX};

    #[test]
    fn a_value_knows_what_it_is_and_what_it_costs() {
        // Length, effort, memory beside the box.
        let cases = [
            (5000, 1, 5000),
            (CONTIGUOUS_LEN_MAX, 4, CONTIGUOUS_LEN_MAX),
            (CONTIGUOUS_LEN_MAX + 1, 5, CONTIGUOUS_LEN_MAX + 1),
            (40 * CHUNK_LEN, 160, 40 * CHUNK_LEN),
        ];
        for (len, effort, bytes) in cases {
            let content: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let value = Value::String(LongString::from(&content[..]));
            assert_eq!((value.kind(), value.encoding(), value.scan_len()), (Type::String, Encoding::Raw, len));
            assert!((effort..effort + 2).contains(&value.effort()), "{len}: {}", value.effort());
            assert!((bytes..bytes + 4096).contains(&value.bytes()), "{len}: {}", value.bytes());
            let Value::String(copy) = value.duplicate() else { unreachable!("a string's copy is a string") };
            assert!(copy.view().equals(&content));
        }
    }
}
