//! CLUSTER DELSLOTS and DELSLOTSRANGE: this node gives slots up. All or none. Where a slot belongs to another node nothing happens: in
//! Valkey the command changes the opinion of one node only, and the owner's claim wins again in the end.
//!
//! With `cluster-autopilot` slots that nobody owns are spread again once no slot at all has an owner: who gives up all of them in a
//! cluster gets them back at once.

use super::in_transaction;
use super::slot_arguments::{RANGES, SLOTS, parse_ranges, parse_slots, propose};
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::Command;

const BASE: CommandSpec = CommandSpec {
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    place: Place::Async,
    docs: Docs { group: "cluster", ..DOCS },
    ..SPEC
};

pub(crate) static CLUSTER_DELSLOTS: CommandSpec = CommandSpec {
    name: "delslots",
    arity: -3,
    args: &[SLOTS],
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs {
        summary: "Makes this node give slots up",
        complexity: "O(N) where N is the total number of hash slot arguments",
        since: "3.0.0",
        ..BASE.docs
    },
    ..BASE
};

pub(crate) static CLUSTER_DELSLOTSRANGE: CommandSpec = CommandSpec {
    name: "delslotsrange",
    arity: -4,
    args: &[RANGES],
    run: Run::Async(exec_ranges, Some(in_transaction::refuse)),
    docs: Docs {
        summary: "Makes this node give ranges of slots up",
        complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
        since: "7.0.0",
        ..BASE.docs
    },
    ..BASE
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

fn exec_ranges<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        let ranges = parse_ranges(context, &args[2..])?;
        propose(context, Command::UnassignSlots { node, ranges }).await?;
        context.reply.ok();
        Ok(())
    })
}
