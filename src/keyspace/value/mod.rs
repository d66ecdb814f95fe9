//! Values that do not lie inside their entries: one enum, one file per type.
//!
//! What the rest of the server wants to know of a value, whatever its type, is asked here: what it is, what it costs in memory and to free,
//! a copy of it, its bytes. A new type is one variant with one file, and the compiler names every place that must know of it.
//!
//! Invariants:
//! * A value belongs to no thread: entries move between them, and their `Send` is only asserted there, so it is proven here.
//! * [`Value::effort`] counts what freeing costs, so that one large allocation counts as many small ones.

pub mod string;

use self::string::LongString;

/// Type of a value, as TYPE names it. The numbers are part of no file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A byte string or an integer.
    String = 0,
}

impl Type {
    /// As TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
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
    /// A short string.
    Embstr = 8,
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
            Encoding::Embstr => "embstr",
        }
    }
}

/// A value that does not lie inside its entry.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string too long for its entry, or one that was grown.
    String(LongString),
}

const fn assert_send<T: Send>() {}
const _: () = assert_send::<Value>();
const _: () = assert!(size_of::<Value>() == 24, "a long string's box is no larger than a vector's header");

impl Value {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
        }
    }

    /// Its encoding.
    pub fn encoding(&self) -> Encoding {
        match self {
            Value::String(_) => Encoding::Raw,
        }
    }

    /// What freeing it costs, in small allocations. One of up to [`crate::base::limits::EFFORT_LEN`] counts one.
    pub fn effort(&self) -> usize {
        match self {
            Value::String(string) => string.effort(),
        }
    }

    /// Bytes, or elements, that a command looks at which looks at all of it.
    pub fn scan_len(&self) -> usize {
        match self {
            Value::String(string) => string.view().len(),
        }
    }

    /// Memory that it takes, its box included. What it shares with other values counts in each of them.
    pub fn bytes(&self) -> usize {
        let outside = match self {
            Value::String(string) => string.bytes(),
        };
        size_of::<Value>() + outside
    }

    /// A value of its own with the same content. Large parts are shared until one of the two changes them.
    pub fn duplicate(&self) -> Value {
        self.clone()
    }

    /// Hands out its content piece after piece, so that nobody needs it in one. What writes values down (DUMP, snapshots, the write log) is
    /// to come; until then tests alone call this, so that a new type has it from its first day.
    pub fn serialise(&self, sink: &mut dyn FnMut(&[u8])) {
        match self {
            Value::String(string) => string.view().pieces(..).for_each(|piece| sink(piece.bytes)),
        }
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
            (CONTIGUOUS_LEN_MAX, 1, CONTIGUOUS_LEN_MAX),
            (CONTIGUOUS_LEN_MAX + 1, 2, CONTIGUOUS_LEN_MAX + 1),
            (CHUNK_LEN + 1, 6, CHUNK_LEN + 1),
            (40 * CHUNK_LEN, 160, 40 * CHUNK_LEN),
        ];
        for (len, effort, bytes) in cases {
            let content: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let value = Value::String(LongString::from(&content[..]));
            assert_eq!((value.kind(), value.encoding(), value.scan_len()), (Type::String, Encoding::Raw, len));
            assert!((effort..effort + 2).contains(&value.effort()), "{len}: {}", value.effort());
            assert!((bytes..bytes + 4096).contains(&value.bytes()), "{len}: {}", value.bytes());
            let mut all = Vec::new();
            value.duplicate().serialise(&mut |piece| all.extend_from_slice(piece));
            assert!(all == content);
        }
    }
}
