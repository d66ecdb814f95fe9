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
mod shared;

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

/// The option name, or one of `others`, that a misspelt one is closest to, if it is close.
pub(super) fn nearest(name: &str, others: &[&'static str]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    // Two letters are like every other two.
    let distance_max = if name.len() < 3 { 0 } else { (name.len() / 4).clamp(1, 3) };
    names()
        .map(|(known, _)| known)
        .chain(others.iter().copied())
        .map(|known| (edit_distance(&name, known), known))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, known)| known)
}

/// Insertions, deletions, replacements and swaps of neighbouring bytes that lead from one text to the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (index, left) in from.iter().enumerate() {
        let mut row = vec![index + 1];
        for (column, right) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(left != right);
            let mut least = replaced.min(last[column + 1] + 1).min(row[column] + 1);
            if index > 0 && column > 0 && *left == to[column - 1] && from[index - 1] == *right {
                let swapped: usize = before_last[column - 1];
                least = least.min(swapped + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{all, find, names, nearest};
    use crate::config::row::{Form, Kind, Status};
    use crate::config::{Config, rows};

    /// `name|older name|properties|default` of every option of Valkey.
    const VALKEY: &str = include_str!("../../../tests/data/valkey-9.1-options.txt");

    /// Options that Valkey does not have.
    const OWN: [&str; 10] = [
        "cluster-autopilot",
        "cluster-seed",
        "cluster-size",
        "cluster-replicas",
        "cluster-name",
        "cluster-node-name",
        "cluster-secret",
        "keyspace-stripes",
        "rdb-format",
        "repl-aside-size",
    ];

    /// Defaults that differ from Valkey's, and why.
    const OTHER_DEFAULTS: &[(&str, &str)] = &[
        ("cluster-node-timeout", "failover is meant to take well under a second"),
        ("dir", "it is wherever the server was started"),
        ("disable-thp", "there is no fork whose copies would grow with the pages"),
        ("io-threads", "workers execute commands, so there is one per core"),
        ("repl-diskless-sync-delay", "a replica has its copy as soon as can be, since one that is taken costs no fork"),
    ];

    #[test]
    fn the_table_has_every_option_of_valkey() {
        let config = Config::default();
        let lines = VALKEY.lines().filter(|line| !line.starts_with('#'));
        let valkey: BTreeMap<&str, Vec<&str>> =
            lines.map(|line| line.split('|').collect::<Vec<_>>()).map(|columns| (columns[0], columns)).collect();
        assert_eq!(valkey.len(), 225);
        for row in all().filter(|row| !OWN.contains(&row.name)) {
            let columns = valkey.get(row.name).unwrap_or_else(|| panic!("Valkey has no {}", row.name));
            assert_eq!(row.alias.unwrap_or(""), columns[1], "{}", row.name);
            let properties = [
                (row.is_denied_while_loading, "deny_loading"),
                (row.is_hidden, "hidden"),
                (row.is_immutable, "immutable"),
                (row.is_multi_arg, "multi_arg"),
                (row.is_protected, "protected"),
                (row.is_sensitive, "sensitive"),
            ];
            let properties: Vec<_> = properties.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
            assert_eq!(properties.join(" "), columns[2], "{}", row.name);
            if !OTHER_DEFAULTS.iter().any(|(name, _)| *name == row.name) {
                assert_eq!(row.get(&config), columns[3], "{}", row.name);
            }
            assert!(!row.is_fixed, "{}", row.name);
        }
        for name in valkey.keys() {
            assert!(find(name).is_some(), "{name} is missing");
        }
        assert_eq!(all().count(), valkey.len() + OWN.len());
        assert!(OTHER_DEFAULTS.iter().all(|(name, why)| valkey.contains_key(name) && !why.is_empty()));
    }

    #[test]
    fn rows_are_well_formed() {
        let mut seen = std::collections::BTreeSet::new();
        for row in all() {
            for name in [Some(row.name), row.alias].into_iter().flatten() {
                assert!(seen.insert(name), "{name} is there twice");
                let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
                assert!(name.bytes().all(is_legal), "{name}");
            }
            assert!(row.doc.ends_with('.'), "{}: the text is a sentence", row.name);
            assert!(!row.allowed().is_empty());
            if let Status::NoEffect(reason) | Status::Later(reason) = row.status {
                assert!(!reason.is_empty() && !reason.ends_with('.'), "{}: {reason}", row.name);
            }
        }
        assert_eq!(names().count(), seen.len());
    }

    #[test]
    fn every_default_can_be_given_again() {
        let default = Config::default();
        for row in all() {
            let mut config = default.clone();
            let text = row.get(&default);
            let args: Vec<String> = match row.name {
                "replicaof" => vec!["no".to_owned(), "one".to_owned()],
                _ if row.is_multi_arg => text.split(' ').map(str::to_owned).collect(),
                _ => vec![text.clone()],
            };
            assert_eq!(row.set(&mut config, &args, false), Ok(()), "{} {text}", row.name);
            assert_eq!(row.get(&config), text, "{}", row.name);
            assert!(row.is_default(&config));
        }
    }

    /// The range of a row must fit the type of its field, and what CONFIG GET shows must be accepted again.
    #[test]
    fn the_ends_of_every_range_can_be_stored() {
        for row in all().filter(|row| !matches!(row.status, Status::Later(_))) {
            let Kind::Number { min, max, form, .. } = row.kind else {
                continue;
            };
            for (end, is_percent) in [(min, form == Form::MemoryOrPercent), (max, false)] {
                let text = match form {
                    Form::Octal => format!("{end:o}"),
                    _ if is_percent => format!("{}%", -end),
                    _ => end.to_string(),
                };
                let mut config = Config::default();
                assert_eq!(row.set(&mut config, std::slice::from_ref(&text), false), Ok(()), "{} {text}", row.name);
                let shown = row.get(&config);
                assert_eq!(row.set(&mut config, std::slice::from_ref(&shown), false), Ok(()), "{} {shown}", row.name);
                assert_eq!(row.get(&config), shown);
            }
        }
    }

    #[test]
    fn options_that_wait_for_a_later_version_take_only_their_default() {
        let other = |row: &rows::Row| -> Vec<String> {
            let args: &[&str] = match (row.name, row.get(&Config::default()).as_str()) {
                ("save", _) => &["900", "1"],
                ("replicaof", _) => &["127.0.0.1", "6379"],
                (_, "no") => &["yes"],
                (_, "0") => &["1"],
                (_, "") => &["something"],
                (name, default) => panic!("{name} with the default {default} needs another value here"),
            };
            args.iter().map(|arg| (*arg).to_owned()).collect()
        };
        for row in all() {
            if let Status::Later(reason) = row.status {
                let error = row.set(&mut Config::default(), &other(row), false).unwrap_err();
                assert!(error.starts_with(reason) && error.ends_with("is accepted for now"), "{}: {error}", row.name);
            }
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_option() {
        for (misspelt, meant) in [
            ("maxmemroy", Some("maxmemory")),
            ("max-memory", Some("maxmemory")),
            ("prot", Some("port")),
            ("-port", Some("port")),
            ("por", Some("port")),
            ("Cluster-Enable", Some("cluster-enabled")),
            ("something-else", None),
            ("x", None),
        ] {
            assert_eq!(nearest(misspelt, &[]), meant, "{misspelt}");
        }
    }
}
