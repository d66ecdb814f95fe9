//! SLOWLOG: the log of slow commands, under its old name. See COMMANDLOG.

mod get;
mod help;
mod len;
mod reset;

use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static SLOWLOG: CommandSpec = CommandSpec {
    name: "slowlog",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&get::SLOWLOG_GET, &help::SLOWLOG_HELP, &len::SLOWLOG_LEN, &reset::SLOWLOG_RESET],
    docs: Docs {
        summary: "Looks at the log of slow commands",
        complexity: "Depends on subcommand.",
        since: "2.2.12",
        group: "server",
        ..DOCS
    },
    ..SPEC
};
