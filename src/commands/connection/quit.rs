//! QUIT: closes the connection once it has its replies.

use crate::clients::session::Close;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static QUIT: CommandSpec = CommandSpec {
    name: "quit",
    arity: -1,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Conn(exec),
    docs: Docs { summary: "Closes the connection", complexity: "O(1)", since: "1.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.ok();
    context.session.close = Close::AfterReply;
    Ok(())
}
