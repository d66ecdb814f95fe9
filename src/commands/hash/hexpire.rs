//! HEXPIRE, HPEXPIRE, HEXPIREAT and HPEXPIREAT: set when fields expire, in seconds or milliseconds, from now or as unix time. A point that
//! has passed takes the fields out at once.

use super::{fields, options};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::expire_conditions::{CONDITION_ARG, Conditions};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{ExpiryChange, Hash};

/// As Valkey documents it for all but HPEXPIRE.
const CONDITION: Arg = Arg { since: "9.0.0", ..CONDITION_ARG };

pub(crate) static HEXPIRE: CommandSpec = CommandSpec {
    name: "hexpire",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "seconds", kind: ArgKind::Integer, ..ARG },
        CONDITION_ARG,
        Arg {
            name: "fields",
            kind: ArgKind::Block(&[Arg { name: "numfields", kind: ArgKind::Integer, ..ARG }, Arg { name: "field", multiple: true, ..ARG }]),
            token: "FIELDS",
            ..ARG
        },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, true, true)),
    docs: Docs {
        summary: "Sets after how many seconds fields of a hash expire",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HEXPIREAT: CommandSpec = CommandSpec {
    name: "hexpireat",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "unix-time-seconds", kind: ArgKind::Integer, ..ARG },
        CONDITION,
        fields::FIELDS,
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, false, true)),
    docs: Docs {
        summary: "Sets the unix time in seconds at which fields of a hash expire",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HPEXPIRE: CommandSpec = CommandSpec {
    name: "hpexpire",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "milliseconds", kind: ArgKind::Integer, ..ARG },
        CONDITION,
        fields::FIELDS,
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, true, false)),
    docs: Docs {
        summary: "Sets after how many milliseconds fields of a hash expire",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HPEXPIREAT: CommandSpec = CommandSpec {
    name: "hpexpireat",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "unix-time-milliseconds", kind: ArgKind::Integer, ..ARG },
        CONDITION,
        fields::FIELDS,
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, false, false)),
    docs: Docs {
        summary: "Sets the unix time in milliseconds at which fields of a hash expire",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, is_relative: bool, in_seconds: bool) -> CmdResult {
    let (before, behind) = fields::split(args, 3)?;
    let conditions = Conditions::parse(&before[3..])?;
    let names = fields::numbered(behind, 1, fields::wrong_number)?;
    let base_ms = if is_relative { context.now_ms } else { 0 };
    let at_ms = options::point_ms(context, args[2], in_seconds, base_ms)?;
    let (access, is_past) = (context.keys.field_access(), context.is_past(at_ms));
    let mut key = context.keys.open(args.key(0)?);
    let mut results = Vec::with_capacity(names.len());
    let (mut set, mut expired) = (0, 0);
    key.change_if(|hash: &mut Hash| {
        for field in names {
            let result = hash.set_expiry(field, Some(at_ms), is_past, access, |old_ms| conditions.allow(old_ms, at_ms));
            set += usize::from(result == ExpiryChange::Done);
            expired += usize::from(result == ExpiryChange::Expired);
            results.push(result);
        }
        ((), set + expired > 0)
    })?;
    if set + expired > 0 {
        key.change_event(class::HASH, if expired > 0 { "hexpired" } else { "hexpire" });
        key.count_changes((set + expired) as u64 - 1);
    }
    drop(key);
    context.keys.count_expired_fields(args.key(0)?, expired);
    if set + expired > 0 && context.keys.is_logging() {
        let changed = fields::changed(names, &results, |result| matches!(result, ExpiryChange::Done | ExpiryChange::Expired));
        if is_past {
            fields::log_removed(&mut context.keys, args.key(0)?, &changed);
        } else {
            fields::log_expiry(&mut context.keys, args.key(0)?, Some(at_ms), &changed);
        }
    }
    context.reply.array(results.len());
    for result in results {
        context.reply.integer(match result {
            ExpiryChange::NoField => -2,
            ExpiryChange::Refused => 0,
            ExpiryChange::Done => 1,
            ExpiryChange::Expired => 2,
        });
    }
    Ok(())
}
