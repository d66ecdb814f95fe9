//! What keys this node has.

use crate::engine::context::Context;
use crate::engine::shared::Shared;
use crate::engine::sweep;
use crate::keyspace::stripe::Keys;

/// Whether this node has any key. Waits for stripes that others hold, and its worker serves its clients meanwhile.
pub(super) async fn has_keys(shared: &Shared) -> bool {
    sweep::any_stripe(shared, |stripe| stripe.tables().any(|(_, keys)| !keys.table.is_empty())).await
}

/// Looks at the keys of a slot in the selected database, whose stripe is locked meanwhile. `None`: there have never been any.
pub(super) fn with_slot<R>(context: &mut Context<'_>, slot: u16, look: impl FnOnce(Option<&Keys>) -> R) -> R {
    let (stripe, table) = context.shared.keyspace.slot_table(slot);
    let number = context.keys.db as usize * context.shared.keyspace.tables_per_db() + table as usize;
    context.keys.with_stripe(stripe, |keys| look(keys.stripe(stripe).table(number)))
}
