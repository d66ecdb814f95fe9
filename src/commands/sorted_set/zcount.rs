//! ZCOUNT and ZLEXCOUNT: the number of members within a range.

use super::access;
use super::bounds::{LexRange, ScoreRange};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static ZCOUNT: CommandSpec = CommandSpec {
    name: "zcount",
    arity: 4,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "min", kind: ArgKind::Double, ..ARG },
        Arg { name: "max", kind: ArgKind::Double, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(by_score),
    docs: Docs {
        summary: "Returns the number of members whose scores lie within a range",
        complexity: "O(log(N))",
        since: "2.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZLEXCOUNT: CommandSpec = CommandSpec {
    name: "zlexcount",
    arity: 4,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "min", ..ARG }, Arg { name: "max", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(by_member),
    docs: Docs {
        summary: "Returns the number of members between two, where all scores are equal",
        complexity: "O(log(N))",
        since: "2.8.9",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn by_score(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let range = ScoreRange::parse(args[2], args[3])?;
    let count = access::read(&mut context.keys, args.key(0)?)?.map_or(0, |zset| range.ranks(zset).len());
    context.reply.integer(count as i64);
    Ok(())
}

fn by_member(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let range = LexRange::parse(args[2], args[3])?;
    let count = access::read(&mut context.keys, args.key(0)?)?.map_or(0, |zset| range.ranks(zset).len());
    context.reply.integer(count as i64);
    Ok(())
}
