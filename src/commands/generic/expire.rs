//! EXPIRE: sets the time to live of a key, in seconds from now.

use super::expire_engine::{Base, Unit, set_expiry};
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static EXPIRE: CommandSpec = CommandSpec {
    name: "expire",
    arity: -3,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::UPDATE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "seconds", kind: ArgKind::Integer, ..ARG },
        Arg {
            name: "condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
                Arg { name: "gt", kind: ArgKind::PureToken, token: "GT", ..ARG },
                Arg { name: "lt", kind: ArgKind::PureToken, token: "LT", ..ARG },
            ]),
            optional: true,
            since: "7.0.0",
            ..ARG
        },
    ],
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Sets after how many seconds a key expires",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        history: &[("7.0.0", "`NX`, `XX`, `GT` and `LT`.")],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    set_expiry(context, args, "expire", Base::Now, Unit::Seconds)
}
