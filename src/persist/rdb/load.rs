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

/// Reads the value that follows this type byte.
///
/// # Errors
/// If it is none.
pub fn object(kind: u8, source: &mut impl Source, access: &Access<'_>) -> Result<Object, Corrupt> {
    Ok(match kind {
        kind::STRING => Object::String(piece(source)?),
        kind::LIST => Object::List(load_list::texts(source, access)?),
        kind::LIST_ZIPLIST => {
            Object::List(load_list::ziplist(&piece(source)?, access).map_err(within("List ziplist integrity check failed"))?)
        }
        kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => Object::List(load_list::nodes(source, access, kind == kind::LIST_QUICKLIST_2)?),
        kind::STREAM_LISTPACKS => Object::Stream(load_stream::stream(source, 1)?),
        kind::STREAM_LISTPACKS_2 => Object::Stream(load_stream::stream(source, 2)?),
        kind::STREAM_LISTPACKS_3 => Object::Stream(load_stream::stream(source, 3)?),
        kind::STREAM_LISTPACKS_4 => Object::Stream(load_stream::stream(source, 4)?),
        kind::SET => Object::Set(set(source, access)?),
        kind::SET_INTSET => Object::Set(set_of_integers(&piece(source)?, access).map_err(within("Intset integrity check failed"))?),
        kind::SET_LISTPACK => Object::Set(set_of_listpack(&piece(source)?, access).map_err(within("Set listpack integrity check failed"))?),
        kind::ZSET | kind::ZSET_2 => Object::Zset(load_pairs::zset(source, access, kind == kind::ZSET_2)?),
        kind::ZSET_ZIPLIST => zset_of_piece(source, access, false, "Zset ziplist integrity check failed")?,
        kind::ZSET_LISTPACK => zset_of_piece(source, access, true, "Zset listpack integrity check failed")?,
        kind::HASH => Object::Hash(load_pairs::hash(source, access)?),
        kind::HASH_2 => Object::Hash(load_pairs::hash_with_expiries(source, access)?),
        kind::HASH_METADATA => Object::Hash(load_pairs::hash_with_metadata(source, access)?),
        kind::HASH_LISTPACK_EX => {
            // The earliest expiry, which the fields tell as well.
            source.array::<8>()?;
            Object::Hash(load_pairs::hash_of_triples(&piece(source)?, access)?)
        }
        kind::HASH_ZIPMAP => {
            Object::Hash(load_pairs::hash_of_zipmap(&piece(source)?, access).map_err(within("Zipmap integrity check failed"))?)
        }
        kind::HASH_ZIPLIST => hash_of_piece(source, access, false, "Hash ziplist integrity check failed")?,
        kind::HASH_LISTPACK => hash_of_piece(source, access, true, "Hash listpack integrity check failed")?,
        _ => return Err(Corrupt("its type is not known")),
    })
}

/// Whatever is wrong within one piece has one name, as in Valkey. To be empty is another thing.
fn within(name: &'static str) -> impl Fn(Corrupt) -> Corrupt {
    move |why| if why == EMPTY { EMPTY } else { Corrupt(name) }
}

fn zset_of_piece(source: &mut impl Source, access: &Access<'_>, is_listpack: bool, name: &'static str) -> Result<Object, Corrupt> {
    load_pairs::zset_of_piece(&piece(source)?, access, is_listpack).map(Object::Zset).map_err(within(name))
}

fn hash_of_piece(source: &mut impl Source, access: &Access<'_>, is_listpack: bool, name: &'static str) -> Result<Object, Corrupt> {
    load_pairs::hash_of_piece(&piece(source)?, access, is_listpack).map(Object::Hash).map_err(within(name))
}

/// A text of its own.
fn piece(source: &mut impl Source) -> Result<Vec<u8>, Corrupt> {
    let mut bytes = Vec::new();
    text::read(source, &mut bytes)?;
    Ok(bytes)
}

fn add(set: &mut Set, member: &Member, access: &Access<'_>) -> Result<(), Corrupt> {
    if set.add(member, access.limits.set, access.hasher()) { Ok(()) } else { Err(Corrupt("a member comes twice")) }
}

fn set(source: &mut impl Source, access: &Access<'_>) -> Result<Set, Corrupt> {
    let count = source.count()?;
    let mut set = if count > access.limits.set.integers { Set::large() } else { Set::integers() };
    let mut member = Vec::new();
    for _ in 0..count {
        text::read(source, &mut member)?;
        add(&mut set, &Member::of(&member), access)?;
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
    let mut set = Set::small();
    listpack::read(bytes, |item| item.with_text(|text| add(&mut set, &Member::of(text), &access)))?;
    if set.is_empty() { Err(EMPTY) } else { Ok(set) }
}
