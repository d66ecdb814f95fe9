//! SLOWLOG LEN: how many slow commands are logged.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};
use crate::metrics::command_log::Kind;

pub(crate) static SLOWLOG_LEN: CommandSpec = CommandSpec {
    name: "len",
    arity: 2,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Counts the slow commands that are logged",
        complexity: "O(1)",
        since: "2.2.12",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.metrics.command_log.len(Kind::Slow) as i64);
    Ok(())
}
