//! CLUSTER MYID: this node's id.

use super::control_plane::cluster;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLUSTER_MYID: CommandSpec = CommandSpec {
    name: "myid",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the id of this node",
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
    let id = cluster(context)?.me;
    context.reply.bulk(id.to_string().as_bytes());
    Ok(())
}
