//! MGET: several strings at one moment. A key of another type counts as missing.

use super::value;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};
use crate::keyspace::string_value;

pub(crate) static MGET: CommandSpec = CommandSpec {
    name: "mget",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::STRING,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: -1, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the strings under several keys",
        complexity: "O(N) where N is the number of keys to retrieve.",
        since: "1.0.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:multi_shard"],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.array(args.len() - 1);
    for key in &args[1..] {
        match context.keys.read(key).map(string_value::of) {
            Some(Ok(value)) => value::reply(context.reply, value),
            Some(Err(_)) | None => context.reply.null(),
        }
    }
    Ok(())
}
