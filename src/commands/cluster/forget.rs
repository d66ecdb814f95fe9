//! CLUSTER FORGET: removes a node from the cluster for good, with the slots that it owns.
//!
//! Differs from Valkey in that it holds for all nodes at once and for ever, not for one node and a minute. The removed node stays out
//! until it is told to meet the cluster again.

use super::find_node::find_node;
use super::in_transaction;
use super::slot_arguments::propose;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::{Command, NodeId};

pub(crate) static CLUSTER_FORGET: CommandSpec = CommandSpec {
    name: "forget",
    arity: 3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "node-id", ..ARG }],
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs { summary: "Removes a node from the cluster", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let cluster = context.cluster()?;
        let topology = cluster.topology.load_full();
        let named = std::str::from_utf8(args[2]).ok().and_then(|id| id.parse::<NodeId>().ok());
        // Scripts send FORGET to every node: the second one finds it done.
        if named.is_some_and(|id| topology.is_removed(&id)) {
            context.reply.ok();
            return Ok(());
        }
        let node = find_node(&topology, args[2])?.id;
        if node == cluster.me {
            return Err(CmdError::err("I tried hard but I can't forget myself..."));
        }
        if topology.shard_of(&cluster.me).is_some_and(|shard| shard.primary == node) {
            return Err(CmdError::err("Can't forget my master!"));
        }
        propose(context, Command::RemoveNode { node }).await?;
        context.reply.ok();
        Ok(())
    })
}
