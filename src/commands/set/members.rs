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
    for name in names {
        view(keys, *name)?;
    }
    let keys = &*keys;
    let named_first = key::first_of_same_name(names).into_iter().enumerate().filter(|(number, first)| number == first);
    named_first.map(|(number, _)| Ok(keys.beside(names[number]).map(collection::of::<Set>).transpose()?)).collect()
}
