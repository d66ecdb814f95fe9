//! LATENCY: what took longer than `latency-monitor-threshold`, and how long commands take.

mod doctor;
mod graph;
mod histogram;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY: CommandSpec = CommandSpec {
    name: "latency",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &doctor::LATENCY_DOCTOR,
        &graph::LATENCY_GRAPH,
        &LATENCY_HELP,
        &histogram::LATENCY_HISTOGRAM,
        &LATENCY_HISTORY,
        &LATENCY_LATEST,
        &LATENCY_RESET,
    ],
    docs: Docs { summary: "Looks for what takes long", complexity: "Depends on subcommand.", since: "2.8.13", group: "server", ..DOCS },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    docs: Docs {
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

static LATENCY_HISTORY: CommandSpec = CommandSpec {
    name: "history",
    arity: 3,
    args: &[Arg { name: "event", ..ARG }],
    run: Run::Data(history),
    docs: Docs { summary: "Returns the samples of a latency event", ..BASE.docs },
    ..BASE
};

static LATENCY_LATEST: CommandSpec = CommandSpec {
    name: "latest",
    arity: 2,
    run: Run::Data(latest),
    docs: Docs { summary: "Returns the latest sample of each latency event", ..BASE.docs },
    ..BASE
};

static LATENCY_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: -2,
    args: &[Arg { name: "event", optional: true, multiple: true, ..ARG }],
    run: Run::Data(reset),
    docs: Docs { summary: "Forgets latency events", tips: &["request_policy:all_nodes", "response_policy:agg_sum"], ..BASE.docs },
    ..BASE
};

static LATENCY_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "latency", HELP)),
    docs: Docs { since: "2.8.13", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "DOCTOR",
    "    Report what took long, with advice.",
    "GRAPH <event>",
    "    Draw the samples of an event.",
    "HISTOGRAM [<command> ...]",
    "    Show how many executions of commands took at most 1, 2, 4 ... microseconds.",
    "HISTORY <event>",
    "    Show the samples of an event.",
    "LATEST",
    "    Show the latest sample of each event.",
    "RESET [<event> ...]",
    "    Forget these events, or all.",
];

/// The samples of one event, oldest first.
fn history(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let samples = context.shared.metrics.latency.get(args[2]).map(|(_, event)| event.samples).unwrap_or_default();
    context.reply.array(samples.len());
    for sample in samples {
        context.reply.array(2);
        context.reply.integer(sample.time_s);
        context.reply.integer(sample.latency_ms as i64);
    }
    Ok(())
}

/// For each event the last sample, the worst, the sum and the count.
fn latest(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
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

/// Forgets the samples of some events, or of all.
fn reset(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let monitor = &context.shared.metrics.latency;
    let forgotten = if args.len() == 2 { monitor.reset(None) } else { args[2..].iter().map(|name| monitor.reset(Some(name))).sum() };
    context.reply.integer(forgotten as i64);
    Ok(())
}
