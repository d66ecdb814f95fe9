//! READONLY: reads of slots that this node replicates are answered here.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static READONLY: CommandSpec = CommandSpec {
    name: "readonly",
    arity: 1,
    flags: flag::FAST | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Lets replicas answer the reads of this connection",
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
    context.session.set_readonly(true);
    context.reply.ok();
    Ok(())
}
