//! READWRITE: takes READONLY back.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static READWRITE: CommandSpec = CommandSpec {
    name: "readwrite",
    arity: 1,
    flags: flag::FAST | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sends the reads of this connection to primaries again",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.caller.set_readonly(false);
    context.reply.ok();
    Ok(())
}
