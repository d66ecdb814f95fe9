//! TOUCH: marks keys as used just now, even for a client in CLIENT NO-TOUCH.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static TOUCH: CommandSpec = CommandSpec {
    name: "touch",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Marks keys as just used and counts those that exist",
        complexity: "O(N) where N is the number of keys that will be touched.",
        since: "3.2.1",
        group: "generic",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    // Even for a client that asked for NO-TOUCH: this command does nothing else.
    let own = std::mem::replace(&mut context.keys.touch, true);
    let count = args.keys().filter(|key| context.keys.read(*key).is_some()).count();
    context.keys.touch = own;
    context.reply.integer(count as i64);
    Ok(())
}
