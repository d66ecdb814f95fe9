//! COMMAND HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMAND_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "5.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "command",
        &[
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
        ],
    )
}
