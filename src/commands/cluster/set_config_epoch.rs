//! CLUSTER SET-CONFIG-EPOCH: gives a node that is alone, and has none, its config epoch.

use super::slot_arguments::propose;
use crate::engine::cluster_access::cluster;
use crate::engine::context::{Args, Context, ControlFuture, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_SET_CONFIG_EPOCH: CommandSpec = CommandSpec {
    name: "set-config-epoch",
    arity: 3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "config-epoch", kind: ArgKind::Integer, ..ARG }],
    run: Run::Control(exec),
    docs: Docs { summary: "Sets the config epoch of a new node", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, args: &'c Args<'_>) -> ControlFuture<'c> {
    Box::pin(async move {
        let node = cluster(context)?.me;
        let epoch = integer(args[2])?;
        let epoch = u64::try_from(epoch).map_err(|_| CmdError::err(format!("Invalid config epoch specified: {epoch}")))?;
        propose(context, Command::SetConfigEpoch { node, epoch }).await?;
        context.reply.ok();
        Ok(())
    })
}
