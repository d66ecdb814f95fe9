//! CLUSTER and the commands of connections to a cluster. What changes the cluster is a proposal to the control plane; what tells
//! about it reads the published map.
//!
//! Subcommands that are not there yet, and answer that they are unknown: FAILOVER, FLUSHSLOT, REPLICATE, SETSLOT, SLOT-STATS and those
//! of atomic slot migration.

mod addslots;
mod addslotsrange;
mod asking;
mod bumpepoch;
mod clusterscan;
mod count_failure_reports;
mod countkeysinslot;
mod delslots;
mod delslotsrange;
mod flushslots;
mod forget;
mod getkeysinslot;
mod help;
mod info;
mod keyslot;
mod links;
mod meet;
mod myid;
mod myshardid;
mod nodes;
mod readonly;
mod readwrite;
mod replicas;
mod reset;
mod saveconfig;
mod set_config_epoch;
mod shards;
pub(in crate::commands) mod slot_arguments;
mod slots;

use crate::engine::context::Context;
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};
use crate::keyspace::stripe::Keys;
use crate::topology::{Node, NodeId, Topology};

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&asking::ASKING, &CLUSTER, &clusterscan::CLUSTERSCAN, &readonly::READONLY, &readwrite::READWRITE];

pub(crate) static CLUSTER: CommandSpec = CommandSpec {
    name: "cluster",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &addslots::CLUSTER_ADDSLOTS,
        &addslotsrange::CLUSTER_ADDSLOTSRANGE,
        &bumpepoch::CLUSTER_BUMPEPOCH,
        &count_failure_reports::CLUSTER_COUNT_FAILURE_REPORTS,
        &countkeysinslot::CLUSTER_COUNTKEYSINSLOT,
        &delslots::CLUSTER_DELSLOTS,
        &delslotsrange::CLUSTER_DELSLOTSRANGE,
        &flushslots::CLUSTER_FLUSHSLOTS,
        &forget::CLUSTER_FORGET,
        &getkeysinslot::CLUSTER_GETKEYSINSLOT,
        &help::CLUSTER_HELP,
        &info::CLUSTER_INFO,
        &keyslot::CLUSTER_KEYSLOT,
        &links::CLUSTER_LINKS,
        &meet::CLUSTER_MEET,
        &myid::CLUSTER_MYID,
        &myshardid::CLUSTER_MYSHARDID,
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

/// The node that an argument names.
fn find_node<'t>(topology: &'t Topology, arg: &[u8]) -> Result<&'t Node, CmdError> {
    let id = std::str::from_utf8(arg).ok().and_then(|id| id.parse::<NodeId>().ok());
    let node = id.and_then(|id| topology.node(&id));
    node.ok_or_else(|| CmdError::naming("Unknown node {}", arg))
}

/// Whether this node has any key.
fn has_keys(context: &Context<'_>) -> bool {
    let keyspace = &context.shared.keyspace;
    (0..keyspace.databases() as u32).any(|db| keyspace.db_size(db).0 > 0)
}

/// Looks at the keys of a slot in the selected database, whose stripe is locked meanwhile. `None`: there have never been any.
fn with_slot<R>(context: &mut Context<'_>, slot: u16, look: impl FnOnce(Option<&Keys>) -> R) -> R {
    let (stripe, table) = context.shared.keyspace.slot_table(slot);
    let number = context.keys.db as usize * context.shared.keyspace.tables_per_db() + table as usize;
    context.keys.with_stripe(stripe, |keys| look(keys.stripe(stripe).table(number)))
}

/// Whether the client should be told TLS ports: it came over TLS itself.
fn wants_tls(_: &Context<'_>) -> bool {
    // No connection is encrypted yet.
    false
}
