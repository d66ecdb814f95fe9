//! GET: the value of a string.

use super::value;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ | acl::STRING,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the string under a key",
        complexity: "O(1)",
        since: "1.0.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    value::reply_of(context, args[1])?;
    Ok(())
}
