//! GETDEL: a string for the last time.

use super::value;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static GETDEL: CommandSpec = CommandSpec {
    name: "getdel",
    arity: 2,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the string under a key and deletes the key",
        complexity: "O(1)",
        since: "6.2.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if value::reply_of(context, args[1])? {
        context.keys.open(args[1]).delete();
    }
    Ok(())
}
