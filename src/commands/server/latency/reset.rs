//! LATENCY RESET: forgets the samples of some events, or of all.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: -2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "event", optional: true, multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Forgets latency events",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let monitor = &context.shared.metrics.latency;
    let forgotten = if args.len() == 2 { monitor.reset(None) } else { args[2..].iter().map(|name| monitor.reset(Some(name))).sum() };
    context.reply.integer(forgotten as i64);
    Ok(())
}
