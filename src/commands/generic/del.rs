//! DEL and UNLINK: delete keys. Values of many parts are freed in the background: by UNLINK always, by DEL if
//! `lazyfree-lazy-user-del` says so.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

const BASE: CommandSpec = CommandSpec {
    arity: -2,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RM | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    docs: Docs { group: "generic", tips: &["request_policy:multi_shard", "response_policy:agg_sum"], ..DOCS },
    ..SPEC
};

pub(crate) static DEL: CommandSpec = CommandSpec {
    name: "del",
    flags: flag::WRITE,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    run: Run::Data(|context, args| delete(context, args, context.config.lazyfree_lazy_user_del)),
    docs: Docs {
        summary: "Deletes keys",
        complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        since: "1.0.0",
        ..BASE.docs
    },
    ..BASE
};

pub(crate) static UNLINK: CommandSpec = CommandSpec {
    name: "unlink",
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    run: Run::Data(|context, args| delete(context, args, true)),
    docs: Docs {
        summary: "Deletes keys and frees their values in the background",
        complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
        since: "4.0.0",
        ..BASE.docs
    },
    ..BASE
};

fn delete(context: &mut Context<'_>, args: &Args<'_>, in_background: bool) -> CmdResult {
    let mut count = 0;
    for key in args.keys() {
        count += i64::from(context.keys.open(key).delete_for_user(in_background));
    }
    context.reply.integer(count);
    Ok(())
}
