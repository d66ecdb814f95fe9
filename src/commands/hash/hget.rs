//! HGET, HMGET, HSTRLEN, HEXISTS: what single fields hold.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::reply_item::reply_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::value::hash::Hash;
use crate::keyspace::value::hash::HashView;

pub(crate) static HGET: CommandSpec = CommandSpec {
    name: "hget",
    arity: 3,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the value of a field", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

pub(crate) static HMGET: CommandSpec = CommandSpec {
    name: "hmget",
    arity: -3,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec_many),
    docs: Docs {
        summary: "Returns the values of fields",
        complexity: "O(N) where N is the number of fields asked for",
        since: "2.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HSTRLEN: CommandSpec = CommandSpec {
    name: "hstrlen",
    arity: 3,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec_strlen),
    docs: Docs { summary: "Returns the length of a value", complexity: "O(1)", since: "3.2.0", group: "hash", ..DOCS },
    ..SPEC
};

pub(crate) static HEXISTS: CommandSpec = CommandSpec {
    name: "hexists",
    arity: 3,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec_exists),
    docs: Docs { summary: "Tells whether a field is there", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

/// Calls `with` with the hash under a key, or nothing.
fn with_hash<'c, R>(
    context: &mut Context<'c>,
    key: Key<'_>,
    with: impl FnOnce(&mut larder_proto::resp::ReplyBuf, Option<HashView<'_>>) -> R,
) -> Result<R, CmdError> {
    let hash = context.keys.read(key).map(collection::of::<Hash>).transpose()?;
    Ok(with(context.reply, hash))
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    with_hash(context, args.key(0)?, |reply, hash| match hash.and_then(|hash| hash.get(args[2], hasher)) {
        Some(value) => reply_item(reply, value),
        None => reply.null(),
    })
}

fn exec_many(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    with_hash(context, args.key(0)?, |reply, hash| {
        reply.array(args.len() - 2);
        for field in &args[2..] {
            match hash.and_then(|hash| hash.get(field, hasher)) {
                Some(value) => reply_item(reply, value),
                None => reply.null(),
            }
        }
    })
}

fn exec_strlen(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    with_hash(context, args.key(0)?, |reply, hash| {
        reply.integer(hash.and_then(|hash| hash.get(args[2], hasher)).map_or(0, |value| value.text_len() as i64));
    })
}

fn exec_exists(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    with_hash(context, args.key(0)?, |reply, hash| {
        reply.integer(i64::from(hash.is_some_and(|hash| hash.get(args[2], hasher).is_some())));
    })
}
