//! MEMORY PURGE: gives memory that is not in use back to the system.

use crate::base::alloc;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MEMORY_PURGE: CommandSpec = CommandSpec {
    name: "purge",
    arity: 2,
    flags: flag::LOADING,
    acl: acl::SLOW,
    run: Run::Data(exec),
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

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    alloc::purge();
    context.reply.ok();
    Ok(())
}
