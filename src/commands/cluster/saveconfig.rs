//! CLUSTER SAVECONFIG: nothing is left to save. What this node knows of the cluster is on disk before it counts.

use super::control_plane::cluster;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLUSTER_SAVECONFIG: CommandSpec = CommandSpec {
    name: "saveconfig",
    arity: 2,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Makes sure that the cluster configuration is on disk",
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
    context.reply.ok();
    Ok(())
}
