//! CLUSTER INFO: the state of the cluster as this node sees it.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the state of the cluster as this node sees it",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let text = cluster.topology.load().info_text(&cluster.me, &cluster.control.counters());
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
