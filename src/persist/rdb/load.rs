//! Reading a value, in every form in which one was ever written.
//!
//! A value that is read is as a server would have it that runs with these options.

pub use super::access::{Access, Limits};
use super::source::Source;
use super::{Corrupt, EMPTY, intset, kind, listpack, load_list, load_pairs, load_stream, text, version};
use crate::keyspace::collection;
use crate::keyspace::entry::Entry;
use crate::keyspace::string_value;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::Hash;
use crate::keyspace::value::list::List;
use crate::keyspace::value::set::{Member, Set};
use crate::keyspace::value::stream::Stream;
use crate::keyspace::value::zset::Zset;

/// A value that was read. No collection is empty.
#[derive(Debug)]
pub enum Object {
    /// A string.
    String(Vec<u8>),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    Zset(Zset),
    /// A hash.
    Hash(Hash),
    /// A stream, which may have no entries.
    Stream(Stream),
}

impl Object {
    /// As a key of this name.
    pub fn into_entry(self, name: &[u8], expiry_ms: Option<i64>, access_clock: u32) -> Entry {
        match self {
            Object::String(text) => {
                let value = string_value::encode(name, &text, expiry_ms.is_some());
                Entry::new(name, value, expiry_ms, access_clock)
            }
            Object::List(list) => collection::entry(name, list, expiry_ms, access_clock),
            Object::Set(set) => collection::entry(name, set, expiry_ms, access_clock),
            Object::Zset(zset) => collection::entry(name, zset, expiry_ms, access_clock),
            Object::Hash(hash) => collection::entry(name, hash, expiry_ms, access_clock),
            Object::Stream(stream) => collection::entry(name, stream, expiry_ms, access_clock),
        }
    }
}

/// Reads the value that follows this type byte, as a key with this name, expiry and access clock. `room` is for what does not lie in one piece.
///
/// # Errors
/// If it is none.
pub fn entry(
    kind: u8,
    source: &mut impl Source,
    access: &Access<'_>,
    room: &mut Vec<u8>,
    (name, expiry_ms, access_clock): (&[u8], Option<i64>, u32),
) -> Result<Entry, Corrupt> {
    match kind {
        // Most values: straight into their entries.
        kind::STRING => text::with(source, room, |text| {
            let value = string_value::encode(name, text, expiry_ms.is_some());
            Entry::new(name, value, expiry_ms, access_clock)
        }),
        _ => object(kind, source, access, room).map(|object| object.into_entry(name, expiry_ms, access_clock)),
    }
}

/// True if a value of this type can be read.
pub fn is_known(kind: u8) -> bool {
    matches!(kind, kind::STRING..=kind::ZSET_2 | kind::HASH_ZIPMAP..=kind::STREAM_LISTPACKS_3)
        || matches!(kind, kind::HASH_2 | kind::HASH_METADATA | kind::HASH_LISTPACK_EX | kind::STREAM_LISTPACKS_4)
}

/// True if a value of this type can be read from what was written in this version: what Redis' numbers mean and what Valkey's do are two things
/// from where their ways parted.
pub fn is_known_in(kind: u8, version: u16) -> bool {
    let is_redis = matches!(kind, kind::HASH_METADATA | kind::HASH_LISTPACK_EX | kind::STREAM_LISTPACKS_4);
    is_known(kind) && (kind <= kind::COMMON_MAX || is_redis == version::is_foreign(version))
}

/// Reads the value that follows this type byte. `room` is for what does not lie in one piece.
///
/// # Errors
/// If it is none.
pub fn object(kind: u8, source: &mut impl Source, access: &Access<'_>, room: &mut Vec<u8>) -> Result<Object, Corrupt> {
    Ok(match kind {
        kind::STRING => Object::String(text::with(source, room, <[u8]>::to_vec)?),
        kind::LIST => Object::List(load_list::texts(source, access)?),
        kind::LIST_ZIPLIST => {
            Object::List(piece(source, room, "List ziplist integrity check failed", |bytes| load_list::ziplist(bytes, access))?)
        }
        kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            Object::List(load_list::nodes(source, access, room, kind == kind::LIST_QUICKLIST_2)?)
        }
        kind::STREAM_LISTPACKS => Object::Stream(load_stream::stream(source, 1)?),
        kind::STREAM_LISTPACKS_2 => Object::Stream(load_stream::stream(source, 2)?),
        kind::STREAM_LISTPACKS_3 => Object::Stream(load_stream::stream(source, 3)?),
        kind::STREAM_LISTPACKS_4 => Object::Stream(load_stream::stream(source, 4)?),
        kind::SET => Object::Set(set(source, access, room)?),
        kind::SET_INTSET => Object::Set(piece(source, room, "Intset integrity check failed", |bytes| set_of_integers(bytes, access))?),
        kind::SET_LISTPACK => {
            Object::Set(piece(source, room, "Set listpack integrity check failed", |bytes| set_of_listpack(bytes, access))?)
        }
        kind::ZSET | kind::ZSET_2 => Object::Zset(load_pairs::zset(source, access, room, kind == kind::ZSET_2)?),
        kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            let (is_listpack, name) = match kind {
                kind::ZSET_LISTPACK => (true, "Zset listpack integrity check failed"),
                _ => (false, "Zset ziplist integrity check failed"),
            };
            Object::Zset(piece(source, room, name, |bytes| load_pairs::zset_of_piece(bytes, access, is_listpack))?)
        }
        kind::HASH => Object::Hash(load_pairs::hash(source, access)?),
        kind::HASH_2 => Object::Hash(load_pairs::hash_with_expiries(source, access)?),
        kind::HASH_METADATA => Object::Hash(load_pairs::hash_with_metadata(source, access)?),
        kind::HASH_LISTPACK_EX => {
            // The earliest expiry, which the fields tell as well.
            source.array::<8>()?;
            Object::Hash(text::with(source, room, |bytes| load_pairs::hash_of_triples(bytes, access))??)
        }
        kind::HASH_ZIPMAP => {
            Object::Hash(piece(source, room, "Zipmap integrity check failed", |bytes| load_pairs::hash_of_zipmap(bytes, access))?)
        }
        kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
            let (is_listpack, name) = match kind {
                kind::HASH_LISTPACK => (true, "Hash listpack integrity check failed"),
                _ => (false, "Hash ziplist integrity check failed"),
            };
            Object::Hash(piece(source, room, name, |bytes| load_pairs::hash_of_piece(bytes, access, is_listpack))?)
        }
        _ => return Err(Corrupt("its type is not known")),
    })
}

/// Reads a value that is one text. Whatever is wrong within it has one name, as in Valkey; to be empty is another thing.
fn piece<T>(
    source: &mut impl Source,
    room: &mut Vec<u8>,
    name: &'static str,
    read: impl FnOnce(&[u8]) -> Result<T, Corrupt>,
) -> Result<T, Corrupt> {
    text::with(source, room, read)?.map_err(|why| if why == EMPTY { EMPTY } else { Corrupt(name) })
}

fn add(set: &mut Set, member: &Member, access: &Access<'_>) -> Result<(), Corrupt> {
    if set.add(member, access.limits.set, access.hasher()) { Ok(()) } else { Err(Corrupt("a member comes twice")) }
}

fn set(source: &mut impl Source, access: &Access<'_>, room: &mut Vec<u8>) -> Result<Set, Corrupt> {
    let count = source.count()?;
    let mut set = if count > access.limits.set.integers { Set::large() } else { Set::integers() };
    for _ in 0..count {
        text::with(source, room, |text| add(&mut set, &Member::of(text), access))??;
    }
    Ok(set)
}

fn set_of_integers(bytes: &[u8], access: &Access<'_>) -> Result<Set, Corrupt> {
    let mut set = Set::integers();
    let mut is_new = true;
    intset::read(bytes, |number| {
        let member = Member::of_item(crate::datatypes::items::Item::Int(number));
        is_new &= set.add(&member, access.limits.set, access.hasher());
    })?;
    if is_new { Ok(set) } else { Err(Corrupt("a member comes twice")) }
}

fn set_of_listpack(bytes: &[u8], access: &Access<'_>) -> Result<Set, Corrupt> {
    let access = access.of_piece(bytes.len());
    let mut set = Set::small_with_room(bytes.len());
    listpack::read(bytes, |item| item.with_text(|text| add(&mut set, &Member::of(text), &access)))?;
    if set.is_empty() { Err(EMPTY) } else { Ok(set) }
}
