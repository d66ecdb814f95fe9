//! DEBUG DIGEST and DIGEST-VALUE: 160 bits that are equal for equal data, whatever its order in memory, and equal to Valkey's for
//! the same data.
//!
//! A key's digest mixes key, type and value; the digest of the data is the exclusive or of all keys' digests, mixed with each
//! database's number.

use std::ops::ControlFlow;

use larder_proto::resp::format_shortest;
use sha1::{Digest as _, Sha1};

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
use crate::keyspace::value::stream::{Stream, StreamId};
use crate::keyspace::value::zset::Zset;

type Digest = [u8; 20];

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
    merge(digest, &sum.finalize().into());
    *digest = hash(digest);
}

/// Adds the fields of a hash, which have no order.
fn mix_hash(digest: &mut Digest, entry: EntryRef<'_>, liveness: Liveness) {
    let Ok(hash) = collection::of::<Hash>(entry) else { return };
    hash.for_each(liveness, |field, value| {
        let mut one = Digest::default();
        field.with_text(|text| mix(&mut one, text));
        value.with_text(|text| mix(&mut one, text));
        xor(digest, &one);
    });
}

/// Adds the entries of a stream, without its groups.
fn mix_stream(digest: &mut Digest, entry: EntryRef<'_>) {
    let Ok(stream) = collection::of::<Stream>(entry) else { return };
    stream.entries().walk(StreamId::MIN, StreamId::MAX, |entry| {
        mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        entry.for_each(|field, value| {
            field.with_text(|text| mix(digest, text));
            value.with_text(|text| mix(digest, text));
        });
        ControlFlow::Continue(())
    });
}

/// Adds an entry's type, value and whether it expires.
fn mix_entry(digest: &mut Digest, entry: EntryRef<'_>, liveness: Liveness) {
    mix(digest, &(entry.kind() as u32).to_be_bytes());
    match entry.kind() {
        Type::String => string_value::with_string(entry.value(), |string| mix_pieces(digest, string.pieces(..))),
        Type::Hash => mix_hash(digest, entry, liveness),
        Type::List => {
            if let Ok(list) = collection::of::<List>(entry) {
                list.walk_right(0, |_, item| {
                    item.with_text(|text| mix(digest, text));
                    true
                });
            }
        }
        Type::Set => {
            if let Ok(set) = collection::of::<Set>(entry) {
                set.for_each(|member| member.with_text(|text| xor(digest, text)));
            }
        }
        Type::Zset => {
            let zset = collection::of::<Zset>(entry).expect("the entry says that it is one");
            for element in zset.iter() {
                let mut one = Digest::default();
                element.member().with_text(|member| mix(&mut one, member));
                mix(&mut one, &format_shortest(element.score));
                xor(digest, &one);
            }
        }
        Type::Stream => mix_stream(digest, entry),
    }
    if entry.expiry_ms().is_some() {
        xor(digest, b"!!expire!!");
    }
}

fn hexadecimal(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn dataset(context: &mut Context<'_>) -> CmdResult {
    let keyspace = context.keys.keyspace();
    let digest = context.keys.with_all(|access| whole(keyspace, access));
    context.reply.simple(&hexadecimal(&digest));
    Ok(())
}

fn whole(keyspace: &Keyspace, access: &mut KeyAccess<'_>) -> Digest {
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
                        mix(&mut one, entry.key());
                        mix_entry(&mut one, entry, liveness);
                        xor(&mut keys, &one);
                    });
                    if cursor == 0 {
                        break;
                    }
                }
            }
        }
        if !is_empty {
            mix(&mut digest, &db.to_be_bytes());
            merge(&mut digest, &keys);
        }
    }
    digest
}

pub(super) fn values(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.array(args.len() - 2);
    let liveness = context.keys.liveness();
    for key in &args[2..] {
        let mut digest = Digest::default();
        super::object::with_entry(context, key, |entry, _| mix_entry(&mut digest, entry, liveness));
        context.reply.simple(&hexadecimal(&digest));
    }
    Ok(())
}
