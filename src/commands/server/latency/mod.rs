//! LATENCY: what took longer than `latency-monitor-threshold`, and how long commands take.

mod doctor;
mod graph;
mod help;
mod histogram;
mod history;
mod latest;
mod reset;

use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static LATENCY: CommandSpec = CommandSpec {
    name: "latency",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &doctor::LATENCY_DOCTOR,
        &graph::LATENCY_GRAPH,
        &help::LATENCY_HELP,
        &histogram::LATENCY_HISTOGRAM,
        &history::LATENCY_HISTORY,
        &latest::LATENCY_LATEST,
        &reset::LATENCY_RESET,
    ],
    docs: Docs { summary: "Looks for what takes long", complexity: "Depends on subcommand.", since: "2.8.13", group: "server", ..DOCS },
    ..SPEC
};
