//! RENAME: gives a key another name, in place of what had that name.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static RENAME: CommandSpec = CommandSpec {
    name: "rename",
    arity: 3,
    flags: flag::WRITE,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[
        KeySpec {
            flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
            begin: BeginSearch::Index(1),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec {
            flags: key_flag::OW | key_flag::UPDATE,
            begin: BeginSearch::Index(2),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
    ],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "newkey", kind: ArgKind::Key(1), ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Gives a key another name, whatever had that name before",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    super::rename(context, args, false)?;
    context.reply.ok();
    Ok(())
}
