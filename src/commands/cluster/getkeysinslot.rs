//! CLUSTER GETKEYSINSLOT: some keys that this node has in a slot, in the selected database.

use crate::base::slot::SLOTS;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

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
    let found = super::with_slot(context, slot, |keys| {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut cursor = 0;
        while let Some(keys) = keys.filter(|_| found.len() < most) {
            cursor = keys.table.scan(cursor, |entry| {
                if found.len() < most {
                    found.push(entry.key().to_vec());
                }
            });
            if cursor == 0 {
                break;
            }
        }
        found
    });
    context.reply.array(found.len());
    found.iter().for_each(|key| context.reply.bulk(key));
    Ok(())
}
