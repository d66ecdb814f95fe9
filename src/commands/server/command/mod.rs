//! COMMAND: what the server tells about its commands, all of it derived from their specs.

mod docs;
mod getkeys;
mod info;
mod list;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMAND: CommandSpec = CommandSpec {
    name: "command",
    arity: -1,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    subcommands: &[
        &COMMAND_COUNT,
        &docs::COMMAND_DOCS,
        &getkeys::COMMAND_GETKEYS,
        &getkeys::COMMAND_GETKEYSANDFLAGS,
        &COMMAND_HELP,
        &info::COMMAND_INFO,
        &list::COMMAND_LIST,
    ],
    docs: Docs {
        summary: "Describes all commands",
        complexity: "O(N) where N is the total number of commands",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

static COMMAND_COUNT: CommandSpec = CommandSpec {
    name: "count",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(count),
    docs: Docs { summary: "Counts the commands", complexity: "O(1)", since: "2.8.13", group: "server", ..DOCS },
    ..SPEC
};

static COMMAND_HELP: CommandSpec = CommandSpec {
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(|context, _| help(context, "command", HELP)),
    docs: Docs { since: "5.0.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Describe all commands.",
    "COUNT",
    "    Count the commands.",
    "DOCS [<command> ...]",
    "    Document these commands, or all.",
    "GETKEYS <command> [<arg> ...]",
    "    Show which arguments of a command are keys.",
    "GETKEYSANDFLAGS <command> [<arg> ...]",
    "    The same, with what the command does with each key.",
    "INFO [<command> ...]",
    "    Describe these commands, or all.",
    "LIST [FILTERBY MODULE <module>|ACLCAT <category>|PATTERN <pattern>]",
    "    Show the names of commands.",
];

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    info::all(context);
    Ok(())
}

fn count(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.table.top_level().count() as i64);
    Ok(())
}
