//! ASKING: the next command may use a slot that this node is importing.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static ASKING: CommandSpec = CommandSpec {
    name: "asking",
    arity: 1,
    flags: flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Announces that the next command follows an ASK redirection",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.cluster()?;
    context.caller.asking = true;
    context.reply.ok();
    Ok(())
}
