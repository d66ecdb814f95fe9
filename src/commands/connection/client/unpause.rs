//! CLIENT UNPAUSE: ends a pause early.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_UNPAUSE: CommandSpec = CommandSpec {
    name: "unpause",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Ends a pause",
        complexity: "O(N) Where N is the number of paused clients",
        since: "6.2.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.shared.keyspace.settings.freeze(false);
    context.shared.pause.end();
    context.shared.gate.advance();
    context.reply.ok();
    Ok(())
}
