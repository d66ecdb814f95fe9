//! CLUSTER MYSHARDID: the id of this node's shard.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_MYSHARDID: CommandSpec = CommandSpec {
    name: "myshardid",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the id of the shard of this node",
        complexity: "O(1)",
        since: "7.2.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load();
    let shard = topology.shard_of(&cluster.me).expect("the map contains this node").id;
    context.reply.bulk(shard.to_string().as_bytes());
    Ok(())
}
