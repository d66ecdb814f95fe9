//! PSETEX: a string and its time to live in milliseconds.

use super::options::{Expiration, Lifetime, Options, Unit};
use super::set_engine::{self, Answer};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static PSETEX: CommandSpec = CommandSpec {
    name: "psetex",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::CONSTANT_TIME,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "milliseconds", kind: ArgKind::Integer, ..ARG },
        Arg { name: "value", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets a key to a string that expires after so many milliseconds",
        complexity: "O(1)",
        since: "2.6.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let lifetime = Lifetime::Until(Expiration { unit: Unit::Milliseconds, number: args[2] });
    set_engine::set(context, args.key(0)?, args[3], &Options { lifetime, ..Options::default() }, Answer::Status)
}
