//! CLUSTER SET-CONFIG-EPOCH: gives a node that is alone, and has none, its config epoch.

use super::in_transaction;
use super::slot_arguments::propose;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_SET_CONFIG_EPOCH: CommandSpec = CommandSpec {
    name: "set-config-epoch",
    arity: 3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "config-epoch", kind: ArgKind::Integer, ..ARG }],
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs { summary: "Sets the config epoch of a new node", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        let epoch = integer(args[2])?;
        let epoch = u64::try_from(epoch).map_err(|_| CmdError::err(format!("Invalid config epoch specified: {epoch}")))?;
        propose(context, Command::SetConfigEpoch { node, epoch }).await?;
        context.reply.ok();
        Ok(())
    })
}
