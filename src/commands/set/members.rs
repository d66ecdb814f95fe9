//! What the set commands share: how a set is read, and up to which size it has which form.

use crate::config::Config;
use crate::engine::error::CmdError;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::{self, Key};
use crate::keyspace::value::hash::SmallLimits;
use crate::keyspace::value::set::{Set, SetLimits, SetView};

/// Up to which size a set has which form.
pub(super) fn limits(config: &Config) -> SetLimits {
    SetLimits {
        integers: config.set_max_intset_entries,
        small: SmallLimits { entries: config.set_max_listpack_entries, value_len: config.set_max_listpack_value },
    }
}

/// Reads the set under a key, for a command that only reads.
#[inline]
pub(super) fn view<'k>(keys: &'k mut KeyAccess<'_>, key: Key<'_>) -> Result<Option<SetView<'k>>, CmdError> {
    Ok(keys.read(key).map(collection::of::<Set>).transpose()?)
}

/// The sets under several keys beside each other, `None` where there is none. What is named again is looked up again, since each look-up
/// counts, but comes once: it changes no union and no intersection, and takes nothing further away.
///
/// # Errors
/// If one of the keys holds another type.
pub(super) fn views<'k>(keys: &'k mut KeyAccess<'_>, names: &[Key<'_>]) -> Result<Vec<Option<SetView<'k>>>, CmdError> {
    let mut there = Vec::new();
    for (number, name) in names.iter().enumerate() {
        if view(keys, *name)?.is_some() {
            there.push(number);
        }
    }
    let keys = &*keys;
    // Half a million names of nothing are not worth a comparison.
    let named: Vec<Key<'_>> = there.iter().map(|number| names[*number]).collect();
    let mut comes_again = vec![false; names.len()];
    for (at, first) in key::first_of_same_name(&named).into_iter().enumerate() {
        comes_again[there[at]] = first != at;
    }
    let once = names.iter().zip(comes_again).filter(|(_, comes_again)| !comes_again);
    once.map(|(name, _)| Ok(keys.beside(*name).map(collection::of::<Set>).transpose()?)).collect()
}
