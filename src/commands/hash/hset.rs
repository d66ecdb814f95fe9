//! HSET and HMSET, which differ in their replies, and HSETNX: fields with values.

use super::shared::limits;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::Hash;

pub(crate) static HSET: CommandSpec = CommandSpec {
    name: "hset",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "data", kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]), multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, false)),
    docs: Docs {
        summary: "Sets fields of a hash, which is made if it is not there",
        complexity: "O(1) for each field",
        since: "2.0.0",
        group: "hash",
        history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HMSET: CommandSpec = CommandSpec {
    name: "hmset",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "data", kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]), multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, true)),
    docs: Docs {
        summary: "Sets fields of a hash, which is made if it is not there (old form of HSET)",
        complexity: "O(1) for each field",
        since: "2.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HSETNX: CommandSpec = CommandSpec {
    name: "hsetnx",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec_if_absent),
    docs: Docs { summary: "Sets a field of a hash unless it is there", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, is_hmset: bool) -> CmdResult {
    if args.len() % 2 == 1 {
        return Err(CmdError::arity(if is_hmset { "hmset" } else { "hset" }));
    }
    let (limits, hasher) = (limits(context), context.keys.keyspace().hasher());
    let fields = (args.len() - 2) / 2;
    let mut key = context.keys.open(args.key(0)?);
    let added = key.change(|hash: &mut Hash| {
        hash.grow_for(fields, limits, hasher);
        args[2..].chunks_exact(2).filter(|pair| hash.set(pair[0], pair[1], limits, hasher)).count()
    })?;
    key.further_event(class::HASH, "hset");
    key.count_changes(fields as u64);
    if is_hmset {
        context.reply.ok()
    } else {
        context.reply.integer(added as i64)
    }
    Ok(())
}

fn exec_if_absent(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (limits, hasher) = (limits(context), context.keys.keyspace().hasher());
    let mut key = context.keys.open(args.key(0)?);
    let is_there = key.collection::<Hash>()?.is_some_and(|hash| hash.get(args[2], hasher).is_some());
    if !is_there {
        key.change(|hash: &mut Hash| hash.set(args[2], args[3], limits, hasher))?;
        key.change_event(class::HASH, "hset");
    }
    context.reply.integer(i64::from(!is_there));
    Ok(())
}
