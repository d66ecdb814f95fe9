//! MGET: several strings at one moment. A key of another type counts as missing.

use super::value;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;

pub(crate) static MGET: CommandSpec = CommandSpec {
    name: "mget",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::STRING,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the strings under several keys",
        complexity: "O(N) where N is the number of keys to retrieve.",
        since: "1.0.0",
        group: "string",
        tips: &["request_policy:multi_shard"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.array(args.len() - 1);
    for key in args.keys() {
        match context.keys.read(key).map(string_value::of) {
            Some(Ok(value)) => value::reply(context.reply, context.config, value),
            Some(Err(_)) | None => context.reply.null(),
        }
    }
    Ok(())
}
