//! CONFIG: reads and changes the options.

mod get;
mod resetstat;
mod rewrite;
mod set;

use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static CONFIG: CommandSpec = CommandSpec {
    name: "config",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&get::CONFIG_GET, &CONFIG_HELP, &resetstat::CONFIG_RESETSTAT, &rewrite::CONFIG_REWRITE, &set::CONFIG_SET],
    docs: Docs {
        summary: "Reads and changes the server's options",
        complexity: "Depends on subcommand.",
        since: "2.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

static CONFIG_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "config", HELP)),
    docs: Docs { since: "5.0.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "GET <pattern> [<pattern> ...]",
    "    Show the options whose names match, with their values.",
    "SET <option> <value> [<option> <value> ...]",
    "    Change options: all of them or none.",
    "RESETSTAT",
    "    Set the counters that INFO shows to zero.",
    "REWRITE",
    "    Write the current options into the configuration file.",
];
