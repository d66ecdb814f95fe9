//! A voter's side of leases: whom it grants what, and what it never will again.
//!
//! * An epoch is one process's. Whoever else asks in its name is refused.
//! * A voter that granted an epoch, or has an entry in its log that ends one, refuses all epochs below. An entry that is cut from the log, or
//!   turns out to have changed nothing, refuses no longer.
//! * What it granted before a restart is forgotten: so it grants nothing until that must be over.
//! * A holder that counts by an older membership than the voter's is refused: its majority need not meet others' any more.
//! * After a jump of the clock, whose cause nobody can tell, what had not ended before it counts as granted just now.
//!
//! Nothing of it is written to disk. A majority has each promotion in its log before the new primary asks for its first lease, and a voter
//! that comes back without having sealed the old epoch is one too few to renew it.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::types::{Change, Process, Renewal};
use super::view::View;
use crate::topology::ShardId;

/// What this voter granted. Bounded by the shards of the map, and by the leases of one lease length.
#[derive(Debug)]
pub(super) struct Grants {
    started_ms: u64,
    shards: BTreeMap<ShardId, Shard>,
    /// Ends of epochs in entries that are in the log and not applied: where, of which shard, up to which epoch. Bounded as the log is.
    pending: Vec<(u64, ShardId, u64)>,
}

#[derive(Debug, Default)]
struct Shard {
    /// Epochs below are refused.
    lowest: u64,
    grants: Vec<Grant>,
}

#[derive(Debug, Clone, Copy)]
struct Grant {
    epoch: u64,
    holder: Process,
    until_ms: u64,
}

impl Grants {
    pub(super) fn new(now_ms: u64) -> Self {
        Grants { started_ms: now_ms, shards: BTreeMap::new(), pending: Vec::new() }
    }

    /// An entry was appended to the log.
    pub(super) fn appended(&mut self, index: u64, changes: &[Change]) {
        self.pending.extend(changes.iter().filter_map(Change::seals).map(|(shard, epoch)| (index, shard, epoch)));
    }

    /// The log was cut.
    pub(super) fn truncated(&mut self, index: u64) {
        self.pending.retain(|(at, ..)| *at < index);
    }

    /// The map was applied up to `index`: whatever those entries did stands in the map.
    pub(super) fn applied(&mut self, index: u64, exists: impl Fn(&ShardId) -> bool) {
        self.pending.retain(|(at, ..)| *at > index);
        self.shards.retain(|shard, _| exists(shard));
    }

    /// The process was frozen, or its clock was set forward.
    pub(super) fn woke(&mut self, before_ms: u64, now_ms: u64, lease_ms: u64) {
        if before_ms < self.started_ms + lease_ms {
            self.started_ms = now_ms;
        }
        for grant in self.shards.values_mut().flat_map(|shard| &mut shard.grants) {
            if grant.until_ms > before_ms {
                grant.until_ms = grant.until_ms.max(now_ms + lease_ms);
            }
        }
    }

    /// A primary asks for its lease. Returns what remains of leases of older epochs, or `None` if it is refused.
    pub(super) fn grant(&mut self, view: &View, holder: Process, asked: &Renewal) -> Option<u64> {
        let now_ms = view.now_ms;
        let has_just_started = now_ms < self.started_ms + view.config.lease_ms && !view.config.has(Fault::GrantAtStart);
        let state = view.map.shards.get(&asked.shard)?;
        let is_anothers = asked.epoch == state.epoch && holder != state.primary && !view.config.has(Fault::RestartEmpty);
        if has_just_started || asked.membership < view.membership.id || asked.epoch < state.epoch || is_anothers {
            return None;
        }
        if self.pending.iter().any(|(_, shard, epoch)| *shard == asked.shard && asked.epoch <= *epoch) {
            return None;
        }
        let shard = self.shards.entry(asked.shard).or_default();
        let is_anothers = shard.grants.iter().any(|grant| grant.epoch == asked.epoch && grant.holder != holder);
        if asked.epoch < shard.lowest || is_anothers && !view.config.has(Fault::RestartEmpty) {
            return None;
        }
        if !view.config.has(Fault::NoSeal) {
            shard.lowest = asked.epoch;
        }
        shard.grants.retain(|grant| grant.until_ms > now_ms);
        // What the same process holds of an older epoch is no danger to itself.
        let others = shard.grants.iter().filter(|grant| grant.epoch < asked.epoch && grant.holder != holder);
        let old_left_ms = others.map(|grant| grant.until_ms - now_ms).max().unwrap_or(0);
        let until_ms = now_ms + view.config.lease_ms;
        match shard.grants.iter_mut().find(|grant| grant.epoch == asked.epoch) {
            Some(grant) => grant.until_ms = until_ms,
            None => shard.grants.push(Grant { epoch: asked.epoch, holder, until_ms }),
        }
        Some(old_left_ms)
    }

    /// The holder gave its lease back.
    pub(super) fn released(&mut self, holder: Process, shard: ShardId, epoch: u64) {
        let Some(shard) = self.shards.get_mut(&shard) else { return };
        let count = shard.grants.len();
        shard.grants.retain(|grant| grant.epoch != epoch || grant.holder != holder);
        // A renewal that was sent before and comes after must not be granted.
        if shard.grants.len() < count {
            shard.lowest = shard.lowest.max(epoch + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, process, shard};
    use crate::cluster::core::types::{Config, LogId, Map, Membership, RaftReport};

    /// A voter that started at 0; primary of shard 1 is process 1 of node 1, in epoch 1.
    struct Voter {
        grants: Grants,
        map: Map,
        membership: Membership,
    }

    enum Step {
        /// At this time, (node, incarnation) asks for this epoch: granted with so much left, or refused.
        Ask(u64, (u64, u64), u64, Option<u64>),
        Append(u64, u64),
        Truncate(u64),
        /// Applied up to here, the epoch is this, of this process.
        Apply(u64, u64, (u64, u64)),
        Release((u64, u64), u64),
        Wake(u64, u64),
        Membership(u64),
    }

    fn check(name: &str, steps: &[Step]) {
        let mut voter = Voter { grants: Grants::new(0), map: map(3, 2), membership: membership(1, &[1, 2, 3]) };
        let (config, raft, live) = (Config::default(), RaftReport::default(), Liveness::new(0));
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Step::Ask(now_ms, (node, incarnation), epoch, expected) => {
                    let view = View {
                        now_ms,
                        me: process(3, 1),
                        config: &config,
                        map: &voter.map,
                        membership: &voter.membership,
                        membership_since_ms: 0,
                        raft: &raft,
                        live: &live,
                        stopped: 0,
                    };
                    let asked = Renewal { shard: shard(1), epoch, sent_ms: 0, membership: LogId { term: 1, index: 1 } };
                    assert_eq!(voter.grants.grant(&view, process(node, incarnation), &asked), expected, "{name}, step {at}");
                }
                Step::Append(index, epoch) => {
                    voter.grants.appended(index, &[Change::Promote { shard: shard(1), epoch, to: process(4, 1) }]);
                }
                Step::Truncate(index) => voter.grants.truncated(index),
                Step::Apply(index, epoch, (node, incarnation)) => {
                    let state = voter.map.shards.get_mut(&shard(1)).unwrap();
                    (state.epoch, state.primary) = (epoch, process(node, incarnation));
                    voter.grants.applied(index, |_| true);
                }
                Step::Release((node, incarnation), epoch) => voter.grants.released(process(node, incarnation), shard(1), epoch),
                Step::Wake(before_ms, now_ms) => voter.grants.woke(before_ms, now_ms, config.lease_ms),
                Step::Membership(index) => voter.membership.id.index = index,
            }
        }
    }

    #[test]
    fn grants() {
        use Step::{Append, Apply, Ask, Membership, Release, Truncate, Wake};
        check("who has just started waits", &[Ask(299, (1, 1), 1, None), Ask(300, (1, 1), 1, Some(0))]);
        check("a renewal", &[Ask(300, (1, 1), 1, Some(0)), Ask(375, (1, 1), 1, Some(0))]);
        check("another process of the node", &[Ask(300, (1, 1), 1, Some(0)), Ask(310, (1, 2), 1, None), Ask(900, (1, 2), 1, None)]);
        check("another node", &[Ask(300, (4, 1), 1, None)]);
        check("a newer epoch seals", &[Ask(300, (1, 1), 1, Some(0)), Ask(400, (4, 1), 2, Some(200)), Ask(410, (1, 1), 1, None)]);
        check("less and less is left", &[Ask(300, (1, 1), 1, Some(0)), Ask(400, (4, 1), 2, Some(200)), Ask(590, (4, 1), 2, Some(10))]);
        check("one epoch, one process", &[Ask(300, (4, 1), 2, Some(0)), Ask(310, (1, 1), 2, None)]);
        check("two are older", &[Ask(300, (1, 1), 1, Some(0)), Ask(350, (4, 1), 2, Some(250)), Ask(400, (1, 2), 3, Some(250))]);
        check("the same process", &[Ask(300, (1, 1), 1, Some(0)), Ask(350, (1, 1), 2, Some(0)), Ask(360, (1, 1), 1, None)]);
        check("in the log", &[Append(5, 1), Ask(300, (1, 1), 1, None), Truncate(5), Ask(310, (1, 1), 1, Some(0))]);
        check("in the log, in a later epoch", &[Append(5, 1), Ask(300, (4, 1), 2, Some(0))]);
        check("cut behind it", &[Append(5, 1), Truncate(6), Ask(310, (1, 1), 1, None)]);
        check("applied", &[Append(5, 1), Apply(5, 2, (4, 1)), Ask(300, (1, 1), 1, None), Ask(300, (4, 1), 2, Some(0))]);
        check("applied, refused", &[Append(5, 1), Apply(5, 1, (1, 1)), Ask(300, (1, 1), 1, Some(0))]);
        check("released", &[Ask(300, (1, 1), 1, Some(0)), Release((1, 1), 1), Ask(310, (1, 1), 1, None), Ask(310, (4, 1), 2, Some(0))]);
        check("released by another", &[Ask(300, (1, 1), 1, Some(0)), Release((1, 2), 1), Ask(310, (1, 1), 1, Some(0))]);
        check("a frozen voter", &[Ask(300, (1, 1), 1, Some(0)), Wake(310, 5000), Ask(5000, (4, 1), 2, Some(300))]);
        check("frozen after the end", &[Ask(300, (1, 1), 1, Some(0)), Wake(600, 5000), Ask(5000, (4, 1), 2, Some(0))]);
        check("frozen at its start", &[Wake(100, 5000), Ask(5299, (1, 1), 1, None), Ask(5300, (1, 1), 1, Some(0))]);
        check("an older membership", &[Membership(2), Ask(300, (1, 1), 1, None)]);
    }
}
