//! CLUSTER BUMPEPOCH: gives this node's shard the highest config epoch, unless it has it.

use super::in_transaction;
use super::slot_arguments::propose;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::{Command, Reply};

pub(crate) static CLUSTER_BUMPEPOCH: CommandSpec = CommandSpec {
    name: "bumpepoch",
    arity: 2,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
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

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, _: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        match propose(context, Command::BumpEpoch { node }).await? {
            Reply::Epoch { epoch, bumped } => {
                context.reply.simple(&format!("{} {epoch}", if bumped { "BUMPED" } else { "STILL" }));
            }
            Reply::Done | Reply::Batch(_) => context.reply.ok(),
        }
        Ok(())
    })
}
