//! CLUSTER LINKS: the connections to and from other nodes.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_LINKS: CommandSpec = CommandSpec {
    name: "links",
    arity: 2,
    flags: flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the connections between this node and the others",
        complexity: "O(N) where N is the total number of Cluster nodes",
        since: "7.0.0",
        group: "cluster",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let links = context.cluster()?.control.links();
    context.reply.array(links.len());
    for link in links {
        context.reply.map(6);
        context.reply.bulk(b"direction");
        context.reply.bulk(if link.inbound { b"from" } else { b"to" });
        context.reply.bulk(b"node");
        context.reply.bulk(link.node.to_string().as_bytes());
        context.reply.bulk(b"create-time");
        context.reply.integer(link.created_unix_ms);
        context.reply.bulk(b"events");
        context.reply.bulk(if link.send_buffer_len > 0 { b"rw" } else { b"r" });
        context.reply.bulk(b"send-buffer-allocated");
        context.reply.integer(link.send_buffer_len as i64);
        context.reply.bulk(b"send-buffer-used");
        context.reply.integer(link.send_buffer_len as i64);
    }
    Ok(())
}
