//! CLUSTER SAVECONFIG: nothing is left to save. What this node knows of the cluster is on disk before it counts.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_SAVECONFIG: CommandSpec = CommandSpec {
    name: "saveconfig",
    arity: 2,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Makes sure that the cluster configuration is on disk",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.cluster()?;
    context.reply.ok();
    Ok(())
}
