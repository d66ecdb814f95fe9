//! PEXPIREAT: sets when a key expires, in unix milliseconds.

use super::expire_engine::{Base, Unit, set_expiry};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static PEXPIREAT: CommandSpec = CommandSpec {
    name: "pexpireat",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, ..ARG },
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
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets the unix time in milliseconds at which a key expires",
        complexity: "O(1)",
        since: "2.6.0",
        group: "generic",
        history: &[("7.0.0", "`NX`, `XX`, `GT` and `LT`.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    set_expiry(context, args, "pexpireat", Base::Epoch, Unit::Milliseconds)
}
