//! SUBSTR: the old name of GETRANGE.

use super::getrange::exec;
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static SUBSTR: CommandSpec = CommandSpec {
    name: "substr",
    arity: 4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STRING,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "end", kind: ArgKind::Integer, ..ARG },
    ],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns a part of the string under a key (old name of GETRANGE)",
        complexity: "O(N) where N is the length of the returned part",
        since: "1.0.0",
        group: "string",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};
