//! LATENCY HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "2.8.13", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "latency",
        &[
            "DOCTOR",
            "    Report what took long, with advice.",
            "GRAPH <event>",
            "    Draw the samples of an event.",
            "HISTOGRAM [<command> ...]",
            "    Show how many executions of commands took at most 1, 2, 4 ... microseconds.",
            "HISTORY <event>",
            "    Show the samples of an event.",
            "LATEST",
            "    Show the latest sample of each event.",
            "RESET [<event> ...]",
            "    Forget these events, or all.",
        ],
    )
}
