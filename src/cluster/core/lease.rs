//! A primary's side of leases.
//!
//! * A lease is valid while a majority of the voters granted it, counted from when it was asked for: whatever a clock or a network does, the
//!   voters count longer than the holder.
//! * The first lease of an epoch is served only when what remains of older ones, as a majority told when it granted this one, is over, counted
//!   from when the answers came. Voters that answered grant the older ones no more, so that it stays so.
//! * Two majorities meet only in one membership. So a holder whose membership has just changed waits as long as a lease can last that was
//!   granted under the one before.
//! * Only the process that the map names asks at all, and only until it released its lease.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::timing::{hold_ms, outlast_ms, renew_ms};
use super::types::{Action, LogId, Message, Renewal};
use super::view::View;
use crate::topology::{NodeId, ShardId};

/// The lease of this process.
#[derive(Debug, Default)]
pub(super) struct Lease {
    held: Option<Held>,
    /// The latest epoch in which it was released.
    released: Option<u64>,
}

#[derive(Debug)]
struct Held {
    shard: ShardId,
    epoch: u64,
    voters: BTreeMap<NodeId, Vote>,
    /// Whether older leases are over.
    is_ready: bool,
    until_ms: u64,
    /// Until when the same process holds the lease of an earlier epoch: whoever came in between waited for its end.
    carried_until_ms: u64,
    renew_at_ms: u64,
    /// The membership, by which the last renewal was asked for.
    asked_of: LogId,
}

/// What a voter granted.
#[derive(Debug, Clone, Copy)]
struct Vote {
    sent_ms: u64,
    /// When older leases are over that it granted.
    ready_ms: u64,
}

impl Lease {
    /// Whether replies may leave now. To be asked after the requests have run, with a fresh reading of the clock.
    pub(super) fn may_serve(&self, now_ms: u64) -> bool {
        let Some(held) = self.held.as_ref().filter(|held| self.released != Some(held.epoch)) else { return false };
        now_ms < held.carried_until_ms || held.is_ready && now_ms < held.until_ms
    }

    /// The process was frozen, or its clock was set forward: what it waits for may last longer than the clock says.
    pub(super) fn woke(&mut self, before_ms: u64, now_ms: u64, lease_ms: u64) {
        let Some(held) = &mut self.held else { return };
        for vote in held.voters.values_mut().filter(|vote| vote.ready_ms > before_ms) {
            vote.ready_ms = vote.ready_ms.max(now_ms + lease_ms);
        }
    }

    /// A voter granted it.
    pub(super) fn granted(&mut self, view: &View, from: NodeId, epoch: u64, sent_ms: u64, old_left_ms: u64) {
        let Some(held) = self.held.as_mut().filter(|held| held.epoch == epoch) else { return };
        let counted_from_ms = if view.config.has(Fault::StaleAges) { sent_ms } else { view.now_ms };
        let sent_ms = if view.config.has(Fault::CountFromReceipt) { view.now_ms } else { sent_ms };
        let ready_ms = counted_from_ms + old_left_ms;
        let vote = held.voters.entry(from).or_insert(Vote { sent_ms, ready_ms });
        vote.sent_ms = vote.sent_ms.max(sent_ms);
        vote.ready_ms = vote.ready_ms.min(ready_ms);
    }

    /// The node is about to end.
    pub(super) fn release(&mut self, view: &View, actions: &mut Vec<Action>) {
        let Some(held) = &self.held else { return };
        self.released = Some(held.epoch);
        let message = Message::Release { shard: held.shard, epoch: held.epoch };
        actions.extend(view.membership.everyone().into_iter().map(|to| Action::Send { to, message: message.clone() }));
    }

    /// Takes whatever step is due.
    pub(super) fn look(&mut self, view: &View, actions: &mut Vec<Action>) {
        let reign = view
            .map
            .shard_of(view.me.node)
            .filter(|(_, state)| state.primary == view.me || view.config.has(Fault::RestartEmpty) && state.primary.node == view.me.node);
        let Some((shard, state)) = reign else {
            self.held = None;
            return;
        };
        let now_ms = view.now_ms;
        if self.held.as_ref().is_none_or(|held| held.epoch != state.epoch) {
            let before = self.held.take().filter(|held| self.released != Some(held.epoch));
            let carried_until_ms = before.map_or(0, |held| held.carried_until_ms.max(if held.is_ready { held.until_ms } else { 0 }));
            self.held = Some(Held {
                shard,
                epoch: state.epoch,
                voters: BTreeMap::new(),
                is_ready: false,
                until_ms: 0,
                carried_until_ms,
                renew_at_ms: now_ms,
                asked_of: view.membership.id,
            });
        }
        let Some(held) = &mut self.held else { return };
        if self.released != Some(held.epoch) && (now_ms >= held.renew_at_ms || held.asked_of != view.membership.id) {
            (held.renew_at_ms, held.asked_of) = (now_ms + renew_ms(view.config.lease_ms), view.membership.id);
            let renewal = Renewal { shard, epoch: held.epoch, sent_ms: now_ms, membership: view.membership.id };
            let voters = view.membership.everyone().into_iter();
            // The own grant takes the way of all others: the core sends what is addressed to itself to itself.
            actions.extend(voters.map(|to| Action::Send { to, message: Message::Renew(renewal) }));
        }
        held.count(view);
    }

    /// The next time at which something here changes by itself.
    pub(super) fn deadline(&self, view: &View) -> u64 {
        let Some(held) = &self.held else { return u64::MAX };
        let ready_ms = if held.is_ready { None } else { held.ready_ms(view) };
        held.renew_at_ms.min(ready_ms.filter(|at_ms| *at_ms > view.now_ms).unwrap_or(u64::MAX))
    }
}

impl Held {
    /// Counts votes: is the lease ready, and until when is it held?
    fn count(&mut self, view: &View) {
        if view.config.has(Fault::SkipLease) {
            (self.is_ready, self.until_ms) = (true, u64::MAX);
        }
        let leader = view.live.leader();
        let is_held_since = |sent_ms: u64| {
            let granted = |voter: &NodeId| self.voters.get(voter).is_some_and(|vote| vote.sent_ms >= sent_ms);
            match leader {
                Some(leader) if view.config.has(Fault::LeaderGrants) => granted(&leader),
                _ => view.membership.is_quorum(granted),
            }
        };
        let since_ms = self.voters.values().map(|vote| vote.sent_ms).filter(|sent_ms| is_held_since(*sent_ms)).max();
        if let Some(since_ms) = since_ms {
            self.until_ms = self.until_ms.max(since_ms + hold_ms(view.config.lease_ms));
        }
        self.is_ready = self.is_ready || since_ms.is_some() && self.ready_ms(view).is_some_and(|ready_ms| view.now_ms >= ready_ms);
    }

    /// When older leases are over, as far as a majority has told.
    fn ready_ms(&self, view: &View) -> Option<u64> {
        let told = |by_ms: u64| {
            let is_over = |voter: &NodeId| self.voters.get(voter).is_some_and(|vote| vote.ready_ms <= by_ms);
            match view.live.leader() {
                Some(leader) if view.config.has(Fault::LeaderGrants) => is_over(&leader),
                _ => view.membership.is_quorum(is_over),
            }
        };
        let ready_ms = self.voters.values().map(|vote| vote.ready_ms).filter(|ready_ms| told(*ready_ms)).min()?;
        if view.config.has(Fault::SealOnlyNewVoters) {
            return Some(ready_ms);
        }
        Some(ready_ms.max(view.membership_since_ms + outlast_ms(view.config.lease_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, node, nodes, process, shard};
    use crate::cluster::core::types::{Config, Map, Membership, RaftReport};

    /// Node 1, the primary of shard 1, with voters 1 to 5, whose membership is old.
    struct Holder {
        lease: Lease,
        map: Map,
        membership: Membership,
        membership_since_ms: u64,
    }

    impl Holder {
        fn new() -> Holder {
            Holder { lease: Lease::default(), map: map(3, 2), membership: membership(1, &[1, 2, 3, 4, 5]), membership_since_ms: 0 }
        }

        fn at(&mut self, now_ms: u64, act: impl FnOnce(&mut Lease, &View, &mut Vec<Action>)) -> usize {
            let (config, raft, live) = (Config::default(), RaftReport::default(), Liveness::new(0));
            let view = View {
                now_ms,
                me: process(1, 1),
                config: &config,
                map: &self.map,
                membership: &self.membership,
                membership_since_ms: self.membership_since_ms,
                raft: &raft,
                live: &live,
                stopped: 0,
            };
            let mut actions = Vec::new();
            act(&mut self.lease, &view, &mut actions);
            self.lease.look(&view, &mut actions);
            actions.len()
        }

        /// So many messages are sent.
        fn look(&mut self, now_ms: u64) -> usize {
            self.at(now_ms, |_, _, _| {})
        }

        /// The voter's answer to what was asked at `sent_ms`.
        fn grant(&mut self, now_ms: u64, voter: u64, sent_ms: u64, old_left_ms: u64) {
            let epoch = self.map.shards[&shard(1)].epoch;
            self.at(now_ms, |lease, view, _| lease.granted(view, node(voter), epoch, sent_ms, old_left_ms));
        }

        /// Until when it may serve.
        fn serves(&self) -> Option<u64> {
            let held = self.lease.held.as_ref()?;
            let until_ms = held.carried_until_ms.max(if held.is_ready { held.until_ms } else { 0 });
            (until_ms > 0).then_some(until_ms)
        }
    }

    #[test]
    fn a_majority_makes_a_lease_from_when_it_was_asked_for() {
        let mut holder = Holder::new();
        assert_eq!(holder.look(1000), 5);
        assert_eq!(holder.look(1074), 0);
        assert_eq!(holder.look(1075), 5);
        holder.grant(1080, 1, 1075, 0);
        holder.grant(1081, 2, 1000, 0);
        assert_eq!(holder.serves(), None);
        holder.grant(1082, 3, 1000, 0);
        assert_eq!(holder.serves(), Some(1000 + 292), "the oldest that is needed counts");
        holder.grant(1083, 4, 1075, 0);
        assert_eq!(holder.serves(), Some(1000 + 292), "of three of five the oldest");
        holder.grant(1084, 5, 1075, 0);
        assert_eq!(holder.serves(), Some(1075 + 292));
        holder.grant(1085, 5, 1000, 0);
        assert_eq!(holder.serves(), Some(1075 + 292), "what is late takes nothing back");
        assert!(holder.lease.may_serve(1366) && !holder.lease.may_serve(1367));
    }

    #[test]
    fn older_leases_end_first() {
        for (left, ready_ms) in [([0, 0, 0], 1010), ([250, 0, 0], 1260), ([250, 200, 100], 1260)] {
            let mut holder = Holder::new();
            holder.look(1000);
            for (voter, left_ms) in (1..).zip(left) {
                holder.grant(1010, voter, 1000, left_ms);
            }
            holder.look(ready_ms - 1);
            assert_eq!(holder.serves().is_some(), left == [0, 0, 0] && ready_ms <= 1010, "{left:?}");
            holder.look(ready_ms);
            assert!(holder.serves().is_some(), "{left:?}");
        }
        let mut holder = Holder::new();
        holder.look(1000);
        for (voter, left_ms) in [(1, 250), (2, 20), (3, 30), (4, 40), (5, 250)] {
            holder.grant(1010, voter, 1000, left_ms);
        }
        holder.look(1049);
        assert_eq!(holder.serves(), None);
        holder.look(1050);
        assert!(holder.serves().is_some(), "a majority is enough");
    }

    #[test]
    fn a_jump_of_the_clock_shortens_no_wait() {
        let mut holder = Holder::new();
        holder.look(1000);
        (1..=3).for_each(|voter| holder.grant(1010, voter, 1000, 100));
        holder.lease.woke(1010, 9000, 300);
        holder.look(9000);
        (1..=3).for_each(|voter| holder.grant(9001, voter, 9000, 250));
        holder.look(9250);
        assert_eq!(holder.serves(), None);
        holder.look(9251);
        assert!(holder.serves().is_some(), "as the voters told afterwards");
    }

    #[test]
    fn a_new_membership() {
        let mut holder = Holder::new();
        holder.look(1000);
        (1..=3).for_each(|voter| holder.grant(1001, voter, 1000, 0));
        holder.membership = Membership { outgoing: Some(nodes(&[1, 2, 3, 4, 5])), ..membership(7, &[6, 7, 8]) };
        holder.membership_since_ms = 1010;
        assert_eq!(holder.look(1010), 8, "all are asked at once");
        assert_eq!(holder.serves(), Some(1292), "what was granted stays");
        (1..=3).for_each(|voter| holder.grant(1020, voter, 1010, 0));
        assert_eq!(holder.serves(), Some(1292), "both halves are needed");
        (6..=7).for_each(|voter| holder.grant(1030, voter, 1010, 0));
        assert_eq!(holder.serves(), Some(1302));

        let mut promoted = Holder::new();
        promoted.membership_since_ms = 900;
        promoted.look(1000);
        (1..=5).for_each(|voter| promoted.grant(1001, voter, 1000, 0));
        promoted.look(900 + 310);
        assert_eq!(promoted.serves(), None, "leases of the old voters may still be held");
        promoted.look(900 + 311);
        assert!(promoted.serves().is_some());
    }

    #[test]
    fn only_of_this_epoch_and_this_process() {
        let mut holder = Holder::new();
        holder.look(1000);
        (1..=3).for_each(|voter| holder.grant(1001, voter, 1000, 0));
        holder.map.shards.get_mut(&shard(1)).unwrap().epoch = 2;
        assert_eq!(holder.look(1010), 5);
        assert_eq!(holder.serves(), Some(1292), "the same process goes on");
        holder.at(1011, |lease, view, _| lease.granted(view, node(1), 1, 1010, 0));
        (4..=5).for_each(|voter| holder.grant(1020, voter, 1010, 0));
        assert_eq!(holder.serves(), Some(1292), "a grant of the epoch before counts no more");
        holder.map.shards.get_mut(&shard(1)).unwrap().primary = process(1, 2);
        assert_eq!(holder.look(1030), 0);
        assert!(!holder.lease.may_serve(1031), "the map names another process");
    }

    #[test]
    fn released() {
        let mut holder = Holder::new();
        holder.look(1000);
        (1..=3).for_each(|voter| holder.grant(1001, voter, 1000, 0));
        assert_eq!(holder.at(1002, Lease::release), 5);
        assert!(!holder.lease.may_serve(1003));
        assert_eq!(holder.look(2000), 0, "it asks no more");
        holder.map.shards.get_mut(&shard(1)).unwrap().epoch = 2;
        assert_eq!(holder.look(2010), 5, "in the next epoch it may");
    }
}
