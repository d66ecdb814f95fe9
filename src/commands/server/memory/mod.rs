//! MEMORY: where the memory goes.

mod doctor;
mod help;
mod malloc_stats;
mod purge;
mod stats;
mod usage;

use crate::commands::spec::{CommandSpec, Docs, Run, acl};

pub(crate) static MEMORY: CommandSpec = CommandSpec {
    name: "memory",
    arity: -2,
    flags: 0,
    acl: acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Container,
    subcommands: &[
        &doctor::MEMORY_DOCTOR,
        &help::MEMORY_HELP,
        &malloc_stats::MEMORY_MALLOC_STATS,
        &purge::MEMORY_PURGE,
        &stats::MEMORY_STATS,
        &usage::MEMORY_USAGE,
    ],
    docs: Docs {
        summary: "Looks at the use of memory",
        complexity: "Depends on subcommand.",
        since: "4.0.0",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};
