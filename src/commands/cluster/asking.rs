//! ASKING: the next command may use a slot that this node is importing.

use super::control_plane::cluster;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static ASKING: CommandSpec = CommandSpec {
    name: "asking",
    arity: 1,
    flags: flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Announces that the next command follows an ASK redirection",
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
    cluster(context)?;
    context.session.asking = true;
    context.reply.ok();
    Ok(())
}
