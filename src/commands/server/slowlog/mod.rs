//! SLOWLOG: the log of slow commands, under its old name. See COMMANDLOG.

mod get;
mod help;
mod len;
mod reset;

use crate::commands::spec::{CommandSpec, Docs, Run, acl};

pub(crate) static SLOWLOG: CommandSpec = CommandSpec {
    name: "slowlog",
    arity: -2,
    flags: 0,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Container,
    subcommands: &[&get::SLOWLOG_GET, &help::SLOWLOG_HELP, &len::SLOWLOG_LEN, &reset::SLOWLOG_RESET],
    docs: Docs {
        summary: "Looks at the log of slow commands",
        complexity: "Depends on subcommand.",
        since: "2.2.12",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};
