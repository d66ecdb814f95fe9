//! MODULE HELP.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::help::help;
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static MODULE_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Lists the subcommands",
        complexity: "O(1)",
        since: "5.0.0",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(context, "module", &["LIST", "    List modules: always none, since this server loads none."])
}
