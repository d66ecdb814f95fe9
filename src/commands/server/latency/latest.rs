//! LATENCY LATEST: for each event the last sample, the worst, the sum and the count.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY_LATEST: CommandSpec = CommandSpec {
    name: "latest",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the latest sample of each latency event",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let events = context.shared.metrics.latency.all();
    let reply = &mut *context.reply;
    reply.array(events.len());
    for (name, event) in events {
        let last = event.samples.back().copied();
        reply.array(6);
        reply.bulk(name.as_bytes());
        reply.integer(last.map_or(0, |sample| sample.time_s));
        reply.integer(last.map_or(0, |sample| sample.latency_ms as i64));
        reply.integer(event.max_ms as i64);
        reply.integer(event.sum_ms as i64);
        reply.integer(event.count as i64);
    }
    Ok(())
}
