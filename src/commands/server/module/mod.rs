//! MODULE: this server loads no modules, so the list is empty and the other subcommands are refused.

mod help;
mod list;
mod refused;

use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static MODULE: CommandSpec = CommandSpec {
    name: "module",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&help::MODULE_HELP, &list::MODULE_LIST, &refused::MODULE_LOAD, &refused::MODULE_LOADEX, &refused::MODULE_UNLOAD],
    docs: Docs {
        summary: "Lists modules, of which there are none",
        complexity: "Depends on subcommand.",
        since: "4.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};
