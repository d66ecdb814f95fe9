//! HGETEX: the values of fields, and a new expiry for them. A point in time that has passed takes them out. Without options it is HMGET.

use super::fields;
use super::options::{Grammar, Lifetime, Options};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::item_or_null;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::{ExpiryChange, Hash};
use smallvec::SmallVec;

pub(crate) static HGETEX: CommandSpec = CommandSpec {
    name: "hgetex",
    arity: -5,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "expiration",
            kind: ArgKind::OneOf(&[
                Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", ..ARG },
                Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", ..ARG },
                Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", ..ARG },
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", ..ARG },
                Arg { name: "persist", kind: ArgKind::PureToken, token: "PERSIST", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        fields::FIELDS,
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the values of fields of a hash and sets or removes their expiry",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (before, behind) = fields::split(args, 0)?;
    let options = Options::parse(before.get(2..).unwrap_or_default(), Grammar::Get)?;
    let names = fields::numbered(behind, 1, fields::wrong_number)?;
    let access = context.keys.field_access();
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    if hash.is_none() || options.lifetime == Lifetime::Unsaid {
        let reply = &mut *context.reply;
        reply.array(names.len());
        names.iter().for_each(|field| item_or_null(reply, hash.and_then(|hash| hash.get(field, access))));
        // Valkey looks at the time even if there is nothing to expire.
        options.expiry_ms(context)?;
        return Ok(());
    }
    let at_ms = options.expiry_ms(context)?;
    let is_past = at_ms.is_some_and(|at_ms| context.is_past(at_ms));
    let reply = &mut *context.reply;
    let mut key = context.keys.open(args.key(0)?);
    reply.array(names.len());
    let changed = key.change_if(|hash: &mut Hash| {
        let mut changed: SmallVec<[&[u8]; 8]> = SmallVec::new();
        for field in names {
            item_or_null(reply, hash.view().get(field, access));
            let result = hash.set_expiry(field, at_ms, is_past, access, |old_ms| at_ms.is_some() || old_ms.is_some());
            if matches!(result, ExpiryChange::Done | ExpiryChange::Expired) {
                changed.push(field);
            }
        }
        let is_changed = !changed.is_empty();
        (changed, is_changed)
    })?;
    let changes = changed.len();
    if changes > 0 {
        let event = match at_ms {
            Some(_) if is_past => "hexpired",
            Some(_) => "hexpire",
            None => "hpersist",
        };
        key.change_event(class::HASH, event);
        key.count_changes(changes as u64 - 1);
    }
    drop(key);
    context.keys.count_expired_fields(args.key(0)?, if is_past { changes } else { 0 });
    if is_past && changes > 0 {
        fields::log_removed(&mut context.keys, args.key(0)?, &changed);
    } else if changes > 0 {
        fields::log_expiry(&mut context.keys, args.key(0)?, at_ms, &changed);
    }
    Ok(())
}
