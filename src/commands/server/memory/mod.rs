//! MEMORY: where the memory goes.

mod doctor;
mod help;
mod malloc_stats;
mod purge;
mod stats;
mod usage;

use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static MEMORY: CommandSpec = CommandSpec {
    name: "memory",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &doctor::MEMORY_DOCTOR,
        &help::MEMORY_HELP,
        &malloc_stats::MEMORY_MALLOC_STATS,
        &purge::MEMORY_PURGE,
        &stats::MEMORY_STATS,
        &usage::MEMORY_USAGE,
    ],
    docs: Docs { summary: "Looks at the use of memory", complexity: "Depends on subcommand.", since: "4.0.0", group: "server", ..DOCS },
    ..SPEC
};
