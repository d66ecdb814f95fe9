//! LTRIM: keeps the elements from one position to another, both included.

use super::ends::{node_limit, part};
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::list::List;

pub(crate) static LTRIM: CommandSpec = CommandSpec {
    name: "ltrim",
    arity: 4,
    flags: flag::WRITE,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "stop", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Keeps a part of a list and removes the rest",
        complexity: "O(N) where N is the number of elements removed",
        since: "1.0.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (start, end) = (integer(args[2])?, integer(args[3])?);
    let limit = node_limit(context);
    let mut key = context.keys.open(args.key(0)?);
    let Some(len) = key.collection::<List>()?.map(|list| list.len()) else {
        context.reply.ok();
        return Ok(());
    };
    let part = part(start, end, len);
    key.change(|list: &mut List| {
        list.remove(part.end..len, limit);
        list.remove(0..part.start, limit);
    })?;
    key.further_event(class::LIST, "ltrim");
    key.count_changes((len - part.len()) as u64);
    context.reply.ok();
    Ok(())
}
