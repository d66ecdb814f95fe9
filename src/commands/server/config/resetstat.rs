//! CONFIG RESETSTAT: sets the counters that INFO shows to zero.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static CONFIG_RESETSTAT: CommandSpec = CommandSpec {
    name: "resetstat",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets the server's statistics to zero",
        complexity: "O(1)",
        since: "2.0.0",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let shared = context.shared;
    shared.workers.all().for_each(crate::metrics::WorkerMetrics::reset);
    shared.counters.reset();
    shared.errors.reset();
    shared.workers.all().for_each(|worker| worker.errors.reset());
    shared.metrics.reset();
    shared.keyspace.lazyfree.reset_stats();
    shared.replication.reset_stats();
    for number in 0..context.keys.keyspace().stripes() as u32 {
        context.keys.with_stripe(number, |keys| keys.stripe(number).stats.reset());
    }
    context.reply.ok();
    Ok(())
}
