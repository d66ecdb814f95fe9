//! COMMANDLOG HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMANDLOG_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "8.1.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "commandlog",
        &[
            "GET <count> <type>",
            "    Show the newest <count> entries (-1 for all) of the log slow, large-request or large-reply: number, time in",
            "    unix seconds, microseconds or bytes, arguments, address and name of the client.",
            "LEN <type>",
            "    Count the entries of a log.",
            "RESET <type>",
            "    Empty a log.",
        ],
    )
}
