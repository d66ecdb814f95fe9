//! CLIENT GETREDIR: which client gets the invalidations. Tracking is not there yet: -1, as for a client that does not track.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLIENT_GETREDIR: CommandSpec = CommandSpec {
    name: "getredir",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the client that invalidations are sent to",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(-1);
    Ok(())
}
