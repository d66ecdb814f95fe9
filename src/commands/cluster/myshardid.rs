//! CLUSTER MYSHARDID: the id of this node's shard.

use super::control_plane::cluster;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLUSTER_MYSHARDID: CommandSpec = CommandSpec {
    name: "myshardid",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the id of the shard of this node",
        complexity: "O(1)",
        since: "7.2.0",
        group: "cluster",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["nondeterministic_output"],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = cluster(context)?;
    let topology = cluster.topology.load();
    let shard = topology.shard_of(&cluster.me).expect("the map contains this node").id;
    context.reply.bulk(shard.to_string().as_bytes());
    Ok(())
}
