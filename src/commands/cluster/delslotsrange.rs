//! CLUSTER DELSLOTSRANGE: DELSLOTS with ranges.
//!
//! With `cluster-autopilot` slots that nobody owns are spread again once no slot at all has an owner: who gives up all of them in a
//! cluster gets them back at once.

use super::slot_arguments::{parse_ranges, propose};
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_DELSLOTSRANGE: CommandSpec = CommandSpec {
    name: "delslotsrange",
    arity: -4,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "range",
        kind: ArgKind::Block(&[
            Arg { name: "start-slot", kind: ArgKind::Integer, ..ARG },
            Arg { name: "end-slot", kind: ArgKind::Integer, ..ARG },
        ]),
        multiple: true,
        ..ARG
    }],
    place: Place::Async,
    run: Run::Async(exec, None),
    docs: Docs {
        summary: "Makes this node give ranges of slots up",
        complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
        since: "7.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let node = context.cluster()?.me;
        if args.len() % 2 == 1 {
            return Err(CmdError::arity("cluster|delslotsrange"));
        }
        let ranges = parse_ranges(&args[2..])?;
        propose(context, Command::UnassignSlots { node, ranges }).await?;
        context.reply.ok();
        Ok(())
    })
}
