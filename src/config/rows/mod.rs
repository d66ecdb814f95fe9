//! The table of options, by section. Its order is that of `config/larder.conf`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::row::Row;

mod network;

/// A group of options.
pub struct Section {
    /// Heading in `config/larder.conf`.
    pub title: &'static str,
    /// Its options.
    pub rows: &'static [Row],
}

/// All sections.
pub static SECTIONS: &[Section] = &[Section {
    title: "Network",
    rows: network::ROWS,
}];

/// Every option, in the table's order.
pub fn all() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows)
}

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Row>> = LazyLock::new(|| {
    let with_alias = |row: &'static Row| {
        [Some(row.name), row.alias]
            .into_iter()
            .flatten()
            .map(move |name| (name, row))
    };
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
    BY_NAME
        .get_key_value(name.to_ascii_lowercase().as_str())
        .map(|(name, row)| (*name, *row))
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
