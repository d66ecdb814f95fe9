//! PING: answers PONG or its argument. A subscriber in RESP2 gets it as an array, like everything else it is sent.

use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static PING: CommandSpec = CommandSpec {
    name: "ping",
    arity: -1,
    flags: flag::FAST | flag::SENTINEL | flag::IN_SUBSCRIBER | flag::TELLS_HEALTH,
    acl: acl::CONNECTION | acl::FAST,
    args: &[Arg { name: "message", optional: true, ..ARG }],
    run: Run::Session(exec),
    docs: Docs {
        summary: "Answers PONG, or the given message",
        complexity: "O(1)",
        since: "1.0.0",
        group: "connection",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    if args.len() > 2 {
        return Err(CmdError::arity("ping"));
    }
    if !session.subscriptions.is_empty() && !context.reply.is_resp3() {
        context.reply.array(2);
        context.reply.bulk(b"pong");
        context.reply.bulk(args.get(1).copied().unwrap_or_default());
        return Ok(());
    }
    match args.get(1) {
        Some(message) => context.reply.bulk(message),
        None => context.reply.simple("PONG"),
    }
    Ok(())
}
