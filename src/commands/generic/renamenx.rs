//! RENAMENX: gives a key another name, unless something has that name.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static RENAMENX: CommandSpec = CommandSpec {
    name: "renamenx",
    arity: 3,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[
        KeySpec {
            flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
            begin: BeginSearch::Index(1),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec {
            flags: key_flag::OW | key_flag::INSERT,
            begin: BeginSearch::Index(2),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
    ],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "newkey", kind: ArgKind::Key(1), ..ARG }],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Gives a key another name if that name is free",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        history: &[("3.2.0", "No error any more when both names are the same.")],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let renamed = super::rename(context, args, true)?;
    context.reply.integer(i64::from(renamed));
    Ok(())
}
