//! CLIENT GETREDIR: which client gets the invalidations. Tracking is not there yet: -1, as for a client that does not track.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_GETREDIR: CommandSpec = CommandSpec {
    name: "getredir",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the client that invalidations are sent to",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(-1);
    Ok(())
}
