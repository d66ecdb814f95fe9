//! MODULE: this server loads no modules, so the list is empty and the other subcommands are refused.

mod help;
mod list;
mod refused;

use crate::commands::spec::{CommandSpec, Docs, Run, acl};

pub(crate) static MODULE: CommandSpec = CommandSpec {
    name: "module",
    arity: -2,
    flags: 0,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Container,
    subcommands: &[&help::MODULE_HELP, &list::MODULE_LIST, &refused::MODULE_LOAD, &refused::MODULE_LOADEX, &refused::MODULE_UNLOAD],
    docs: Docs {
        summary: "Lists modules, of which there are none",
        complexity: "Depends on subcommand.",
        since: "4.0.0",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};
