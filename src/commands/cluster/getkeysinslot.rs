//! CLUSTER GETKEYSINSLOT: some keys that this node has in a slot, in the selected database.

use crate::base::slot::SLOTS;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::names::Names;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::scan::{Pace, Walk};

pub(crate) static CLUSTER_GETKEYSINSLOT: CommandSpec = CommandSpec {
    name: "getkeysinslot",
    arity: 4,
    flags: flag::STALE,
    acl: acl::SLOW,
    args: &[Arg { name: "slot", kind: ArgKind::Integer, ..ARG }, Arg { name: "count", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns keys of a slot that this node has",
        complexity: "O(N) where N is the number of requested keys",
        since: "3.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.cluster()?;
    let (slot, most) = (integer(args[2])?, integer(args[3])?);
    let slot = u16::try_from(slot).ok().filter(|slot| *slot < SLOTS);
    let (Some(slot), Ok(most)) = (slot, usize::try_from(most)) else {
        return Err(CmdError::err("Invalid slot or number of keys"));
    };
    // A few at a time, so that the slot's stripe is never held for long.
    let mut names = Names::default();
    let mut pace = context.haste().pace();
    let mut walk = Walk::over_all(context.keys.keyspace(), Some(slot));
    while names.len() < most
        && let Some(stripe) = walk.stripe()
    {
        pace.begin_step()?;
        let mut found = |entry: EntryRef<'_>| {
            if names.len() < most {
                names.push(entry.key());
            }
        };
        context.keys.with_stripe(stripe, |keys| keys.walk_on(&mut walk, &mut |_| true, &mut found, &mut pace));
    }
    if walk.may_repeat() {
        names.dedup();
    }
    names.reply(context.reply);
    Ok(())
}
