//! CLUSTER DELSLOTS: this node gives slots up. All or none. Where a slot belongs to another node nothing happens: in Valkey the
//! command changes the opinion of one node only, and the owner's claim wins again in the end.

use super::control_plane::cluster;
use super::slot_arguments::{parse_slots, propose};
use crate::commands::context::{Args, Context, ControlFuture};
use crate::commands::spec::{ARG, Arg, ArgKind, CommandSpec, Docs, Run, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_DELSLOTS: CommandSpec = CommandSpec {
    name: "delslots",
    arity: -3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[Arg { name: "slot", kind: ArgKind::Integer, multiple: true, ..ARG }],
    run: Run::Control(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Makes this node give slots up",
        complexity: "O(N) where N is the total number of hash slot arguments",
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
        let ranges = parse_slots(&args[2..])?;
        propose(context, Command::UnassignSlots { node, ranges }).await?;
        context.reply.ok();
        Ok(())
    })
}
