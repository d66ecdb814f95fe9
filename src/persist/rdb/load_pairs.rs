//! Reading hashes and sorted sets.

use super::access::Access;
use super::source::Source;
use super::{Corrupt, EMPTY, listpack, text, ziplist, zipmap};
use crate::base::float::parse_f64;
use crate::datatypes::items::Item;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::{FieldExpiry, FieldWas, Hash, SmallLimits};
use crate::keyspace::value::zset::{self, NewMember, Zset};

const TWICE: Corrupt = Corrupt("a field comes twice");
const MEMBER_TWICE: Corrupt = Corrupt("a member comes twice");
const ODD: Corrupt = Corrupt("a field has no value");
const NOT_A_SCORE: Corrupt = Corrupt("a score is no number");
const NOT_A_TIME: Corrupt = Corrupt("an expiry is no time");
/// What a member of a sorted set takes in a file at least, with its score, unless both are very short: an index is not made for more members
/// than that leaves room for.
const MEMBER_LEN: u64 = 8;
/// The expiry of a field that has none.
const NO_EXPIRY: i64 = -1;

fn set(hash: &mut Hash, field: &[u8], value: &[u8], expiry_ms: Option<i64>, access: &Access<'_>) -> Result<(), Corrupt> {
    let expiry = expiry_ms.map_or(FieldExpiry::Clear, FieldExpiry::At);
    match hash.set(field, value, expiry, access.limits.hash, access.fields) {
        FieldWas::Absent => Ok(()),
        FieldWas::Present | FieldWas::Expired => Err(TWICE),
    }
}

/// An empty hash for so many fields.
fn hash_for(count: u64, access: &Access<'_>) -> Hash {
    let mut hash = Hash::new();
    hash.expect(usize::try_from(count).unwrap_or(usize::MAX), access.limits.hash, access.fields);
    hash
}

/// An empty hash that is a table.
fn table(access: &Access<'_>) -> Hash {
    let mut hash = Hash::new();
    hash.expect(1, SmallLimits { entries: 0, value_len: 0 }, access.fields);
    hash
}

pub(super) fn hash(source: &mut impl Source, access: &Access<'_>) -> Result<Hash, Corrupt> {
    let count = source.count()?;
    let mut hash = hash_for(count, access);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        text::read(source, &mut field)?;
        text::read(source, &mut value)?;
        set(&mut hash, &field, &value, None, access)?;
    }
    Ok(hash)
}

/// Valkey's: each value is followed by the field's expiry.
pub(super) fn hash_with_expiries(source: &mut impl Source, access: &Access<'_>) -> Result<Hash, Corrupt> {
    let count = source.count()?;
    let mut hash = table(access);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        text::read(source, &mut field)?;
        text::read(source, &mut value)?;
        let expiry_ms = match i64::from_le_bytes(source.array()?) {
            NO_EXPIRY => None,
            expiry_ms @ 0.. => Some(expiry_ms),
            _ => return Err(NOT_A_TIME),
        };
        set(&mut hash, &field, &value, expiry_ms, access)?;
    }
    Ok(hash)
}

/// Redis': the earliest expiry, then before each field how much later its own is, from 1; 0 if it has none.
pub(super) fn hash_with_metadata(source: &mut impl Source, access: &Access<'_>) -> Result<Hash, Corrupt> {
    let earliest_ms = i64::from_le_bytes(source.array()?);
    let count = source.count()?;
    let mut hash = table(access);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let later = source.length()?;
        text::read(source, &mut field)?;
        text::read(source, &mut value)?;
        let expiry_ms = match later {
            0 => None,
            later => Some(earliest_ms.checked_add_unsigned(later - 1).filter(|expiry_ms| *expiry_ms >= 0).ok_or(NOT_A_TIME)?),
        };
        set(&mut hash, &field, &value, expiry_ms, access)?;
    }
    Ok(hash)
}

/// Redis', as a listpack: each field with its value and its expiry, 0 if it has none.
pub(super) fn hash_of_triples(bytes: &[u8], access: &Access<'_>) -> Result<Hash, Corrupt> {
    let access = &access.of_piece(bytes.len());
    let mut hash = Hash::new();
    let (mut field, mut value) = (None, None);
    listpack::read(bytes, |item| {
        if field.is_none() {
            field = Some(item);
            return Ok(());
        }
        if value.is_none() {
            value = Some(item);
            return Ok(());
        }
        let expiry_ms = match item {
            Item::Int(0) => None,
            Item::Int(expiry_ms @ 1..) => Some(expiry_ms),
            _ => return Err(NOT_A_TIME),
        };
        match (field.take(), value.take()) {
            (Some(field), Some(value)) => set_items(&mut hash, field, value, expiry_ms, access),
            _ => Err(ODD),
        }
    })?;
    finish(hash, field.is_none())
}

fn set_items(hash: &mut Hash, field: Item<'_>, value: Item<'_>, expiry_ms: Option<i64>, access: &Access<'_>) -> Result<(), Corrupt> {
    field.with_text(|field| value.with_text(|value| set(hash, field, value, expiry_ms, access)))
}

fn finish(hash: Hash, is_even: bool) -> Result<Hash, Corrupt> {
    if !is_even {
        Err(ODD)
    } else if hash.is_empty() {
        Err(EMPTY)
    } else {
        Ok(hash)
    }
}

pub(super) fn hash_of_zipmap(bytes: &[u8], access: &Access<'_>) -> Result<Hash, Corrupt> {
    let mut hash = Hash::new();
    zipmap::read(bytes, |field, value| set(&mut hash, field, value, None, access))?;
    finish(hash, true)
}

/// Visits the pairs of a listpack or ziplist. Each has both halves.
fn pairs<'a>(bytes: &'a [u8], is_listpack: bool, mut visit: impl FnMut(Item<'a>, Item<'a>) -> Result<(), Corrupt>) -> Result<(), Corrupt> {
    let mut first = None;
    let half = |item| match first.take() {
        Some(first) => visit(first, item),
        None => {
            first = Some(item);
            Ok(())
        }
    };
    let count = if is_listpack { listpack::read(bytes, half)? } else { ziplist::read(bytes, half)? };
    if count.is_multiple_of(2) { Ok(()) } else { Err(ODD) }
}

pub(super) fn hash_of_piece(bytes: &[u8], access: &Access<'_>, is_listpack: bool) -> Result<Hash, Corrupt> {
    let access = &access.of_piece(bytes.len());
    let mut hash = Hash::with_room(bytes.len());
    pairs(bytes, is_listpack, |field, value| set_items(&mut hash, field, value, None, access))?;
    finish(hash, true)
}

fn add(zset: &mut Zset, member: &[u8], score: f64, access: &Access<'_>) -> Result<(), Corrupt> {
    if score.is_nan() {
        return Err(NOT_A_SCORE);
    }
    zset.update(member, &access.limits.zset, access.hasher(), |was| match was {
        None => Ok(Some(score)),
        Some(_) => Err(MEMBER_TWICE),
    })
}

/// Member after member, each with its score: as binary, or as text.
pub(super) fn zset(source: &mut impl Source, access: &Access<'_>, room: &mut Vec<u8>, is_binary: bool) -> Result<Zset, Corrupt> {
    let count = source.count()?;
    let mut zset = Zset::new();
    // A large one first, whatever it then is: it tells -0 from 0, and Valkey makes it a small one at the end, too.
    zset.expect(count.min(source.len_max() / MEMBER_LEN) as usize, access.hasher());
    let mut batch = Vec::with_capacity(zset::BATCH_LEN);
    for number in 1..=count {
        let mut member = text::with(source, room, |text| NewMember::new(text, 0.0, access.hasher()))?;
        member.score = if is_binary { f64::from_le_bytes(source.array()?) } else { score_text(source)? };
        if member.score.is_nan() {
            return Err(NOT_A_SCORE);
        }
        batch.push(member);
        if batch.len() == zset::BATCH_LEN || number == count {
            if !zset.add_new(&batch, access.hasher()) {
                return Err(MEMBER_TWICE);
            }
            batch.clear();
        }
    }
    zset.compact(&access.limits.zset);
    Ok(zset)
}

fn score_text(source: &mut impl Source) -> Result<f64, Corrupt> {
    match source.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Err(NOT_A_SCORE),
        len => {
            let mut text = Vec::new();
            source.append(u64::from(len), &mut text)?;
            parse_f64(&text).ok_or(NOT_A_SCORE)
        }
    }
}

pub(super) fn zset_of_piece(bytes: &[u8], access: &Access<'_>, is_listpack: bool) -> Result<Zset, Corrupt> {
    let access = &access.of_piece(bytes.len());
    let mut zset = Zset::with_room(bytes.len());
    pairs(bytes, is_listpack, |member, score| {
        let score = match score {
            Item::Int(number) => number as f64,
            Item::Float(number) => number,
            Item::Text(text) => parse_f64(text).ok_or(NOT_A_SCORE)?,
        };
        member.with_text(|member| add(&mut zset, member, score, access))
    })?;
    if zset.is_empty() { Err(EMPTY) } else { Ok(zset) }
}
