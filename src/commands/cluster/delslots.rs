//! CLUSTER DELSLOTS: this node gives slots up. All or none. Where a slot belongs to another node nothing happens: in Valkey the
//! command changes the opinion of one node only, and the owner's claim wins again in the end.
//!
//! With `cluster-autopilot` slots that nobody owns are spread again once no slot at all has an owner: who gives up all of them in a
//! cluster gets them back at once.

use super::slot_arguments::{parse_slots, propose};
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_DELSLOTS: CommandSpec = CommandSpec {
    name: "delslots",
    arity: -3,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "slot", kind: ArgKind::Integer, multiple: true, ..ARG }],
    place: Place::Async,
    run: Run::Async(exec, None),
    docs: Docs {
        summary: "Makes this node give slots up",
        complexity: "O(N) where N is the total number of hash slot arguments",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        let ranges = parse_slots(&args[2..])?;
        propose(context, Command::UnassignSlots { node, ranges }).await?;
        context.reply.ok();
        Ok(())
    })
}
