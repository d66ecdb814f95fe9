//! DEBUG DIGEST and DIGEST-VALUE: 160 bits that are equal for equal data, whatever its order in memory, and equal to Valkey's for
//! the same data.
//!
//! A key's digest mixes key, type and value; the digest of the data is the exclusive or of all keys' digests, mixed with each
//! database's number.

use larder_proto::resp::format_shortest;
use sha1::{Digest as _, Sha1};

use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context};
use crate::keyspace::Keyspace;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::entry::{EntryRef, Type};
use crate::keyspace::liveness::Liveness;
use crate::keyspace::string_value;
use crate::keyspace::value::hash::Hash;
use crate::keyspace::value::list::List;
use crate::keyspace::value::set::Set;
use crate::keyspace::value::stream::{Node, Stream, StreamId};
use crate::keyspace::value::zset::Zset;

pub(super) type Digest = [u8; 20];

fn hash(bytes: &[u8]) -> Digest {
    Sha1::digest(bytes).into()
}

/// Adds bytes so that their order does not matter.
fn xor(digest: &mut Digest, bytes: &[u8]) {
    merge(digest, &hash(bytes));
}

fn merge(digest: &mut Digest, other: &Digest) {
    digest.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

/// Adds bytes so that their order matters.
fn mix(digest: &mut Digest, bytes: &[u8]) {
    mix_pieces(digest, [bytes]);
}

/// Adds the concatenation of all pieces as [`mix`] does.
fn mix_pieces(digest: &mut Digest, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    let mut sum = Sha1::new();
    pieces.into_iter().for_each(|piece| sum.update(piece));
    mix_sum(digest, sum);
}

/// Adds what went into `sum` as [`mix`] does.
pub(super) fn mix_sum(digest: &mut Digest, sum: Sha1) {
    merge(digest, &sum.finalize().into());
    *digest = hash(digest);
}

/// Adds an element of a list, which comes after those before.
pub(super) fn add_element(digest: &mut Digest, element: Item<'_>) {
    element.with_text(|text| mix(digest, text));
}

/// Adds a member of a set.
pub(super) fn add_member(digest: &mut Digest, member: Item<'_>) {
    member.with_text(|text| xor(digest, text));
}

/// Adds a field of a hash.
pub(super) fn add_field(digest: &mut Digest, field: Item<'_>, value: Item<'_>) {
    let mut one = Digest::default();
    field.with_text(|text| mix(&mut one, text));
    value.with_text(|text| mix(&mut one, text));
    xor(digest, &one);
}

/// Adds a member of a sorted set.
pub(super) fn add_scored(digest: &mut Digest, member: Item<'_>, score: f64) {
    let mut one = Digest::default();
    member.with_text(|member| mix(&mut one, member));
    mix(&mut one, &format_shortest(score));
    xor(digest, &one);
}

/// Adds a key and the type of its value to what is the key's alone.
pub(super) fn begin_key(digest: &mut Digest, key: &[u8], kind: Type) {
    mix(digest, key);
    add_type(digest, kind);
}

fn add_type(digest: &mut Digest, kind: Type) {
    mix(digest, &(kind as u32).to_be_bytes());
}

/// Adds a key, all of which went into `digest` but whether it expires, to those of its database.
pub(super) fn end_key(keys: &mut Digest, mut digest: Digest, expires: bool) {
    add_expiry(&mut digest, expires);
    xor(keys, &digest);
}

fn add_expiry(digest: &mut Digest, expires: bool) {
    if expires {
        xor(digest, b"!!expire!!");
    }
}

/// Adds a database that is not empty.
pub(super) fn add_database(digest: &mut Digest, db: u32, keys: &Digest) {
    mix(digest, &db.to_be_bytes());
    merge(digest, keys);
}

/// Adds a node of a stream, whose entries come after those before. Groups do not count.
pub(super) fn add_entries(digest: &mut Digest, node_id: StreamId, node: &Node) {
    let mut at = node.begin();
    while at < node.end() {
        let entry = node.entry(node_id, at);
        at = entry.next;
        if entry.is_deleted {
            continue;
        }
        mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        entry.for_each(|field, value| {
            field.with_text(|text| mix(digest, text));
            value.with_text(|text| mix(digest, text));
        });
    }
}

/// Adds an entry's value and whether it expires.
fn mix_value(digest: &mut Digest, entry: EntryRef<'_>, liveness: Liveness) {
    match entry.kind() {
        Type::String => string_value::with_string(entry.value(), |string| mix_pieces(digest, string.pieces(..))),
        Type::Hash => {
            if let Ok(hash) = collection::of::<Hash>(entry) {
                hash.for_each(liveness, |field, value| add_field(digest, field, value));
            }
        }
        Type::List => {
            if let Ok(list) = collection::of::<List>(entry) {
                list.walk_right(0, |_, item| {
                    add_element(digest, item);
                    true
                });
            }
        }
        Type::Set => {
            if let Ok(set) = collection::of::<Set>(entry) {
                set.for_each(|member| add_member(digest, member));
            }
        }
        Type::Zset => {
            let zset = collection::of::<Zset>(entry).expect("the entry says that it is one");
            zset.iter().for_each(|element| add_scored(digest, element.member(), element.score));
        }
        Type::Stream => {
            if let Ok(stream) = collection::of::<Stream>(entry) {
                stream.nodes().for_each(|(id, node)| add_entries(digest, id, node));
            }
        }
    }
    add_expiry(digest, entry.expiry_ms().is_some());
}

pub(super) fn hexadecimal(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn dataset(context: &mut Context<'_>) -> CmdResult {
    let keyspace = context.keys.keyspace();
    let digest = context.keys.with_all(|access| whole(keyspace, access));
    context.reply.simple(&hexadecimal(&digest));
    Ok(())
}

/// The digest of all data. Every stripe is held.
pub(super) fn whole(keyspace: &Keyspace, access: &mut KeyAccess<'_>) -> Digest {
    let mut digest = Digest::default();
    let liveness = access.liveness();
    for db in 0..keyspace.databases() as u32 {
        let mut keys = Digest::default();
        let mut is_empty = true;
        for number in 0..keyspace.stripes() as u32 {
            let stripe = access.stripe(number);
            for table in keyspace.tables_of(db).filter_map(|table| stripe.table(table)) {
                let mut cursor = 0;
                loop {
                    cursor = table.table.scan(cursor, |entry| {
                        is_empty = false;
                        let mut one = Digest::default();
                        begin_key(&mut one, entry.key(), entry.kind());
                        mix_value(&mut one, entry, liveness);
                        xor(&mut keys, &one);
                    });
                    if cursor == 0 {
                        break;
                    }
                }
            }
        }
        if !is_empty {
            add_database(&mut digest, db, &keys);
        }
    }
    digest
}

pub(super) fn values(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.array(args.len() - 2);
    let liveness = context.keys.liveness();
    for key in &args[2..] {
        let mut digest = Digest::default();
        super::object::with_entry(context, key, |entry, _| {
            add_type(&mut digest, entry.kind());
            mix_value(&mut digest, entry, liveness);
        });
        context.reply.simple(&hexadecimal(&digest));
    }
    Ok(())
}
