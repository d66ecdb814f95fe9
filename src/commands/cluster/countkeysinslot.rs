//! CLUSTER COUNTKEYSINSLOT: how many keys this node has in a slot, in the selected database.

use super::own_keys::with_slot;
use crate::base::slot::SLOTS;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_COUNTKEYSINSLOT: CommandSpec = CommandSpec {
    name: "countkeysinslot",
    arity: 3,
    flags: flag::STALE,
    acl: acl::SLOW,
    args: &[Arg { name: "slot", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns how many keys of a slot this node has", complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.cluster()?;
    let slot = integer(args[2])?;
    let slot = u16::try_from(slot).ok().filter(|slot| *slot < SLOTS).ok_or(CmdError::coded("ERR Invalid slot"))?;
    let count = with_slot(context, slot, |keys| keys.map_or(0, |keys| keys.table.len()));
    context.reply.integer(count as i64);
    Ok(())
}
