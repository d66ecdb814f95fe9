//! CLUSTER and the commands of connections to a cluster. What changes the cluster is a proposal to the control plane; what tells
//! about it reads the published map.
//!
//! Subcommands that are not there yet, and answer that they are unknown: FAILOVER, FLUSHSLOT, REPLICATE, SETSLOT, SLOT-STATS and those
//! of atomic slot migration.

mod addslots;
mod asking;
mod bumpepoch;
mod clusterscan;
mod container;
mod count_failure_reports;
mod countkeysinslot;
mod delslots;
mod find_node;
mod flushslots;
mod forget;
mod getkeysinslot;
mod in_transaction;
mod info;
mod keyslot;
mod links;
mod meet;
mod myid;
mod nodes;
mod own_keys;
mod readonly;
mod replicas;
mod reset;
mod saveconfig;
mod set_config_epoch;
mod shards;
mod slot_arguments;
mod slots;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] =
    &[&asking::ASKING, &container::CLUSTER, &clusterscan::CLUSTERSCAN, &readonly::READONLY, &readonly::READWRITE];
