//! SETEX and PSETEX: a string and its time to live, in seconds or milliseconds.

use super::options::{Expiration, Lifetime, Options, Unit};
use super::set_engine::{self, Answer};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key(0), ..ARG };
const VALUE: Arg = Arg { name: "value", ..ARG };

const BASE: CommandSpec = CommandSpec {
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::CONSTANT_TIME,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE)],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", group: "string", ..DOCS },
    ..SPEC
};

pub(crate) static SETEX: CommandSpec = CommandSpec {
    name: "setex",
    args: &[KEY, Arg { name: "seconds", kind: ArgKind::Integer, ..ARG }, VALUE],
    run: Run::Data(|context, args| exec(context, args, Unit::Seconds)),
    docs: Docs { summary: "Sets a key to a string that expires after so many seconds", since: "2.0.0", ..BASE.docs },
    ..BASE
};

pub(crate) static PSETEX: CommandSpec = CommandSpec {
    name: "psetex",
    args: &[KEY, Arg { name: "milliseconds", kind: ArgKind::Integer, ..ARG }, VALUE],
    run: Run::Data(|context, args| exec(context, args, Unit::Milliseconds)),
    docs: Docs { summary: "Sets a key to a string that expires after so many milliseconds", since: "2.6.0", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, unit: Unit) -> CmdResult {
    let lifetime = Lifetime::Until(Expiration { unit, number: args[2] });
    set_engine::set(context, args.key(0)?, args[3], &Options { lifetime, ..Options::default() }, Answer::Status)
}
