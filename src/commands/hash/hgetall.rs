//! HGETALL, HKEYS and HVALS: all fields of a hash, all values, or both. Those of a table come in no particular order.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};

pub(crate) static HGETALL: CommandSpec = CommandSpec {
    name: "hgetall",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| exec(context, args, Part::Both)),
    docs: Docs {
        summary: "Returns all fields of a hash with their values",
        complexity: "O(N) where N is the size of the hash.",
        since: "2.0.0",
        group: "hash",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HKEYS: CommandSpec = CommandSpec {
    name: "hkeys",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| exec(context, args, Part::Field)),
    docs: Docs {
        summary: "Returns all fields of a hash",
        complexity: "O(N) where N is the size of the hash.",
        since: "2.0.0",
        group: "hash",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HVALS: CommandSpec = CommandSpec {
    name: "hvals",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| exec(context, args, Part::Value)),
    docs: Docs {
        summary: "Returns all values of a hash",
        complexity: "O(N) where N is the size of the hash.",
        since: "2.0.0",
        group: "hash",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

/// What of each field is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Both,
    Field,
    Value,
}

fn exec(context: &mut Context<'_>, args: &Args<'_>, part: Part) -> CmdResult {
    let liveness = context.keys.liveness();
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(hash) = hash else {
        if part == Part::Both {
            reply.map(0)
        } else {
            reply.array(0)
        }
        return Ok(());
    };
    // Where fields have expiries, nobody knows beforehand how many are left.
    let deferred = match (hash.has_expiring(), part) {
        (true, Part::Both) => Some(reply.deferred_map()),
        (true, _) => Some(reply.deferred_array()),
        (false, Part::Both) => {
            reply.map(hash.len());
            None
        }
        (false, _) => {
            reply.array(hash.len());
            None
        }
    };
    let mut count = 0;
    hash.for_each(liveness, |field, value| {
        count += 1;
        if part != Part::Value {
            bulk_item(reply, field);
        }
        if part != Part::Field {
            bulk_item(reply, value);
        }
    });
    if let Some(deferred) = deferred {
        reply.end_deferred(deferred, count);
    }
    Ok(())
}
