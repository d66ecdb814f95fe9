//! EXISTS: how many of the keys are there; a key named twice counts twice.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static EXISTS: CommandSpec = CommandSpec {
    name: "exists",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Counts how many of the given keys exist",
        complexity: "O(N) where N is the number of keys to check.",
        since: "1.0.0",
        group: "generic",
        history: &[("3.0.3", "More than one `key`.")],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut count = 0;
    for key in args.keys() {
        count += i64::from(context.keys.look_up(key).is_some());
    }
    context.reply.integer(count);
    Ok(())
}
