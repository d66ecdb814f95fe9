//! ZREM: takes members out.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::zset::Zset;

pub(crate) static ZREM: CommandSpec = CommandSpec {
    name: "zrem",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", multiple: true, ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Takes members out of a sorted set; one without members is deleted",
        complexity: "O(M*log(N))",
        since: "1.2.0",
        group: "sorted-set",
        history: &[("2.4.0", "Several members.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    let removed = key.change(|zset: &mut Zset| args[2..].iter().filter(|member| zset.remove(member, hasher).is_some()).count())?;
    if removed == 0 {
        key.mark_unchanged();
    } else {
        key.change_event(class::ZSET, "zrem");
        key.count_changes(removed as u64 - 1);
    }
    context.reply.integer(removed as i64);
    Ok(())
}
