//! ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX: take the members within a range out.

use std::ops::Range;

use super::bounds::{self, LexRange, ScoreRange};
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::value::zset::{Zset, ZsetView};

pub(crate) static ZREMRANGEBYRANK: CommandSpec = CommandSpec {
    name: "zremrangebyrank",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "stop", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(by_rank),
    docs: Docs {
        summary: "Takes the members between two ranks out",
        complexity: "O(log(N)+M)",
        since: "2.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREMRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zremrangebyscore",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "min", kind: ArgKind::Double, ..ARG },
        Arg { name: "max", kind: ArgKind::Double, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(by_score),
    docs: Docs {
        summary: "Takes the members whose scores lie within a range out",
        complexity: "O(log(N)+M)",
        since: "1.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREMRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zremrangebylex",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "min", ..ARG }, Arg { name: "max", ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(by_member),
    docs: Docs {
        summary: "Takes the members between two out, where all scores are equal",
        complexity: "O(log(N)+M)",
        since: "2.8.9",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn by_rank(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (start, stop) = (integer(args[2])?, integer(args[3])?);
    remove(context, args, "zremrangebyrank", |zset| bounds::ranks(start, stop, zset.len()))
}

fn by_score(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let range = ScoreRange::parse(args[2], args[3])?;
    remove(context, args, "zremrangebyscore", |zset| range.ranks(zset))
}

fn by_member(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let range = LexRange::parse(args[2], args[3])?;
    remove(context, args, "zremrangebylex", |zset| range.ranks(zset))
}

fn remove(context: &mut Context<'_>, args: &Args<'_>, event: &'static str, ranks: impl Fn(ZsetView<'_>) -> Range<usize>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    let removed = key.change(|zset: &mut Zset| {
        let ranks = ranks(zset.view());
        zset.remove_ranks(ranks.clone(), hasher);
        ranks.len()
    })?;
    if removed == 0 {
        key.mark_unchanged();
    } else {
        key.change_event(class::ZSET, event);
        key.count_changes(removed as u64 - 1);
    }
    context.reply.integer(removed as i64);
    Ok(())
}
