//! COMMAND COUNT: how many commands there are, subcommands not counted.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static COMMAND_COUNT: CommandSpec = CommandSpec {
    name: "count",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Counts the commands",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.table.top_level().count() as i64);
    Ok(())
}
