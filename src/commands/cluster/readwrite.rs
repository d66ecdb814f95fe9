//! READWRITE: takes READONLY back.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static READWRITE: CommandSpec = CommandSpec {
    name: "readwrite",
    arity: 1,
    flags: flag::FAST | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Sends the reads of this connection to primaries again",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.session.set_readonly(false);
    context.reply.ok();
    Ok(())
}
