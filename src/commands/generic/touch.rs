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
    // Even for a client that asked for NO-TOUCH: this command does nothing else.
    let own = std::mem::replace(&mut context.keys.touch, true);
    let count = args[1..].iter().filter(|key| context.keys.read(key).is_some()).count();
    context.keys.touch = own;
    context.reply.integer(count as i64);
    Ok(())
}
