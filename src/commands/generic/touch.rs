//! TOUCH: marks keys as used just now, even for a client in CLIENT NO-TOUCH.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static TOUCH: CommandSpec = CommandSpec {
    name: "touch",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec {
        flags: key_flag::RO,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: -1, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Marks keys as just used and counts those that exist",
        complexity: "O(N) where N is the number of keys that will be touched.",
        since: "3.2.1",
        group: "generic",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.keys.touch = true;
    let mut count = 0;
    for key in &args[1..] {
        count += i64::from(context.keys.read(key).is_some());
    }
    context.reply.integer(count);
    Ok(())
}
