//! What the hash commands share.

use crate::engine::context::Context;
use crate::keyspace::value::hash::HashLimits;

/// Up to which size a hash is a small one.
pub(super) fn limits(context: &Context<'_>) -> HashLimits {
    let limit = |option: u64| usize::try_from(option).unwrap_or(usize::MAX);
    HashLimits { entries: limit(context.config.hash_max_listpack_entries), value_len: limit(context.config.hash_max_listpack_value) }
}
