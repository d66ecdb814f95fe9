//! HGETALL, HKEYS, HVALS: all fields, all values, or both.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::reply_item::reply_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::hash::Hash;

pub(crate) static HGETALL: CommandSpec = CommandSpec {
    name: "hgetall",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, true, true)),
    docs: Docs {
        summary: "Returns all fields with their values",
        complexity: "O(N) where N is the size of the hash",
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
    run: Run::Data(|context, args| exec(context, args, true, false)),
    docs: Docs {
        summary: "Returns all fields",
        complexity: "O(N) where N is the size of the hash",
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
    run: Run::Data(|context, args| exec(context, args, false, true)),
    docs: Docs {
        summary: "Returns all values",
        complexity: "O(N) where N is the size of the hash",
        since: "2.0.0",
        group: "hash",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, fields: bool, values: bool) -> CmdResult {
    let hash = context.keys.read(args.key(0)?).map(collection::of::<Hash>).transpose()?;
    let len = hash.map_or(0, |hash| hash.len());
    let reply = &mut *context.reply;
    if fields && values {
        reply.map(len)
    } else {
        reply.array(len)
    }
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            if fields {
                reply_item(reply, field);
            }
            if values {
                reply_item(reply, value);
            }
        });
    }
    Ok(())
}
