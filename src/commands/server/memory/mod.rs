//! MEMORY: where the memory goes.

mod doctor;
mod stats;
mod usage;

use crate::base::{alloc, process};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MEMORY: CommandSpec = CommandSpec {
    name: "memory",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&doctor::MEMORY_DOCTOR, &MEMORY_HELP, &MEMORY_MALLOC_STATS, &MEMORY_PURGE, &stats::MEMORY_STATS, &usage::MEMORY_USAGE],
    docs: Docs { summary: "Looks at the use of memory", complexity: "Depends on subcommand.", since: "4.0.0", group: "server", ..DOCS },
    ..SPEC
};

static MEMORY_MALLOC_STATS: CommandSpec = CommandSpec {
    name: "malloc-stats",
    arity: 2,
    flags: flag::LOADING,
    acl: acl::SLOW,
    run: Run::Data(malloc_stats),
    docs: Docs {
        summary: "Returns what the allocator tells of itself",
        complexity: "Depends on how much memory is allocated, could be slow",
        since: "4.0.0",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

static MEMORY_PURGE: CommandSpec = CommandSpec {
    name: "purge",
    arity: 2,
    flags: flag::LOADING,
    acl: acl::SLOW,
    run: Run::Data(purge),
    docs: Docs {
        summary: "Gives unused memory back to the system",
        complexity: "Depends on how much memory is allocated, could be slow",
        since: "4.0.0",
        group: "server",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

static MEMORY_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "memory", HELP)),
    docs: Docs { since: "4.0.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "DOCTOR",
    "    Report what is unusual about the use of memory.",
    "MALLOC-STATS",
    "    Show what the allocator tells of itself.",
    "PURGE",
    "    Give unused memory back to the system.",
    "STATS",
    "    Show the use of memory, by what it is for.",
    "USAGE <key> [SAMPLES <count>]",
    "    Estimate the bytes that a key takes; of a collection, <count> elements are looked at (5 if not given, 0 for all).",
];

fn malloc_stats(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    alloc::flush_thread();
    let text = format!("mimalloc: {} bytes in use, {} bytes resident\n", alloc::used_bytes(), process::resident_bytes());
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn purge(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    alloc::purge();
    context.reply.ok();
    Ok(())
}
