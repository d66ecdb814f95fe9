//! ROLE: this version is always a primary without replicas.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static ROLE: CommandSpec = CommandSpec {
    name: "role",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::SENTINEL,
    acl: acl::ADMIN | acl::DANGEROUS | acl::FAST,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the node's role in replication", complexity: "O(1)", since: "2.8.12", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.array(3);
    context.reply.bulk(b"master");
    context.reply.integer(0);
    context.reply.empty_array();
    Ok(())
}
