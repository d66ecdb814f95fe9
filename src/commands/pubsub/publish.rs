//! PUBLISH and SPUBLISH: sends a message to whoever listens, and answers how many do on this node.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static PUBLISH: CommandSpec = CommandSpec {
    name: "publish",
    arity: 3,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE | flag::SENTINEL,
    acl: acl::FAST | acl::PUBSUB,
    args: &[Arg { name: "channel", ..ARG }, Arg { name: "message", ..ARG }],
    run: Run::Data(publish),
    docs: Docs {
        summary: "Sends a message to a channel",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
        since: "2.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SPUBLISH: CommandSpec = CommandSpec {
    name: "spublish",
    arity: 3,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE,
    acl: acl::FAST | acl::PUBSUB,
    keys: &[KeySpec::one(1, key_flag::NOT_KEY)],
    args: &[Arg { name: "shardchannel", ..ARG }, Arg { name: "message", ..ARG }],
    run: Run::Data(shard_publish),
    docs: Docs {
        summary: "Sends a message to a shard channel",
        complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        since: "7.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

/// Has replicas hear of a message as well.
fn tell_replicas(context: &mut Context<'_>, name: &[u8], args: &Args<'_>) {
    if context.shared.replication.count() > 0 && !context.caller.applies_log {
        context.keys.log_message(&[name, args[1], args[2]]);
    }
}

fn publish(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    tell_replicas(context, b"PUBLISH", args);
    let offset = context.keys.required_offset;
    let changes = context.keys.changes();
    let receivers = context.shared.pubsub.publish(args[1], args[2], offset, &mut |waker| changes.wake_later(waker));
    context.reply.integer(receivers as i64);
    Ok(())
}

fn shard_publish(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    tell_replicas(context, b"SPUBLISH", args);
    let offset = context.keys.required_offset;
    let changes = context.keys.changes();
    let receivers = context.shared.pubsub.shard_publish(args[1], args[2], offset, &mut |waker| changes.wake_later(waker));
    context.reply.integer(receivers as i64);
    Ok(())
}
