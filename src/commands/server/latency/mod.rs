//! LATENCY: what took longer than `latency-monitor-threshold`, and how long commands take.

mod doctor;
mod graph;
mod help;
mod histogram;
mod history;
mod latest;
mod reset;

use crate::commands::spec::{CommandSpec, Docs, Run, acl};

pub(crate) static LATENCY: CommandSpec = CommandSpec {
    name: "latency",
    arity: -2,
    flags: 0,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
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
    docs: Docs {
        summary: "Looks for what takes long",
        complexity: "Depends on subcommand.",
        since: "2.8.13",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};
