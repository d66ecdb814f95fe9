//! CLUSTER BUMPEPOCH: gives this node's shard the highest config epoch, unless it has it.

use super::slot_arguments::propose;
use crate::engine::cluster_access::cluster;
use crate::engine::context::{Args, Context, ControlFuture};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::topology::{Command, Reply};

pub(crate) static CLUSTER_BUMPEPOCH: CommandSpec = CommandSpec {
    name: "bumpepoch",
    arity: 2,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Control(exec),
    docs: Docs {
        summary: "Gives this node the highest config epoch",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c Args<'_>) -> ControlFuture<'c> {
    Box::pin(async move {
        let node = cluster(context)?.me;
        match propose(context, Command::BumpEpoch { node }).await? {
            Reply::Epoch { epoch, bumped } => {
                context.reply.simple(&format!("{} {epoch}", if bumped { "BUMPED" } else { "STILL" }));
            }
            Reply::Done => context.reply.ok(),
        }
        Ok(())
    })
}
