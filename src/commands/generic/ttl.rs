//! TTL: seconds until a key expires, rounded; -1 if it never does, -2 if it is not there.

use super::expire_engine::{Base, Unit, show_expiry};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static TTL: CommandSpec = CommandSpec {
    name: "ttl",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns in how many seconds a key expires",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        history: &[("2.8.0", "-2 for a key that does not exist.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    show_expiry(context, args, Base::Now, Unit::Seconds)
}
