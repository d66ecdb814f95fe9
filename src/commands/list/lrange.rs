//! LRANGE: the elements from one position to another, both included.

use super::ends::part;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::list::List;

pub(crate) static LRANGE: CommandSpec = CommandSpec {
    name: "lrange",
    arity: 4,
    flags: flag::READONLY,
    acl: acl::LIST | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "stop", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns a part of a list",
        complexity: "O(S+N) where S is the number of blocks before the part and N the number of elements in it",
        since: "1.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (start, end) = (integer(args[2])?, integer(args[3])?);
    let haste = context.haste();
    let Some(entry) = context.keys.read(args.key(0)?) else {
        context.reply.array(0);
        return Ok(());
    };
    let list = collection::of::<List>(entry)?;
    let part = part(start, end, list.len());
    haste.check_elements(part.len())?;
    context.reply.array(part.len());
    let mut left = part.len();
    if left > 0 {
        list.walk_right(part.start, |_, item| {
            bulk_item(context.reply, item);
            left -= 1;
            left > 0
        });
    }
    Ok(())
}
