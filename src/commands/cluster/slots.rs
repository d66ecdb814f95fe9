//! CLUSTER SLOTS: per range of slots the primary and its replicas. What most clients build their map from.

use larder_proto::resp::ReplyBuf;

use crate::engine::cluster_access::{client_view, preferred_endpoint};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::topology::{ClientView, Node, PreferredEndpoint};

pub(crate) static CLUSTER_SLOTS: CommandSpec = CommandSpec {
    name: "slots",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns which node serves which slots",
        complexity: "O(N) where N is the total number of Cluster nodes",
        since: "3.0.0",
        group: "cluster",
        history: &[
            ("4.0.0", "Added node IDs."),
            ("7.0.0", "Added additional networking metadata field."),
            ("9.1.0", "Added `availability-zone` field inside the networking metadata."),
        ],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let topology = cluster.topology.load_full();
    let (preferred, view) = (preferred_endpoint(context.config), client_view(context.caller));
    let entries = topology.slots_entries(&cluster.control.sightings());
    context.reply.array(entries.len());
    for entry in entries {
        context.reply.array(2 + entry.nodes.len());
        context.reply.integer(i64::from(entry.range.start));
        context.reply.integer(i64::from(entry.range.end));
        entry.nodes.iter().for_each(|node| reply_node(context.reply, node, preferred, view));
    }
    Ok(())
}

/// Endpoint, port, id, and everything else that is known of where the node is.
fn reply_node(reply: &mut ReplyBuf, node: &Node, preferred: PreferredEndpoint, view: ClientView) {
    reply.array(4);
    match preferred {
        PreferredEndpoint::Unknown => reply.null(),
        _ => reply.bulk(preferred.of(node, view).as_bytes()),
    }
    reply.integer(i64::from(node.client_port(view)));
    reply.bulk(node.id.to_string().as_bytes());
    let known = [
        ("ip", node.client_host(view), preferred != PreferredEndpoint::Ip),
        ("hostname", node.hostname.as_str(), preferred != PreferredEndpoint::Hostname && !node.hostname.is_empty()),
        ("availability-zone", node.zone.as_str(), !node.zone.is_empty()),
    ];
    let told = known.iter().filter(|(_, _, is_told)| *is_told);
    reply.map(told.clone().count());
    for (name, value, _) in told {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
}
