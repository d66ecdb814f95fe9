//! LATENCY HISTORY: the samples of one event, oldest first.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY_HISTORY: CommandSpec = CommandSpec {
    name: "history",
    arity: 3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "event", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the samples of a latency event",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let samples = context.shared.metrics.latency.get(args[2]).map(|(_, event)| event.samples).unwrap_or_default();
    context.reply.array(samples.len());
    for sample in samples {
        context.reply.array(2);
        context.reply.integer(sample.time_s);
        context.reply.integer(sample.latency_ms as i64);
    }
    Ok(())
}
