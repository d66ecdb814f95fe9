//! MODULE: this server loads no modules, so the list is empty and the other subcommands are refused.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MODULE: CommandSpec = CommandSpec {
    name: "module",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&MODULE_HELP, &MODULE_LIST, &MODULE_LOAD, &MODULE_LOADEX, &MODULE_UNLOAD],
    docs: Docs {
        summary: "Lists modules, of which there are none",
        complexity: "Depends on subcommand.",
        since: "4.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

static MODULE_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "module", HELP)),
    docs: Docs { since: "5.0.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &["LIST", "    List modules: always none, since this server loads none."];

static MODULE_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(list),
    docs: Docs {
        summary: "Returns the loaded modules, of which there are none",
        complexity: "O(N) where N is the number of loaded modules.",
        since: "4.0.0",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

const REFUSED: CommandSpec = CommandSpec {
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::MODULE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(load),
    docs: Docs { summary: "Refused: modules cannot be loaded", complexity: "O(1)", group: "server", ..DOCS },
    ..SPEC
};

static MODULE_LOAD: CommandSpec = CommandSpec {
    name: "load",
    arity: -3,
    args: &[Arg { name: "path", ..ARG }, Arg { name: "arg", optional: true, multiple: true, ..ARG }],
    docs: Docs { since: "4.0.0", ..REFUSED.docs },
    ..REFUSED
};

static MODULE_LOADEX: CommandSpec = CommandSpec {
    name: "loadex",
    arity: -3,
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
    docs: Docs { since: "7.0.0", ..REFUSED.docs },
    ..REFUSED
};

static MODULE_UNLOAD: CommandSpec = CommandSpec {
    name: "unload",
    arity: 3,
    args: &[Arg { name: "name", ..ARG }],
    run: Run::Data(unload),
    docs: Docs { summary: "Refused: there is no module to unload", since: "4.0.0", ..REFUSED.docs },
    ..REFUSED
};

fn list(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.empty_array();
    Ok(())
}

fn load(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Error loading the extension: Larder loads no modules"))
}

fn unload(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Error unloading module: no such module with that name"))
}
