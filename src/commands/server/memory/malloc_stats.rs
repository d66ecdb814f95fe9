//! MEMORY MALLOC-STATS: what the allocator tells of itself, which is little.

use crate::base::{alloc, process};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MEMORY_MALLOC_STATS: CommandSpec = CommandSpec {
    name: "malloc-stats",
    arity: 2,
    flags: flag::LOADING,
    acl: acl::SLOW,
    run: Run::Data(exec),
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

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    alloc::flush_thread();
    let text = format!("mimalloc: {} bytes in use, {} bytes resident\n", alloc::used_bytes(), process::resident_bytes());
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
