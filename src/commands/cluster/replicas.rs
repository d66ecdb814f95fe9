//! CLUSTER REPLICAS, and its older name CLUSTER SLAVES: the lines of CLUSTER NODES for the replicas of a primary.

use super::find_node::find_node;
use crate::engine::cluster_access::client_view;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    arity: 3,
    flags: flag::ADMIN | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "node-id", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Lists the replicas of a primary",
        complexity: "O(N) where N is the number of replicas.",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static CLUSTER_REPLICAS: CommandSpec = CommandSpec { name: "replicas", docs: Docs { since: "5.0.0", ..BASE.docs }, ..BASE };

pub(crate) static CLUSTER_SLAVES: CommandSpec = CommandSpec {
    name: "slaves",
    docs: Docs { since: "3.0.0", deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")), flags: &["deprecated"], ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load_full();
    let node = find_node(&topology, args[2])?;
    let shard = topology.shard(&node.shard).expect("every node belongs to a shard");
    if shard.primary != node.id {
        return Err(CmdError::err("The specified node is not a master"));
    }
    let (sightings, view) = (cluster.control.sightings(), client_view(context.caller));
    let lines: Vec<_> = topology.replicas(shard).map(|replica| topology.node_line(&cluster.me, replica, &sightings, view)).collect();
    context.reply.array(lines.len());
    lines.iter().for_each(|line| context.reply.bulk(line.as_bytes()));
    Ok(())
}
