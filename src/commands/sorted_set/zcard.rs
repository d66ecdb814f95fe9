//! ZCARD: the number of members.

use super::access;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::zset::ZsetView;

pub(crate) static ZCARD: CommandSpec = CommandSpec {
    name: "zcard",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the number of members of a sorted set",
        complexity: "O(1)",
        since: "1.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = access::read(&mut context.keys, args.key(0)?)?.map_or(0, ZsetView::len);
    context.reply.integer(len as i64);
    Ok(())
}
