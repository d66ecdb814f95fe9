//! CLUSTER SHARDS: per shard its slots and nodes.

use larder_proto::resp::ReplyBuf;

use crate::engine::cluster_access::{client_view, preferred_endpoint};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::topology::{ClientView, PreferredEndpoint, ShardNode};

pub(crate) static CLUSTER_SHARDS: CommandSpec = CommandSpec {
    name: "shards",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns which slots and nodes each shard has",
        complexity: "O(N) where N is the total number of cluster nodes",
        since: "7.0.0",
        group: "cluster",
        history: &[("9.1.0", "Added shard level `id` field and node level `availability-zone` field.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load_full();
    let (preferred, view) = (preferred_endpoint(context.config), client_view(context.caller));
    let entries = topology.shard_entries(&cluster.control.sightings());
    context.reply.array(entries.len());
    for entry in entries {
        context.reply.map(3);
        context.reply.bulk(b"slots");
        context.reply.array(entry.ranges.len() * 2);
        for range in &entry.ranges {
            context.reply.integer(i64::from(range.start));
            context.reply.integer(i64::from(range.end));
        }
        context.reply.bulk(b"nodes");
        context.reply.array(entry.nodes.len());
        entry.nodes.iter().for_each(|node| reply_node(context.reply, node, preferred, view));
        context.reply.bulk(b"id");
        context.reply.bulk(entry.id.to_string().as_bytes());
    }
    Ok(())
}

enum Value {
    Number(i64),
    Text(String),
}

fn reply_node(reply: &mut ReplyBuf, member: &ShardNode<'_>, preferred: PreferredEndpoint, view: ClientView) {
    let node = member.node;
    let text = |text: &str| Value::Text(text.to_owned());
    let port = |own: u16, tls: bool| (own != 0).then(|| Value::Number(i64::from(node.client_port(ClientView { tls, ..view }))));
    let unless_empty = |value: &str| (!value.is_empty()).then(|| text(value));
    let fields = [
        ("id", Some(Value::Text(node.id.to_string()))),
        ("port", port(node.port, false)),
        ("tls-port", port(node.tls_port, true)),
        ("ip", Some(text(node.client_host(view)))),
        ("endpoint", Some(text(preferred.of(node, view)))),
        ("hostname", unless_empty(&node.hostname)),
        ("role", Some(text(member.role.word()))),
        ("replication-offset", Some(Value::Number(member.replication_offset as i64))),
        ("health", Some(text(member.health.word()))),
        ("availability-zone", unless_empty(&node.zone)),
    ];
    reply.map(fields.iter().filter(|(_, value)| value.is_some()).count());
    for (name, value) in fields {
        match value {
            None => {}
            Some(Value::Number(number)) => {
                reply.bulk(name.as_bytes());
                reply.integer(number);
            }
            Some(Value::Text(text)) => {
                reply.bulk(name.as_bytes());
                reply.bulk(text.as_bytes());
            }
        }
    }
}
