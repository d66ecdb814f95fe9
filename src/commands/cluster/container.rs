//! CLUSTER: what holds its subcommands, and HELP.

use super::{
    addslots, bumpepoch, count_failure_reports, countkeysinslot, delslots, flushslots, forget, getkeysinslot, info, keyslot, links, meet,
    myid, nodes, replicas, reset, saveconfig, set_config_epoch, shards, slots,
};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

pub(crate) static CLUSTER: CommandSpec = CommandSpec {
    name: "cluster",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &addslots::CLUSTER_ADDSLOTS,
        &addslots::CLUSTER_ADDSLOTSRANGE,
        &bumpepoch::CLUSTER_BUMPEPOCH,
        &count_failure_reports::CLUSTER_COUNT_FAILURE_REPORTS,
        &countkeysinslot::CLUSTER_COUNTKEYSINSLOT,
        &delslots::CLUSTER_DELSLOTS,
        &delslots::CLUSTER_DELSLOTSRANGE,
        &flushslots::CLUSTER_FLUSHSLOTS,
        &forget::CLUSTER_FORGET,
        &getkeysinslot::CLUSTER_GETKEYSINSLOT,
        &CLUSTER_HELP,
        &info::CLUSTER_INFO,
        &keyslot::CLUSTER_KEYSLOT,
        &links::CLUSTER_LINKS,
        &meet::CLUSTER_MEET,
        &myid::CLUSTER_MYID,
        &myid::CLUSTER_MYSHARDID,
        &nodes::CLUSTER_NODES,
        &replicas::CLUSTER_REPLICAS,
        &reset::CLUSTER_RESET,
        &saveconfig::CLUSTER_SAVECONFIG,
        &set_config_epoch::CLUSTER_SET_CONFIG_EPOCH,
        &shards::CLUSTER_SHARDS,
        &replicas::CLUSTER_SLAVES,
        &slots::CLUSTER_SLOTS,
    ],
    docs: Docs {
        summary: "Tells about the cluster and changes it",
        complexity: "Depends on subcommand.",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

static CLUSTER_HELP: CommandSpec =
    CommandSpec { run: Run::Data(exec_help), docs: Docs { since: "5.0.0", group: "cluster", ..HELP_DOCS }, ..HELP_SPEC };

const HELP: &[&str] = &[
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
];

fn exec_help(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.cluster()?;
    help(context, "cluster", HELP)
}
