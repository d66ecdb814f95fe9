//! ROLE: primary, how far it is, and the replicas that follow; or replica, whom it follows, and how far.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::replication_core::{Link, Stage};
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
    let following = context.shared.replication.look().following.clone();
    if let Some(following) = following {
        context.reply.array(5);
        context.reply.bulk(b"slave");
        context.reply.bulk(following.host.as_bytes());
        context.reply.integer(i64::from(following.port));
        context.reply.bulk(following.link.name().as_bytes());
        let is_up = following.link == Link::Connected;
        context.reply.integer(if is_up { context.shared.write_log.end() as i64 } else { -1 });
        return Ok(());
    }
    context.reply.array(3);
    context.reply.bulk(b"master");
    context.reply.integer(context.shared.write_log.end() as i64);
    let mut replicas = context.shared.replication.replicas();
    replicas.retain(|replica| matches!(replica.stage, Stage::Loading | Stage::Online));
    context.reply.array(replicas.len());
    for replica in replicas {
        context.reply.array(3);
        context.reply.bulk(replica.ip.as_bytes());
        context.reply.bulk(replica.port.to_string().as_bytes());
        context.reply.bulk(replica.acked.to_string().as_bytes());
    }
    Ok(())
}
