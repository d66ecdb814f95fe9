//! CLUSTER REPLICAS, and its older name CLUSTER SLAVES: the lines of CLUSTER NODES for the replicas of a primary.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_REPLICAS: CommandSpec = CommandSpec {
    name: "replicas",
    arity: 3,
    flags: flag::ADMIN | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "node-id", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Lists the replicas of a primary",
        complexity: "O(N) where N is the number of replicas.",
        since: "5.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static CLUSTER_SLAVES: CommandSpec = CommandSpec {
    name: "slaves",
    arity: 3,
    flags: flag::ADMIN | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "node-id", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Lists the replicas of a primary",
        complexity: "O(N) where N is the number of replicas.",
        since: "3.0.0",
        group: "cluster",
        deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")),
        flags: &["deprecated"],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load_full();
    let node = super::find_node(&topology, args[2])?;
    let shard = topology.shard(&node.shard).expect("every node belongs to a shard");
    if shard.primary != node.id {
        return Err(CmdError::err("The specified node is not a master"));
    }
    let (sightings, tls) = (cluster.control.sightings(), super::wants_tls(context));
    let lines: Vec<_> = topology.replicas(shard).map(|replica| topology.node_line(&cluster.me, replica, &sightings, tls)).collect();
    context.reply.array(lines.len());
    lines.iter().for_each(|line| context.reply.bulk(line.as_bytes()));
    Ok(())
}
