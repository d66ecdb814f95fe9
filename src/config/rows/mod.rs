//! The table of options, by section. Its order is that of `config/larder.conf`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::row::Row;

mod clients;
mod cluster;
mod data;
mod general;
mod memory;
mod network;
mod observe;
mod own;
mod persistence;
mod replication;
mod security;

const PORT_MAX: i128 = u16::MAX as i128;
const INT_MIN: i128 = i32::MIN as i128;
const INT_MAX: i128 = i32::MAX as i128;
const UINT_MAX: i128 = u32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const MIB: i128 = 1 << 20;
/// Most workers that can be asked for.
const IO_THREADS_MAX: i128 = 256;

// Reasons that several options share.
const ACL_TUNING: &str = "it tunes access control lists, which this version does not have yet";
const CLUSTER_BUS: &str = "nodes of Larder talk to each other in a way of their own";
const PERSISTENCE: &str = "saving to disk is not there yet";
const PERSISTENCE_TUNING: &str = "it tunes saving to disk, which this version does not have yet";
const RDMA: &str = "RDMA is not supported";
const REPLICATION: &str = "replication is not there yet";
const REPLICATION_TUNING: &str = "it tunes replication, which this version does not have yet";
const TLS: &str = "TLS is not there yet";
const TLS_TUNING: &str = "it tunes TLS, which this version does not have yet";

/// A group of options.
pub struct Section {
    /// Heading in `config/larder.conf`.
    pub title: &'static str,
    /// Its options.
    pub rows: &'static [Row],
}

/// All sections.
pub static SECTIONS: &[Section] = &[
    Section::new("Network", network::ROWS),
    Section::new("TLS", network::TLS_ROWS),
    Section::new("Process", general::ROWS),
    Section::new("Log", general::LOG_ROWS),
    Section::new("Security", security::ROWS),
    Section::new("Clients", clients::ROWS),
    Section::new("Memory", memory::ROWS),
    Section::new("Data types", data::ROWS),
    Section::new("Events, command log, latency", observe::ROWS),
    Section::new("Cluster", cluster::ROWS),
    Section::new("Cluster autopilot and keyspace (Larder's own)", own::ROWS),
    Section::new("Saving to disk", persistence::ROWS),
    Section::new("Replication", replication::ROWS),
];

impl Section {
    const fn new(title: &'static str, rows: &'static [Row]) -> Self {
        Self { title, rows }
    }
}

/// Every option, in the table's order.
pub fn all() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows)
}

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Row>> = LazyLock::new(|| {
    let with_alias = |row: &'static Row| [Some(row.name), row.alias].into_iter().flatten().map(move |name| (name, row));
    all().flat_map(with_alias).collect()
});

/// Names and aliases with their rows, sorted.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static Row)> {
    BY_NAME.iter().map(|(name, row)| (*name, *row))
}

/// The option of this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static Row> {
    find_named(name).map(|(_, row)| row)
}

/// Like [`find`], with the name or alias as the table spells it.
pub(super) fn find_named(name: &str) -> Option<(&'static str, &'static Row)> {
    BY_NAME.get_key_value(name.to_ascii_lowercase().as_str()).map(|(name, row)| (*name, *row))
}

/// The option name that a misspelt one is closest to, if it is close.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let distance_max = (name.len() / 4).min(3);
    names()
        .map(|(known, _)| (edit_distance(&name, known), known))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, known)| known)
}

/// Insertions, deletions and replacements of bytes that lead from one text to the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, left) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
