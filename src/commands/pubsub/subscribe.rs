//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE: listens to channels, patterns, shard channels.

use super::engine::{self, Kind};
use crate::base::limits::CHANNEL_PATTERN_LEN_MAX;
use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context, check_pattern};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static SUBSCRIBE: CommandSpec = CommandSpec {
    name: "subscribe",
    arity: -2,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "channel", multiple: true, ..ARG }],
    run: Run::Session(channels),
    docs: Docs {
        summary: "Listens to channels",
        complexity: "O(N) where N is the number of channels to subscribe to.",
        since: "2.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static PSUBSCRIBE: CommandSpec = CommandSpec {
    name: "psubscribe",
    arity: -2,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, multiple: true, ..ARG }],
    run: Run::Session(patterns),
    docs: Docs {
        summary: "Listens to channels whose names match patterns",
        complexity: "O(N) where N is the number of patterns to subscribe to.",
        since: "2.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SSUBSCRIBE: CommandSpec = CommandSpec {
    name: "ssubscribe",
    arity: -2,
    flags: flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::IN_SUBSCRIBER,
    acl: acl::PUBSUB | acl::SLOW,
    keys: &[KeySpec::range(1, -1, 1, key_flag::NOT_KEY)],
    args: &[Arg { name: "shardchannel", multiple: true, ..ARG }],
    run: Run::Session(shards),
    docs: Docs {
        summary: "Listens to shard channels",
        complexity: "O(N) where N is the number of shard channels to subscribe to.",
        since: "7.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

fn channels(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    engine::subscribe(context, session, Kind::Channel, &args[1..]);
    Ok(())
}

fn patterns(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    args[1..].iter().try_for_each(|pattern| check_pattern(pattern, CHANNEL_PATTERN_LEN_MAX).map(|_| ()))?;
    engine::subscribe(context, session, Kind::Pattern, &args[1..]);
    Ok(())
}

fn shards(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    // A transaction wants one reply per command. The other two are older than that rule.
    if context.caller.in_exec {
        return Err(CmdError::coded("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    engine::subscribe(context, session, Kind::Shard, &args[1..]);
    Ok(())
}
