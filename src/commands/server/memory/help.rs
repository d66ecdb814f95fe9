//! MEMORY HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MEMORY_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "4.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "memory",
        &[
            "DOCTOR",
            "    Report what is unusual about the use of memory.",
            "MALLOC-STATS",
            "    Show what the allocator tells of itself.",
            "PURGE",
            "    Give unused memory back to the system.",
            "STATS",
            "    Show the use of memory, by what it is for.",
            "USAGE <key> [SAMPLES <count>]",
            "    Estimate the bytes that a key takes; of a collection, <count> elements are looked at (5 if not given, 0 for all).",
        ],
    )
}
