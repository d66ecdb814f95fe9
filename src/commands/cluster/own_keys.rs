//! What keys this node has.

use crate::engine::context::Context;
use crate::keyspace::stripe::Keys;

/// Whether this node has any key.
pub(super) fn has_keys(context: &Context<'_>) -> bool {
    let keyspace = &context.shared.keyspace;
    (0..keyspace.databases() as u32).any(|db| keyspace.db_size(db).0 > 0)
}

/// Looks at the keys of a slot in the selected database, whose stripe is locked meanwhile. `None`: there have never been any.
pub(super) fn with_slot<R>(context: &mut Context<'_>, slot: u16, look: impl FnOnce(Option<&Keys>) -> R) -> R {
    let (stripe, table) = context.shared.keyspace.slot_table(slot);
    let number = context.keys.db as usize * context.shared.keyspace.tables_per_db() + table as usize;
    context.keys.with_stripe(stripe, |keys| look(keys.stripe(stripe).table(number)))
}
