//! SREM: takes members out of a set. The last one takes the key along.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::{Member, Set};

pub(crate) static SREM: CommandSpec = CommandSpec {
    name: "srem",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", multiple: true, ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes members of a set",
        complexity: "O(N) where N is the number of members.",
        since: "1.0.0",
        group: "set",
        history: &[("2.4.0", "Several members at once.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    let deleted = key.change_if(|set: &mut Set| {
        let mut deleted = 0;
        for member in &args[2..] {
            deleted += u64::from(set.remove(&Member::of(member), hasher));
            if set.is_empty() {
                break;
            }
        }
        (deleted, deleted > 0)
    })?;
    if deleted > 0 {
        key.change_event(class::SET, "srem");
        key.count_changes(deleted - 1);
    }
    context.reply.integer(deleted as i64);
    Ok(())
}
