//! QUIT: closes the connection once it has its replies.

use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static QUIT: CommandSpec = CommandSpec {
    name: "quit",
    arity: -1,
    flags: flag::ALLOW_BUSY
        | flag::NOSCRIPT
        | flag::LOADING
        | flag::STALE
        | flag::FAST
        | flag::NO_AUTH
        | flag::NOT_QUEUED
        | flag::IN_SUBSCRIBER,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Session(exec),
    docs: Docs { summary: "Closes the connection", complexity: "O(1)", since: "1.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    context.reply.ok();
    session.close_after_reply(&context.caller.client);
    Ok(())
}
