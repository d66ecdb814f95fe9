//! MODULE LOAD, LOADEX and UNLOAD: refused, since this server loads no modules.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MODULE_LOAD: CommandSpec = CommandSpec {
    name: "load",
    arity: -3,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::MODULE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "path", ..ARG }, Arg { name: "arg", optional: true, multiple: true, ..ARG }],
    run: Run::Data(load),
    docs: Docs { summary: "Refused: modules cannot be loaded", complexity: "O(1)", since: "4.0.0", group: "server", ..DOCS },
    ..SPEC
};

pub(crate) static MODULE_LOADEX: CommandSpec = CommandSpec {
    name: "loadex",
    arity: -3,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::MODULE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg { name: "path", ..ARG },
        Arg {
            name: "configs",
            kind: ArgKind::Block(&[Arg { name: "name", ..ARG }, Arg { name: "value", ..ARG }]),
            token: "CONFIG",
            optional: true,
            multiple: true,
            multiple_token: true,
            ..ARG
        },
        Arg { name: "args", token: "ARGS", optional: true, multiple: true, ..ARG },
    ],
    run: Run::Data(load),
    docs: Docs { summary: "Refused: modules cannot be loaded", complexity: "O(1)", since: "7.0.0", group: "server", ..DOCS },
    ..SPEC
};

pub(crate) static MODULE_UNLOAD: CommandSpec = CommandSpec {
    name: "unload",
    arity: 3,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::MODULE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "name", ..ARG }],
    run: Run::Data(unload),
    docs: Docs { summary: "Refused: there is no module to unload", complexity: "O(1)", since: "4.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn load(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Error loading the extension: Larder loads no modules"))
}

fn unload(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Error unloading module: no such module with that name"))
}
