//! FUNCTION HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SCRIPTING | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "7.0.0", group: "scripting", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "function",
        &[
            "DELETE <library>",
            "    Delete a library and its functions.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all libraries.",
            "KILL",
            "    End the function that is running.",
            "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
            "    Show the libraries.",
            "STATS",
            "    Show the function that is running, and how many there are.",
        ],
    )
}
