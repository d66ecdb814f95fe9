//! LLEN: the number of elements.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::list::List;

pub(crate) static LLEN: CommandSpec = CommandSpec {
    name: "llen",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the length of a list", complexity: "O(1)", since: "1.0.0", group: "list", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = match context.keys.read(args.key(0)?) {
        None => 0,
        Some(entry) => collection::of::<List>(entry)?.len(),
    };
    context.reply.integer(len as i64);
    Ok(())
}
