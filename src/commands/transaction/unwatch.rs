//! UNWATCH: forgets all watched keys.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static UNWATCH: CommandSpec = CommandSpec {
    name: "unwatch",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
    acl: acl::FAST | acl::TRANSACTION,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Forgets the watched keys",
        complexity: "O(1)",
        since: "2.2.0",
        group: "transactions",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    super::unwatch(context);
    context.reply.ok();
    Ok(())
}
