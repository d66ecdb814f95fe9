//! What must hold whatever happens. Knows the true time and every node, and nothing of how the core decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::data::Data;
use crate::cluster::core::{Config, Map, Membership, Process, ShardState};
use crate::topology::{NodeId, ShardId};

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Checker {
    /// The map as it was applied first, by index.
    maps: Vec<Arc<Map>>,
    shards: BTreeMap<ShardId, Seen>,
    sync: bool,
}

#[derive(Debug, Default)]
struct Seen {
    /// How much was acknowledged, and what its last piece was.
    acknowledged: u64,
    content: u64,
    acknowledged_us: u64,
    served_epoch: u64,
    /// How much was acknowledged in that epoch, forgotten or not.
    in_epoch: u64,
    /// The epoch in which all were lost: what the primary of an earlier one goes on acknowledging is lost with them.
    lost_epoch: u64,
}

/// What should never be.
pub(super) type Violation = String;

impl Checker {
    pub(super) fn new(first: Arc<Map>, config: &Config) -> Checker {
        let shards = first.shards.keys().map(|shard| (*shard, Seen::default())).collect();
        Checker { maps: vec![first], shards, sync: config.sync }
    }

    /// The newest map that any node has applied.
    pub(super) fn map(&self) -> &Arc<Map> {
        self.maps.last().expect("there is a first one")
    }

    /// A node applied an entry.
    pub(super) fn applied(&mut self, map: &Arc<Map>, is_alive: impl Fn(&Process) -> bool) -> Result<(), Violation> {
        let first = self.maps[0].index;
        if let Some(known) = self.maps.get((map.index - first) as usize) {
            return if known == map { Ok(()) } else { Err(format!("two nodes have different maps at entry {}", map.index)) };
        }
        let before = Arc::clone(self.map());
        for (shard, state) in &map.shards {
            let old = &before.shards[shard];
            if state.epoch < old.epoch || state.epoch == old.epoch && state.primary != old.primary {
                return Err(format!(
                    "the epoch of shard {shard} goes from {} to {}, its primary from {:?} to {:?}",
                    old.epoch, state.epoch, old.primary, state.primary
                ));
            }
            if state.primary == old.primary || old.in_sync.contains(&state.primary) {
                continue;
            }
            if members(old).any(&is_alive) {
                if self.sync {
                    return Err(format!("{:?} is promoted, which is not in sync, and {:?} lives", state.primary, old));
                }
                // What is acknowledged may be lost after such a wait: that is the operator's choice.
                self.forget(*shard, state.epoch);
            }
        }
        self.maps.push(Arc::clone(map));
        self.look_for_losses(is_alive);
        Ok(())
    }

    /// A process ended, or the map changed: where nobody of the in-sync set is left, nothing is promised.
    pub(super) fn look_for_losses(&mut self, is_alive: impl Fn(&Process) -> bool) {
        let map = Arc::clone(self.map());
        for (shard, state) in &map.shards {
            if !members(state).any(&is_alive) {
                self.forget(*shard, state.epoch);
            }
        }
    }

    fn forget(&mut self, shard: ShardId, epoch: u64) {
        let seen = self.shards.entry(shard).or_default();
        (seen.acknowledged, seen.content, seen.lost_epoch) = (0, 0, epoch);
    }

    /// A process may serve the shard at this moment, in this epoch, with these data.
    pub(super) fn serves(&mut self, shard: ShardId, epoch: u64, data: &Data) -> Result<(), Violation> {
        let seen = self.shards.entry(shard).or_default();
        if epoch < seen.served_epoch {
            return Err(format!("shard {shard} is served in epoch {epoch} after {}", seen.served_epoch));
        }
        if epoch > seen.served_epoch {
            (seen.served_epoch, seen.in_epoch) = (epoch, 0);
        }
        match data.has(seen.acknowledged, seen.content) {
            true => Ok(()),
            false => {
                Err(format!("shard {shard} is served in epoch {epoch} without the {} writes that were acknowledged", seen.acknowledged))
            }
        }
    }

    /// It acknowledges all up to `offset`.
    pub(super) fn acknowledges(&mut self, shard: ShardId, offset: u64, data: &Data, now_us: u64) {
        let seen = self.shards.entry(shard).or_default();
        if offset > seen.acknowledged && offset > seen.in_epoch && seen.served_epoch >= seen.lost_epoch {
            seen.in_epoch = offset;
            (seen.acknowledged, seen.content, seen.acknowledged_us) = (offset, data.content(offset), now_us);
        }
    }

    /// When the shard acknowledged anything last.
    pub(super) fn acknowledged_us(&self, shard: ShardId) -> u64 {
        self.shards.get(&shard).map_or(0, |seen| seen.acknowledged_us)
    }

    /// The voters are members of the cluster.
    pub(super) fn votes(&self, membership: &Membership) -> Result<(), Violation> {
        let voters: BTreeSet<&NodeId> = membership.voters.iter().chain(membership.outgoing.iter().flatten()).collect();
        match voters.iter().find(|voter| !self.map().members.contains_key(voter)) {
            Some(stranger) => Err(format!("{stranger} votes and is no member")),
            None => Ok(()),
        }
    }
}

/// Whoever has everything that was acknowledged.
fn members(state: &ShardState) -> impl Iterator<Item = &Process> {
    state.in_sync.iter().chain([&state.primary])
}
