//! LATENCY HISTOGRAM: for each command how many executions took at most 1, 2, 4 ... microseconds.

use crate::commands::server::latencies;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::engine::table::Row;

pub(crate) static LATENCY_HISTOGRAM: CommandSpec = CommandSpec {
    name: "histogram",
    arity: -2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "command", optional: true, multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns how long the executions of commands took",
        complexity: "O(N) where N is the number of commands with latency information being retrieved.",
        since: "7.0.0",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let shared = context.shared;
    let table = &shared.table;
    let chosen: Vec<&Row> =
        if args.len() == 2 { table.top_level().collect() } else { args[2..].iter().filter_map(|name| table.by_full_name(name)).collect() };
    let with_subs = chosen.into_iter().flat_map(|row| std::iter::once(row).chain(row.subcommands.iter().map(|sub| table.row(*sub))));
    let measured = with_subs.map(|row| (row, latencies::of(shared, row))).filter(|(_, sum)| sum.total() > 0);
    let map = context.reply.deferred_map();
    let mut commands = 0;
    for (row, sum) in measured {
        commands += 1;
        context.reply.bulk(row.full_name.as_bytes());
        context.reply.map(2);
        context.reply.bulk(b"calls");
        context.reply.integer(sum.total() as i64);
        context.reply.bulk(b"histogram_usec");
        let steps = sum.doubling();
        context.reply.map(steps.len());
        for (microseconds, count) in steps {
            context.reply.integer(microseconds as i64);
            context.reply.integer(count as i64);
        }
    }
    context.reply.end_deferred(map, commands);
    Ok(())
}
