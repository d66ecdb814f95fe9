//! CLUSTER HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "5.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.cluster()?;
    help(
        context,
        "cluster",
        &[
            "ADDSLOTS <slot> [<slot> ...]",
            "    Give slots that nobody owns to this node.",
            "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            "    Give ranges of slots that nobody owns to this node.",
            "BUMPEPOCH",
            "    Give this node the highest config epoch.",
            "COUNT-FAILURE-REPORTS <node-id>",
            "    Return how many nodes hold <node-id> for dead.",
            "COUNTKEYSINSLOT <slot>",
            "    Return how many keys of <slot> this node has.",
            "DELSLOTS <slot> [<slot> ...]",
            "    Make this node give slots up.",
            "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            "    Make this node give ranges of slots up.",
            "FLUSHSLOTS",
            "    Make this node give up all its slots.",
            "FORGET <node-id>",
            "    Remove a node from the cluster.",
            "GETKEYSINSLOT <slot> <count>",
            "    Return keys of <slot> that this node has.",
            "INFO",
            "    Return the state of the cluster.",
            "KEYSLOT <key>",
            "    Return the slot of <key>.",
            "LINKS",
            "    Return the connections between this node and the others.",
            "MEET <ip> <port> [<bus-port>]",
            "    Make one cluster of two.",
            "MYID",
            "    Return the id of this node.",
            "MYSHARDID",
            "    Return the id of the shard of this node.",
            "NODES",
            "    Return the nodes of the cluster, a line each:",
            "    <id> <ip:port@bus-port[,hostname]> <flags> <primary> <pings> <pongs> <epoch> <link> <slot> ...",
            "REPLICAS <node-id>",
            "    Return the replicas of <node-id>.",
            "RESET [SOFT]",
            "    Make this node leave its cluster.",
            "SAVECONFIG",
            "    Make sure that the cluster configuration is on disk.",
            "SET-CONFIG-EPOCH <epoch>",
            "    Set the config epoch of a new node.",
            "SHARDS",
            "    Return which slots and nodes each shard has.",
            "SLOTS",
            "    Return which nodes serve which slots: start, end, primary and replicas.",
        ],
    )
}
