//! CLUSTER FLUSHSLOTS: this node gives all its slots up. Only while it has no keys, which would be lost otherwise.
//!
//! With `cluster-autopilot` slots that nobody owns are spread again once no slot at all has an owner: who gives up all of them in a
//! cluster gets them back at once.

use super::in_transaction;
use super::own_keys::has_keys;
use super::slot_arguments::propose;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_FLUSHSLOTS: CommandSpec = CommandSpec {
    name: "flushslots",
    arity: 2,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs { summary: "Makes this node give up all its slots", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, _: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        if has_keys(context.shared).await {
            return Err(CmdError::err("DB must be empty to perform CLUSTER FLUSHSLOTS."));
        }
        propose(context, Command::FlushSlots { node }).await?;
        context.reply.ok();
        Ok(())
    })
}
