//! CLIENT ID: the connection's number, which no other one ever has.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_ID: CommandSpec = CommandSpec {
    name: "id",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the connection's number", complexity: "O(1)", since: "5.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.caller.client.id as i64);
    Ok(())
}
