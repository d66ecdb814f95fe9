//! FUNCTION LOAD and RESTORE: refused until scripts are there.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_LOAD: CommandSpec = CommandSpec {
    name: "load",
    arity: -3,
    flags: flag::NOSCRIPT | flag::WRITE | flag::DENYOOM,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    args: &[
        Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", optional: true, ..ARG },
        Arg { name: "function-code", ..ARG },
    ],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Creates a library",
        complexity: "O(1) (considering compilation time is redundant)",
        since: "7.0.0",
        group: "scripting",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static FUNCTION_RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    arity: -3,
    flags: flag::NOSCRIPT | flag::WRITE | flag::DENYOOM,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    args: &[
        Arg { name: "serialized-value", ..ARG },
        Arg {
            name: "policy",
            kind: ArgKind::OneOf(&[
                Arg { name: "flush", kind: ArgKind::PureToken, token: "FLUSH", ..ARG },
                Arg { name: "append", kind: ArgKind::PureToken, token: "APPEND", ..ARG },
                Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Creates the libraries of a dump",
        complexity: "O(N) where N is the number of functions on the payload",
        since: "7.0.0",
        group: "scripting",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("this server does not run scripts and functions yet"))
}
