//! LSET: replaces an element.

use super::ends::{from_front, node_limit};
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::list::List;

pub(crate) static LSET: CommandSpec = CommandSpec {
    name: "lset",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "index", kind: ArgKind::Integer, ..ARG },
        Arg { name: "element", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Replaces an element of a list",
        complexity: "O(N) where N is the number of blocks between it and the nearer end",
        since: "1.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let limit = node_limit(context);
    let mut key = context.keys.open(args.key(0)?);
    let len = key.collection::<List>()?.ok_or(CmdError::NoSuchKey)?.len();
    // The lower half of the number, as in Valkey.
    let Some(index) = from_front(i64::from(integer(args[2])? as i32), len) else {
        // Valkey has made room for the element by now, which its encoding tells.
        key.change(|list: &mut List| list.grow_for(&args[3..4], limit))?;
        key.mark_unchanged();
        return Err(CmdError::coded("ERR index out of range"));
    };
    key.change(|list: &mut List| {
        list.grow_for(&args[3..4], limit);
        list.set(index, args[3], limit);
    })?;
    key.change_event(class::LIST, "lset");
    context.reply.ok();
    Ok(())
}
