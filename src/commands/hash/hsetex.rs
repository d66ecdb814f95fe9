//! HSETEX: gives fields values and one expiry, on conditions. All of them or none. A point in time that has passed takes the fields out.

use super::fields;
use super::options::{Condition, Grammar, Lifetime, Options};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::records::NumberWord;
use crate::keyspace::value::hash::{FieldAccess, FieldExpiry, FieldWas, Hash};
use smallvec::SmallVec;

pub(crate) static HSETEX: CommandSpec = CommandSpec {
    name: "hsetex",
    arity: -6,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "key-condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "fields-condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "fnx", kind: ArgKind::PureToken, token: "FNX", ..ARG },
                Arg { name: "fxx", kind: ArgKind::PureToken, token: "FXX", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "expiration",
            kind: ArgKind::OneOf(&[
                Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", ..ARG },
                Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", ..ARG },
                Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", ..ARG },
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", ..ARG },
                Arg { name: "keepttl", kind: ArgKind::PureToken, token: "KEEPTTL", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "fields",
            kind: ArgKind::Block(&[
                Arg { name: "numfields", kind: ArgKind::KeyInteger(0), ..ARG },
                Arg {
                    name: "data",
                    kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]),
                    multiple: true,
                    ..ARG
                },
            ]),
            token: "FIELDS",
            ..ARG
        },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets fields of a hash with one expiry for all of them",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (before, behind) = fields::split(args, 0)?;
    let options = Options::parse(before.get(2..).unwrap_or_default(), Grammar::Set)?;
    let (pairs, _) = fields::numbered(behind, 2, fields::wrong_number)?.as_chunks::<2>();
    let (limits, access) = (fields::limits(context.config), context.keys.field_access());
    let name = args.key(0)?;
    let mut key = context.keys.open(name);
    key.collection::<Hash>()?;
    let exists = key.exists();
    drop(key);
    let key_fits = match options.key {
        Some(Condition::Absent) => !exists,
        Some(Condition::Present) => exists,
        None => true,
    };
    if !key_fits {
        context.reply.integer(0);
        return Ok(());
    }
    let at_ms = options.expiry_ms(context)?;
    let is_past = at_ms.is_some_and(|at_ms| context.is_past(at_ms));
    let mut key = context.keys.open(name);
    if !fields_fit(&mut key, options.fields, pairs, access)? {
        context.reply.integer(0);
        return Ok(());
    }
    if is_past {
        drop(key);
        return expire(context, args, pairs);
    }
    let expiry = match (at_ms, options.lifetime) {
        (Some(at_ms), _) => FieldExpiry::At(at_ms),
        (None, Lifetime::Keep) => FieldExpiry::Keep,
        (None, _) => FieldExpiry::Clear,
    };
    let ended: SmallVec<[&[u8]; 8]> = key.change(|hash: &mut Hash| {
        let mut set = |[field, value]: &[&[u8]; 2]| hash.set(field, value, expiry, limits, access);
        pairs.iter().map(|pair| (pair[0], set(pair))).filter(|(_, was)| *was == FieldWas::Expired).map(|(field, _)| field).collect()
    })?;
    let expired = ended.len();
    if expired > 0 {
        key.further_event(class::HASH, "hexpired");
    }
    key.change_event(class::HASH, "hset");
    key.count_changes(pairs.len() as u64 - 1);
    if at_ms.is_some() {
        key.further_event(class::HASH, "hexpire");
    }
    drop(key);
    context.keys.count_expired_fields(name, expired);
    if context.keys.is_logging() {
        log(&mut context.keys, name, pairs, expiry, &ended);
    }
    context.reply.integer(1);
    Ok(())
}

/// Adds the records of fields that have values now: the conditions held. `ended` are those that had ended before.
fn log(keys: &mut KeyAccess<'_>, key: Key<'_>, pairs: &[[&[u8]; 2]], expiry: FieldExpiry, ended: &[&[u8]]) {
    if expiry == FieldExpiry::Keep && !ended.is_empty() {
        // Their expiries are not kept.
        fields::log_removed(keys, key, ended);
    }
    let number = NumberWord::new(pairs.len() as i64);
    let at = NumberWord::new(if let FieldExpiry::At(at_ms) = expiry { at_ms } else { 0 });
    let mut words: Vec<&[u8]> = vec![b"HSETEX", key.name()];
    match expiry {
        FieldExpiry::At(_) => words.extend([&b"PXAT"[..], at.as_bytes()]),
        FieldExpiry::Keep => words.push(b"KEEPTTL"),
        FieldExpiry::Clear => {}
    }
    words.extend([&b"FIELDS"[..], number.as_bytes()]);
    words.extend(pairs.as_flattened());
    keys.log(&words);
}

fn fields_fit(
    key: &mut KeyMut<'_, '_, '_>,
    condition: Option<Condition>,
    pairs: &[[&[u8]; 2]],
    access: FieldAccess<'_>,
) -> Result<bool, crate::engine::error::CmdError> {
    let Some(condition) = condition else { return Ok(true) };
    let hash = key.collection::<Hash>()?;
    let has = |field: &[u8]| hash.is_some_and(|hash| hash.get(field, access).is_some());
    Ok(pairs.iter().all(|[field, _]| has(field) == (condition == Condition::Present)))
}

/// The values would have ended already: what is there of the fields goes. To who listens it looks as if they had come before.
fn expire(context: &mut Context<'_>, args: &Args<'_>, pairs: &[[&[u8]; 2]]) -> CmdResult {
    const EVENTS: [&str; 3] = ["hset", "hexpire", "hexpired"];
    let name = args.key(0)?;
    // Also what has ended before is taken out now.
    let access = FieldAccess { liveness: Liveness::EVERYTHING, ..context.keys.field_access() };
    let mut key = context.keys.open(name);
    let existed = key.exists();
    let deleted = key.change_if(|hash: &mut Hash| {
        let removed = pairs.iter().filter(|[field, _]| hash.remove(field, access));
        let deleted: SmallVec<[&[u8]; 8]> = removed.map(|[field, _]| *field).collect();
        let is_changed = !deleted.is_empty();
        (deleted, is_changed)
    })?;
    if !deleted.is_empty() {
        key.change_event(class::HASH, EVENTS[0]);
        key.count_changes(deleted.len() as u64 - 1);
        EVENTS[1..].iter().for_each(|event| key.further_event(class::HASH, event));
        drop(key);
        fields::log_removed(&mut context.keys, name, &deleted);
    } else {
        // Nobody's data changed: nothing but the events.
        drop(key);
        if !existed {
            context.keys.notify_event(class::NEW, "new", name.name());
        }
        EVENTS.iter().for_each(|event| context.keys.notify_event(class::HASH, event, name.name()));
        if !existed {
            context.keys.notify_event(class::GENERIC, "del", name.name());
        }
    }
    context.keys.count_expired_fields(name, pairs.len());
    context.reply.integer(1);
    Ok(())
}
