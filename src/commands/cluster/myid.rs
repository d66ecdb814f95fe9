//! CLUSTER MYID and MYSHARDID: the ids of this node and of its shard.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    docs: Docs { complexity: "O(1)", group: "cluster", ..DOCS },
    ..SPEC
};

pub(crate) static CLUSTER_MYID: CommandSpec = CommandSpec {
    name: "myid",
    run: Run::Data(node),
    docs: Docs { summary: "Returns the id of this node", since: "3.0.0", ..BASE.docs },
    ..BASE
};

pub(crate) static CLUSTER_MYSHARDID: CommandSpec = CommandSpec {
    name: "myshardid",
    run: Run::Data(shard),
    docs: Docs { summary: "Returns the id of the shard of this node", since: "7.2.0", tips: &["nondeterministic_output"], ..BASE.docs },
    ..BASE
};

fn node(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let id = context.cluster()?.me;
    context.reply.bulk(id.to_string().as_bytes());
    Ok(())
}

fn shard(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load();
    let shard = topology.shard_of(&cluster.me).expect("the map contains this node").id;
    context.reply.bulk(shard.to_string().as_bytes());
    Ok(())
}
