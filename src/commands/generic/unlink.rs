//! UNLINK: deletes keys; values of many parts are freed in the background.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static UNLINK: CommandSpec = CommandSpec {
    name: "unlink",
    arity: -2,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RM | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Deletes keys and frees their values in the background",
        complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
        since: "4.0.0",
        group: "generic",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    super::delete(context, args, true)
}
