//! Types of values and their encodings, as clients know them.

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
    pub(in crate::keyspace) fn of_number(number: u8) -> Type {
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

/// Valkey embeds a string in its object while object, key, expiry and value stay within two cache lines.
const EMBEDDED_LEN_MAX: usize = 128;

impl Encoding {
    /// What Valkey would name a string of this length that was just written, given its key.
    pub fn of_text(key_len: usize, value_len: usize, expires: bool) -> Encoding {
        let key_header = if key_len < 32 { 1 } else { 3 };
        let size = 8 + 1 + key_header + key_len + 1 + if expires { 8 } else { 0 } + 3 + value_len + 1;
        let is_embedded = value_len <= u8::MAX as usize && size <= EMBEDDED_LEN_MAX;
        if is_embedded { Encoding::Embstr } else { Encoding::Raw }
    }

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
    pub(in crate::keyspace) fn of_number(number: u8) -> Encoding {
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
