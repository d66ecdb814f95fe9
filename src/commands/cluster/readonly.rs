//! READONLY: reads of slots that this node replicates are answered here.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static READONLY: CommandSpec = CommandSpec {
    name: "readonly",
    arity: 1,
    flags: flag::FAST | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Lets replicas answer the reads of this connection",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.caller.set_readonly(true);
    context.reply.ok();
    Ok(())
}
