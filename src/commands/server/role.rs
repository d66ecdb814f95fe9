//! ROLE: this version is always a primary without replicas.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static ROLE: CommandSpec = CommandSpec {
    name: "role",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::SENTINEL,
    acl: acl::ADMIN | acl::DANGEROUS | acl::FAST,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the node's role in replication",
        complexity: "O(1)",
        since: "2.8.12",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.array(3);
    context.reply.bulk(b"master");
    context.reply.integer(0);
    context.reply.empty_array();
    Ok(())
}
