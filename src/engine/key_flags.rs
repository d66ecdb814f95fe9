//! The keys of a request with what the command does with each: for COMMAND GETKEYS and for access rules.
//!
//! Most commands say it in their key specs. A few do different things depending on their arguments, or have keys that the specs
//! cannot express: those have a function for it in their specification.

use super::keys;
use super::spec::KeysAndFlags;
use super::spec::key_flag::{INCOMPLETE, NOT_KEY, VARIABLE_FLAGS};
use super::table::Row;

/// The keys of a request; `None` if its arguments do not fit the command.
pub fn find(row: &Row, args: &[&[u8]]) -> Option<KeysAndFlags> {
    let spec = row.spec;
    if let Some(by_hand) = spec.keys_by_hand
        && (keys::are_unknown(spec.keys) || spec.keys.iter().any(|keys| keys.flags & (INCOMPLETE | VARIABLE_FLAGS) != 0))
    {
        return Some(by_hand(args));
    }
    let mut found = KeysAndFlags::new();
    for keys in spec.keys.iter().filter(|keys| keys.flags & NOT_KEY == 0) {
        found.extend(keys::positions(keys, args)?.into_iter().map(|at| (at, keys.flags)));
    }
    Some(found)
}
