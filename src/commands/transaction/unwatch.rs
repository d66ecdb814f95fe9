//! UNWATCH: forgets all watched keys.

use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::engine::transaction;

pub(crate) static UNWATCH: CommandSpec = CommandSpec {
    name: "unwatch",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY,
    acl: acl::FAST | acl::TRANSACTION,
    run: Run::Session(exec),
    docs: Docs { summary: "Forgets the watched keys", complexity: "O(1)", since: "2.2.0", group: "transactions", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    transaction::unwatch(context, session);
    context.reply.ok();
    Ok(())
}
