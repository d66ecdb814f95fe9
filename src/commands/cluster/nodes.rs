//! CLUSTER NODES: a line per node, in the format of Valkey's configuration file.

use crate::engine::cluster_access::client_view;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_NODES: CommandSpec = CommandSpec {
    name: "nodes",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the nodes of the cluster",
        complexity: "O(N) where N is the total number of Cluster nodes",
        since: "3.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let text = cluster.topology.load().nodes_text(&cluster.me, &cluster.control.sightings(), client_view(context.caller));
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
