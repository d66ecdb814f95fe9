//! SLOWLOG HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static SLOWLOG_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "6.2.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "slowlog",
        &[
            "GET [<count>]",
            "    Show the newest <count> slow commands (10 if not given, -1 for all): number, time in unix seconds,",
            "    microseconds it took, arguments, address and name of the client.",
            "LEN",
            "    Count the logged commands.",
            "RESET",
            "    Empty the log.",
        ],
    )
}
