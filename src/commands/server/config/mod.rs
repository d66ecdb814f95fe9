//! CONFIG: reads and changes the options.

mod get;
mod help;
mod resetstat;
mod rewrite;
mod set;

use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static CONFIG: CommandSpec = CommandSpec {
    name: "config",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&get::CONFIG_GET, &help::CONFIG_HELP, &resetstat::CONFIG_RESETSTAT, &rewrite::CONFIG_REWRITE, &set::CONFIG_SET],
    docs: Docs {
        summary: "Reads and changes the server's options",
        complexity: "Depends on subcommand.",
        since: "2.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};
