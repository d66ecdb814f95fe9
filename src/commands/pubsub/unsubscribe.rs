//! UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE: stops listening; to everything of the kind without arguments.

use super::engine::{self, Kind};
use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static UNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "unsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "channel", optional: true, multiple: true, ..ARG }],
    run: Run::Session(channels),
    docs: Docs {
        summary: "Stops listening to channels",
        complexity: "O(N) where N is the number of channels to unsubscribe.",
        since: "2.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static PUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "punsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, multiple: true, ..ARG }],
    run: Run::Session(patterns),
    docs: Docs {
        summary: "Stops listening to patterns",
        complexity: "O(N) where N is the number of patterns to unsubscribe.",
        since: "2.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "sunsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    keys: &[KeySpec::range(1, -1, 1, key_flag::NOT_KEY)],
    args: &[Arg { name: "shardchannel", optional: true, multiple: true, ..ARG }],
    run: Run::Session(shards),
    docs: Docs {
        summary: "Stops listening to shard channels",
        complexity: "O(N) where N is the number of shard channels to unsubscribe.",
        since: "7.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

fn channels(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, session, Kind::Channel, &args[1..]);
    Ok(())
}

fn patterns(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, session, Kind::Pattern, &args[1..]);
    Ok(())
}

fn shards(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, session, Kind::Shard, &args[1..]);
    Ok(())
}
