//! QUIT: closes the connection once it has its replies.

use crate::clients::session::Close;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static QUIT: CommandSpec = CommandSpec {
    name: "quit",
    arity: -1,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Closes the connection",
        complexity: "O(1)",
        since: "1.0.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.ok();
    context.session.close = Close::AfterReply;
    Ok(())
}
