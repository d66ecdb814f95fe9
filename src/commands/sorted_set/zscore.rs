//! ZSCORE and ZMSCORE: the scores of members.

use super::access;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static ZSCORE: CommandSpec = CommandSpec {
    name: "zscore",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(one),
    docs: Docs { summary: "Returns the score of a member", complexity: "O(1)", since: "1.2.0", group: "sorted-set", ..DOCS },
    ..SPEC
};

pub(crate) static ZMSCORE: CommandSpec = CommandSpec {
    name: "zmscore",
    arity: -3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(several),
    docs: Docs {
        summary: "Returns the scores of members, null for those that are not there",
        complexity: "O(N)",
        since: "6.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn one(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let score = access::read(&mut context.keys, args.key(0)?)?.and_then(|zset| zset.score(args[2], hasher));
    match score {
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}

fn several(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let zset = access::read(&mut context.keys, args.key(0)?)?;
    context.reply.array(args.len() - 2);
    for member in &args[2..] {
        match zset.and_then(|zset| zset.score(member, hasher)) {
            Some(score) => context.reply.double(score),
            None => context.reply.null(),
        }
    }
    Ok(())
}
