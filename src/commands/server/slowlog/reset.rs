//! SLOWLOG RESET: forgets the slow commands.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::metrics::command_log::Kind;

pub(crate) static SLOWLOG_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 2,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Empties the log of slow commands",
        complexity: "O(N) where N is the number of entries in the slowlog",
        since: "2.2.12",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.shared.metrics.command_log.clear(Kind::Slow);
    context.reply.ok();
    Ok(())
}
