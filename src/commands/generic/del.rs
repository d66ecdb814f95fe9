//! DEL: deletes keys. Values of many parts are freed in the background if `lazyfree-lazy-user-del` says so.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static DEL: CommandSpec = CommandSpec {
    name: "del",
    arity: -2,
    flags: flag::WRITE,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RM | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Deletes keys",
        complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        since: "1.0.0",
        group: "generic",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    super::delete(context, args, context.config.lazyfree_lazy_user_del)
}
