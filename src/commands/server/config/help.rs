//! CONFIG HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CONFIG_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "5.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "config",
        &[
            "GET <pattern> [<pattern> ...]",
            "    Show the options whose names match, with their values.",
            "SET <option> <value> [<option> <value> ...]",
            "    Change options: all of them or none.",
            "RESETSTAT",
            "    Set the counters that INFO shows to zero.",
            "REWRITE",
            "    Write the current options into the configuration file.",
        ],
    )
}
