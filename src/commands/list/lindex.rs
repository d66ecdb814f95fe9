//! LINDEX: one element, counted from the front or, below zero, from the back.

use super::ends::from_front;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::list::List;

pub(crate) static LINDEX: CommandSpec = CommandSpec {
    name: "lindex",
    arity: 3,
    flags: flag::READONLY,
    acl: acl::LIST | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "index", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns an element of a list by its position",
        complexity: "O(N) where N is the number of blocks between it and the nearer end",
        since: "1.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let Some(entry) = context.keys.read(args.key(0)?) else {
        context.reply.null();
        return Ok(());
    };
    let list = collection::of::<List>(entry)?;
    match from_front(integer(args[2])?, list.len()) {
        Some(index) => bulk_item(context.reply, list.get(index)),
        None => context.reply.null(),
    }
    Ok(())
}
