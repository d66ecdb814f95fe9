//! Values that do not lie inside their entries: one enum, one file per type.
//!
//! What the rest of the server wants to know of a value, whatever its type, is asked here: what it is, what it costs in memory and to free,
//! a copy of it, its bytes. A new type is one variant with one file, and the compiler names every place that must know of it.
//!
//! Invariants:
//! * A value belongs to no thread: entries move between them, and their `Send` is only asserted there, so it is proven here.
//! * [`Value::effort`] counts what freeing costs, so that one large allocation counts as many small ones.

pub mod chunk;
pub mod collection;
pub mod hash;
pub mod kind;
pub mod list;
mod list_nodes;
mod not_copied;
mod packed_bucket;
pub mod packed_table;
pub mod pieces;
#[cfg(test)]
mod saving_tests;
pub mod set;
pub mod stream;
pub mod string;
mod text_saving;
pub mod zset;

use self::chunk::{Chunked, Saving, Tag};
use self::collection::Collection;
use self::hash::Hash;
pub use self::kind::{Encoding, Type};
use self::list::List;
use self::set::Set;
use self::stream::Stream;
use self::string::LongString;
use self::zset::Zset;
use crate::base::float::parse_f64;
use crate::base::limits::ELEMENT_STEPS;
use crate::keyspace::hash::KeyHash;

/// A value that does not lie inside its entry.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string too long for its entry, or one that was grown.
    String(LongString),
    /// A list too large for its entry.
    List(Box<List>),
    /// A hash too large for its entry.
    Hash(Box<Hash>),
    /// A set too large for its entry.
    Set(Box<Set>),
    /// A sorted set too large for its entry.
    Zset(Box<Zset>),
    /// A stream.
    Stream(Box<Stream>),
}

/// A collection as a variant of [`Value`].
pub trait Variant: Collection {
    /// The value's collection, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;
    /// As [`Variant::of`], to change it.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// As a value.
    fn into_value(self) -> Value;
}

macro_rules! variants {
    ($($name:ident),+) => {$(
        impl Variant for $name {
            fn of(value: &Value) -> Option<&Self> {
                if let Value::$name(collection) = value { Some(collection) } else { None }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                if let Value::$name(collection) = value { Some(collection) } else { None }
            }

            fn into_value(mut self) -> Value {
                self.trim();
                Value::$name(Box::new(self))
            }
        }
    )+};
}

variants!(List, Hash, Set, Zset, Stream);

const fn assert_send<T: Send>() {}
const _: () = assert_send::<Value>();
const _: () = assert!(size_of::<Value>() == 24, "a long string's box is no larger than a vector's header");

impl Value {
    /// After so many steps of [`Value::prefetch_element`] everything has been asked for.
    #[inline]
    pub fn prefetch_steps(&self) -> usize {
        match self {
            Value::Hash(_) | Value::Set(_) => 2,
            Value::Zset(_) => 3,
            Value::String(_) | Value::List(_) | Value::Stream(_) => 0,
        }
    }

    /// Asks the processor for what a look for the element with this hash (of its form, [`crate::datatypes::items`]) needs. What one step asks
    /// for, the next one reads.
    #[inline]
    pub fn prefetch_element(&self, hash: KeyHash, step: usize) {
        match self {
            Value::Hash(fields) => fields.prefetch(hash, step),
            Value::Set(set) => set.prefetch(hash, step),
            Value::Zset(zset) => zset.prefetch(hash, step),
            Value::String(_) | Value::List(_) | Value::Stream(_) => {}
        }
    }

    /// Asks the processor for where an element with this score, read from its text, goes.
    pub fn prefetch_score(&self, score: &[u8]) {
        if let Value::Zset(zset) = self
            && let Some(score) = parse_f64(score)
        {
            zset.prefetch_score(score);
        }
    }

    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
            Value::List(_) => Type::List,
            Value::Hash(_) => Type::Hash,
            Value::Zset(_) => Type::Zset,
            Value::Set(_) => Type::Set,
            Value::Stream(_) => Type::Stream,
        }
    }

    /// Its encoding.
    pub fn encoding(&self) -> Encoding {
        match self {
            Value::String(_) => Encoding::Raw,
            Value::List(list) => list.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Zset(zset) => zset.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Stream(stream) => stream.encoding(),
        }
    }

    /// What freeing it costs, in small allocations. One of up to [`crate::base::limits::EFFORT_LEN`] counts one.
    pub fn effort(&self) -> usize {
        match self {
            Value::String(string) => string.effort(),
            Value::List(list) => list.effort(),
            Value::Hash(hash) => hash.effort(),
            Value::Zset(zset) => zset.effort(),
            Value::Set(set) => set.effort(),
            Value::Stream(stream) => stream.effort(),
        }
    }

    /// Bytes, or elements, that a command looks at which looks at all of it.
    pub fn scan_len(&self) -> usize {
        match self {
            Value::String(string) => string.view().len(),
            Value::List(list) => list.view().len() * ELEMENT_STEPS,
            Value::Hash(hash) => hash.scan_len(),
            Value::Set(set) => set.scan_len(),
            Value::Stream(stream) => stream.scan_len(),
            Value::Zset(zset) => zset.scan_len(),
        }
    }

    /// Memory that it takes, its box included. What it shares with other values counts in each of them.
    pub fn bytes(&self) -> usize {
        let outside = match self {
            Value::String(string) => string.bytes(),
            Value::List(list) => list.bytes(),
            Value::Hash(hash) => hash.bytes(),
            Value::Zset(zset) => zset.bytes(),
            Value::Set(set) => set.bytes(),
            Value::Stream(stream) => stream.bytes(),
        };
        size_of::<Value>() + outside
    }

    /// True if some of its elements have expiries of their own.
    pub fn has_expiring(&self) -> bool {
        match self {
            Value::Hash(hash) => hash.has_expiring(),
            _ => false,
        }
    }

    /// Number of elements; of a string, of bytes.
    pub fn len(&self) -> usize {
        match self {
            Value::String(string) => string.view().len(),
            Value::List(list) => list.view().len(),
            Value::Hash(hash) => hash.view().len(),
            Value::Set(set) => set.view().len(),
            Value::Zset(zset) => zset.view().len(),
            Value::Stream(stream) => usize::try_from(stream.figures().len).unwrap_or(usize::MAX),
        }
    }

    /// True for the empty string, and a stream without entries. No other collection under a key is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As what can be saved in parts, if it is large enough to consist of some.
    pub fn chunked(&self) -> Option<&dyn Chunked> {
        match self {
            Value::List(list) => list.chunked(),
            Value::Hash(hash) => hash.chunked(),
            Value::Set(set) => set.chunked(),
            Value::Zset(zset) => zset.chunked(),
            Value::Stream(stream) => Some(&**stream),
            Value::String(LongString::Chunks(chunks)) => Some(&**chunks),
            Value::String(LongString::Raw(_)) => None,
        }
    }

    /// As [`Value::chunked`], to save it.
    pub fn chunked_mut(&mut self) -> Option<&mut dyn Chunked> {
        match self {
            Value::List(list) => list.chunked_mut(),
            Value::Hash(hash) => hash.chunked_mut(),
            Value::Set(set) => set.chunked_mut(),
            Value::Zset(zset) => zset.chunked_mut(),
            Value::Stream(stream) => Some(&mut **stream),
            Value::String(LongString::Chunks(chunks)) => Some(&mut **chunks),
            Value::String(LongString::Raw(_)) => None,
        }
    }

    /// The key's name in the snapshot that is being taken of it in parts.
    pub fn saving_tag(&self) -> Option<Tag> {
        self.chunked()?.saving().map(Saving::tag)
    }

    /// A value of its own with the same content. Large parts are shared until one of the two changes them.
    pub fn duplicate(&self) -> Value {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::alloc;
    use crate::base::limits::{CHUNK_LEN, CONTIGUOUS_LEN_MAX};

    #[test]
    fn a_value_knows_what_it_is_and_what_it_costs() {
        // Length, effort.
        let cases = [(5000, 1), (CONTIGUOUS_LEN_MAX, 1), (CONTIGUOUS_LEN_MAX + 1, 2), (CHUNK_LEN + 1, 6), (40 * CHUNK_LEN, 160)];
        for (len, effort) in cases {
            // What the allocator sets aside, and a little to keep the pieces together.
            let bytes = len / CHUNK_LEN * alloc::block_len(CHUNK_LEN) + alloc::block_len(len % CHUNK_LEN);
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
