//! TIME: seconds and microseconds since 1970.

use crate::base::clock;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static TIME: CommandSpec = CommandSpec {
    name: "time",
    arity: 1,
    flags: flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::FAST,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the server's time",
        complexity: "O(1)",
        since: "2.6.0",
        group: "server",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let now_us = clock::unix_us();
    context.reply.array(2);
    context.reply.bulk_int((now_us / 1_000_000) as i64);
    context.reply.bulk_int((now_us % 1_000_000) as i64);
    Ok(())
}
