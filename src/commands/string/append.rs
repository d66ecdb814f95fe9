//! APPEND: more bytes at the end of a string, which is made if it is not there.

use super::value;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::string_value;

pub(crate) static APPEND: CommandSpec = CommandSpec {
    name: "append",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::INSERT,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Appends to the string under a key",
        complexity: "O(1) amortized, for a short tail",
        since: "2.0.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args[1]);
    if let Some(value) = key.string()? {
        value::check_len(context.config, string_value::len(value) as u64, args[2].len())?;
    }
    let len = key.append(args[2]);
    key.event(class::STRING, "append");
    context.reply.integer(len as i64);
    Ok(())
}
