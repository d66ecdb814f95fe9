//! PUBLISH and SPUBLISH: sends a message to whoever listens, and answers how many do on this node.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static PUBLISH: CommandSpec = CommandSpec {
    name: "publish",
    arity: 3,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE | flag::SENTINEL,
    acl: acl::FAST | acl::PUBSUB,
    keys: &[],
    args: &[Arg { name: "channel", ..ARG }, Arg { name: "message", ..ARG }],
    run: Run::Conn(publish),
    subcommands: &[],
    docs: Docs {
        summary: "Sends a message to a channel",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
        since: "2.0.0",
        group: "pubsub",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

pub(crate) static SPUBLISH: CommandSpec = CommandSpec {
    name: "spublish",
    arity: 3,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE,
    acl: acl::FAST | acl::PUBSUB,
    keys: &[KeySpec {
        flags: key_flag::NOT_KEY,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "shardchannel", ..ARG }, Arg { name: "message", ..ARG }],
    run: Run::Conn(shard_publish),
    subcommands: &[],
    docs: Docs {
        summary: "Sends a message to a shard channel",
        complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        since: "7.0.0",
        group: "pubsub",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn publish(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.pubsub.publish(args[1], args[2]) as i64);
    Ok(())
}

fn shard_publish(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.pubsub.shard_publish(args[1], args[2]) as i64);
    Ok(())
}
