//! PSETEX: a string and its time to live in milliseconds.

use super::options::{Expiration, Lifetime, Options, Unit};
use super::set_engine::{self, Answer};
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static PSETEX: CommandSpec = CommandSpec {
    name: "psetex",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::OW | key_flag::UPDATE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "milliseconds", kind: ArgKind::Integer, ..ARG },
        Arg { name: "value", ..ARG },
    ],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Sets a key to a string that expires after so many milliseconds",
        complexity: "O(1)",
        since: "2.6.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let lifetime = Lifetime::Until(Expiration { unit: Unit::Milliseconds, number: args[2] });
    set_engine::set(context, args[1], args[3], &Options { lifetime, ..Options::default() }, Answer::Status)
}
