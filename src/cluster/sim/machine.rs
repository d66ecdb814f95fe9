//! The replicated state machine, as far as the core looks at it: what each entry makes of the map.

use crate::cluster::core::{Change, Config, Fault, Map};

/// Applies changes, each of which is made as a whole or not at all.
pub(super) fn apply(map: &mut Map, index: u64, changes: &[Change], config: &Config) {
    map.index = index;
    for change in changes {
        let (Change::Promote { shard, epoch, .. }
        | Change::Recover { shard, epoch, .. }
        | Change::Resume { shard, epoch }
        | Change::InSync { shard, epoch, .. }) = change;
        let Some(state) = map.shards.get_mut(shard).filter(|state| state.epoch == *epoch) else { continue };
        match change {
            Change::Promote { to, .. } => {
                if state.in_sync.contains(to) || config.fault == Some(Fault::PromoteOutOfSync) {
                    state.in_sync.remove(to);
                    (state.primary, state.epoch, state.version) = (*to, epoch + 1, state.version + 1);
                }
            }
            Change::Recover { to, .. } => {
                state.in_sync.clear();
                (state.primary, state.epoch, state.version) = (*to, epoch + 1, state.version + 1);
            }
            Change::Resume { .. } => state.epoch += 1,
            Change::InSync { version, members, .. } => {
                if state.version == *version && !members.contains(&state.primary) {
                    (state.in_sync, state.version) = (members.clone(), version + 1);
                }
            }
        }
    }
}
