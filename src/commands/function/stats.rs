//! FUNCTION STATS: nothing runs, and no engine has libraries.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_STATS: CommandSpec = CommandSpec {
    name: "stats",
    arity: 2,
    flags: flag::NOSCRIPT | flag::ALLOW_BUSY,
    acl: acl::SCRIPTING | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the function that is running, and how many there are",
        complexity: "O(1)",
        since: "7.0.0",
        group: "scripting",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.map(2);
    context.reply.bulk(b"running_script");
    context.reply.null();
    context.reply.bulk(b"engines");
    context.reply.map(0);
    Ok(())
}
