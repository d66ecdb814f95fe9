//! CLUSTER MYID: this node's id.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_MYID: CommandSpec = CommandSpec {
    name: "myid",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the id of this node", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let id = context.cluster()?.me;
    context.reply.bulk(id.to_string().as_bytes());
    Ok(())
}
