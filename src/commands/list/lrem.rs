//! LREM: removes elements that are equal to a given text: all of them, or so many from the front or (below zero) the back.

use super::ends::{COMPARED_STEPS, node_limit};
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::list::{End, List};

pub(crate) static LREM: CommandSpec = CommandSpec {
    name: "lrem",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, ..ARG },
        Arg { name: "element", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes elements that are equal to a text",
        complexity: "O(N+M) where N is the length of the list and M the number of elements removed",
        since: "1.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (end, count) = match integer(args[2])? {
        i64::MIN => {
            return Err(CmdError::coded("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"));
        }
        0 => (End::Left, usize::MAX),
        count if count > 0 => (End::Left, count as usize),
        count => (End::Right, count.unsigned_abs() as usize),
    };
    let limit = node_limit(context);
    let haste = context.haste();
    let mut key = context.keys.open(args.key(0)?);
    let mut removed = 0;
    if let Some(list) = key.collection::<List>()? {
        haste.check(list.len() * COMPARED_STEPS)?;
        removed = key.change(|list: &mut List| list.remove_equal(end, count, args[3], limit))?;
    }
    if removed > 0 {
        key.further_event(class::LIST, "lrem");
        key.count_changes(removed as u64);
    } else {
        key.mark_unchanged();
    }
    context.reply.integer(removed as i64);
    Ok(())
}
