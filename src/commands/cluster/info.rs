//! CLUSTER INFO: the state of the cluster as this node sees it.

use super::control_plane::cluster;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLUSTER_INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the state of the cluster as this node sees it",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["nondeterministic_output"],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = cluster(context)?;
    let text = cluster.topology.load().info_text(&cluster.me, &cluster.control.counters());
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
