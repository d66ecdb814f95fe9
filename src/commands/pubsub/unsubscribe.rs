//! UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE: stops listening; to everything of the kind without arguments.

use super::engine::{self, Kind};
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static UNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "unsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::PUBSUB | acl::SLOW,
    keys: &[],
    args: &[Arg { name: "channel", optional: true, multiple: true, ..ARG }],
    run: Run::Conn(channels),
    subcommands: &[],
    docs: Docs {
        summary: "Stops listening to channels",
        complexity: "O(N) where N is the number of channels to unsubscribe.",
        since: "2.0.0",
        group: "pubsub",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

pub(crate) static PUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "punsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::PUBSUB | acl::SLOW,
    keys: &[],
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, multiple: true, ..ARG }],
    run: Run::Conn(patterns),
    subcommands: &[],
    docs: Docs {
        summary: "Stops listening to patterns",
        complexity: "O(N) where N is the number of patterns to unsubscribe.",
        since: "2.0.0",
        group: "pubsub",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

pub(crate) static SUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "sunsubscribe",
    arity: -1,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    keys: &[KeySpec {
        flags: key_flag::NOT_KEY,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: -1, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "shardchannel", optional: true, multiple: true, ..ARG }],
    run: Run::Conn(shards),
    subcommands: &[],
    docs: Docs {
        summary: "Stops listening to shard channels",
        complexity: "O(N) where N is the number of shard channels to unsubscribe.",
        since: "7.0.0",
        group: "pubsub",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn channels(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, Kind::Channel, &args[1..]);
    Ok(())
}

fn patterns(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, Kind::Pattern, &args[1..]);
    Ok(())
}

fn shards(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    engine::unsubscribe(context, Kind::Shard, &args[1..]);
    Ok(())
}
