//! CLUSTER SET-CONFIG-EPOCH: gives a node that is alone, and has none, its config epoch.

use super::control_plane::cluster;
use super::slot_arguments::propose;
use crate::commands::context::{Args, Context, ControlFuture, integer};
use crate::commands::error::CmdError;
use crate::commands::spec::{ARG, Arg, ArgKind, CommandSpec, Docs, Run, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_SET_CONFIG_EPOCH: CommandSpec = CommandSpec {
    name: "set-config-epoch",
    arity: 3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[Arg { name: "config-epoch", kind: ArgKind::Integer, ..ARG }],
    run: Run::Control(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Sets the config epoch of a new node",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
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
