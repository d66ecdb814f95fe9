//! SUBSTR: the old name of GETRANGE.

use super::getrange::exec;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static SUBSTR: CommandSpec = CommandSpec {
    name: "substr",
    arity: 4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STRING,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "end", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns a part of the string under a key (old name of GETRANGE)",
        complexity: "O(N) where N is the length of the returned part",
        since: "1.0.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};
