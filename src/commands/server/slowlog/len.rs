//! SLOWLOG LEN: how many slow commands are logged.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::metrics::command_log::Kind;

pub(crate) static SLOWLOG_LEN: CommandSpec = CommandSpec {
    name: "len",
    arity: 2,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Counts the slow commands that are logged",
        complexity: "O(1)",
        since: "2.2.12",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.metrics.command_log.len(Kind::Slow) as i64);
    Ok(())
}
