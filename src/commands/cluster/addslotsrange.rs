//! CLUSTER ADDSLOTSRANGE: ADDSLOTS with ranges.

use super::slot_arguments::{parse_ranges, propose};
use crate::engine::cluster_access::cluster;
use crate::engine::context::{Args, Context, ControlFuture};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::topology::Command;

pub(crate) static CLUSTER_ADDSLOTSRANGE: CommandSpec = CommandSpec {
    name: "addslotsrange",
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
    run: Run::Control(exec),
    docs: Docs {
        summary: "Gives ranges of slots that nobody owns to this node",
        complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
        since: "7.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, args: &'c Args<'_>) -> ControlFuture<'c> {
    Box::pin(async move {
        let node = cluster(context)?.me;
        if args.len() % 2 == 1 {
            return Err(CmdError::arity("cluster|addslotsrange"));
        }
        let ranges = parse_ranges(&args[2..])?;
        propose(context, Command::AssignSlots { node, ranges }).await?;
        context.reply.ok();
        Ok(())
    })
}
