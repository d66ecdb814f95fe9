//! A primary's in-sync replicas: what it may acknowledge, and who belongs to them.
//!
//! * What is acknowledged is on every process of the in-sync set. One that is proposed to leave counts until the map has it so; one that is proposed to
//!   enter counts from before that, and has everything that was acknowledged by then, until the map says how it ended.
//! * Acknowledgements of another epoch count for nothing: an epoch begins with nothing that it may acknowledge, whatever it has.
//! * A proposal names the version of the set that it changes. So the first one that is committed decides, and the others are known to be refused.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use super::timing::{ACKNOWLEDGE_MS, PROPOSE_AGAIN_MS};
use super::types::{Action, Change, Position, Process, ShardState};
use super::view::View;

/// Who has what, in this process's epoch. Bounded by the nodes of the shard.
#[derive(Debug, Default)]
pub(super) struct InSync {
    epoch: u64,
    version: u64,
    /// Unknown until the data path has told with what the epoch begins.
    written: Option<u64>,
    /// With what the epoch began: an earlier one may have acknowledged all of it.
    began: u64,
    /// Up to where this epoch may acknowledge, and may have.
    safe: u64,
    replicas: BTreeMap<Process, Replica>,
    /// Who was proposed to enter since the set changed last, and whoever was proposed to leave.
    entering: BTreeSet<Process>,
    leaving: BTreeSet<Process>,
    proposed_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Replica {
    offset: u64,
    /// What it has not acknowledged, and since when.
    due: Option<(u64, u64)>,
    /// Whether it acknowledged what was written before that: it keeps up.
    keeps_up: bool,
}

impl InSync {
    /// So much is written here.
    pub(super) fn written(&mut self, epoch: u64, offset: u64) {
        if epoch == self.epoch {
            self.began = if self.written.is_none() { offset } else { self.began };
            self.written = self.written.max(Some(offset));
        }
    }

    /// A replica has all up to there.
    pub(super) fn acknowledged(&mut self, replica: Process, position: Position) {
        if position.epoch == self.epoch {
            let known = self.replicas.entry(replica).or_default();
            known.offset = known.offset.max(position.offset);
        }
    }

    /// Up to where the in-sync set has everything.
    pub(super) fn safe_offset(&self) -> u64 {
        self.safe
    }

    /// Takes whatever step is due.
    pub(super) fn look(&mut self, view: &View, actions: &mut Vec<Action>) {
        let Some((shard, state)) = view.map.shard_of(view.me.node).filter(|(_, state)| state.primary == view.me) else {
            *self = InSync::default();
            return;
        };
        if self.epoch != state.epoch {
            *self = InSync { epoch: state.epoch, version: state.version, ..InSync::default() };
        }
        let Some(written) = self.written else { return };
        if self.version != state.version {
            self.version = state.version;
            (self.entering, self.leaving, self.proposed_ms) = (BTreeSet::new(), BTreeSet::new(), None);
        }
        // Of each node the latest process, and those that are in the set or may be.
        let is_latest = |process: &Process| view.live.process(process.node) == Some(*process);
        let is_here = |process: &Process| view.map.shard_of(process.node).is_some_and(|(of, _)| of == shard);
        let may_be_member = |process: &Process| state.in_sync.contains(process) || self.entering.contains(process);
        self.replicas.retain(|process, _| may_be_member(process) || is_latest(process) && is_here(process));
        for process in state.in_sync.iter().chain(&self.entering) {
            self.replicas.entry(*process).or_default();
        }
        for replica in self.replicas.values_mut() {
            replica.look(written, view.now_ms);
        }
        self.advance(view, state, written);
        let members = self.members(view, state);
        let is_due = self.proposed_ms.is_none_or(|at_ms| view.now_ms >= at_ms + PROPOSE_AGAIN_MS);
        if members != state.in_sync && is_due {
            self.proposed_ms = Some(view.now_ms);
            if !view.config.has(Fault::CountGrowLate) {
                self.entering.extend(members.difference(&state.in_sync));
            }
            self.leaving.extend(state.in_sync.difference(&members));
            actions.push(Action::Propose(vec![Change::InSync { shard, epoch: self.epoch, version: self.version, members }]));
        }
    }

    fn advance(&mut self, view: &View, state: &ShardState, written: u64) {
        let counts = |process: &&Process| !view.config.has(Fault::CountShrinkEarly) || !self.leaving.contains(process);
        let counting = state.in_sync.iter().chain(&self.entering).filter(counts);
        let offsets = counting.map(|process| self.replicas.get(process).map_or(0, |replica| replica.offset));
        let safe = offsets.fold(written, u64::min);
        self.safe = self.safe.max(safe);
    }

    /// Who should be in the set.
    fn members(&self, view: &View, state: &ShardState) -> BTreeSet<Process> {
        let should_be = |(process, replica): (&Process, &Replica)| {
            let is_late = replica.due.is_some_and(|(_, since_ms)| view.now_ms >= since_ms + ACKNOWLEDGE_MS);
            let is_member = state.in_sync.contains(process);
            let may_enter = replica.keeps_up && replica.offset >= self.safe.max(self.began) && !view.is_dead(*process);
            (!is_late && (is_member || may_enter)).then_some(*process)
        };
        self.replicas.iter().filter_map(should_be).collect()
    }

    /// The next time at which something here changes by itself.
    pub(super) fn deadline(&self, now_ms: u64) -> u64 {
        let late = self.replicas.values().filter_map(|replica| replica.due).map(|(_, since_ms)| since_ms + ACKNOWLEDGE_MS);
        let proposed = self.proposed_ms.map(|at_ms| at_ms + PROPOSE_AGAIN_MS);
        late.chain(proposed).filter(|at_ms| *at_ms > now_ms).min().unwrap_or(u64::MAX)
    }
}

impl Replica {
    fn look(&mut self, written: u64, now_ms: u64) {
        if self.due.is_some_and(|(offset, _)| self.offset >= offset) {
            self.due = None;
            self.keeps_up = true;
        }
        if self.due.is_none() && self.offset < written {
            self.due = Some((written, now_ms));
        }
        self.keeps_up = self.keeps_up || self.offset >= written;
        if self.due.is_some_and(|(_, since_ms)| now_ms >= since_ms + ACKNOWLEDGE_MS) {
            self.keeps_up = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, node, process, shard};
    use crate::cluster::core::types::{Config, Map, RaftReport};

    /// Node 1, whose replicas 2 and 3 are in sync.
    struct Primary {
        in_sync: InSync,
        map: Map,
        live: Liveness,
    }

    impl Primary {
        fn new() -> Primary {
            let mut live = Liveness::new(0);
            live.keep([2, 3].map(node).into_iter(), 0);
            [2, 3].into_iter().for_each(|number| live.linked(process(number, 1), 0));
            let mut primary = Primary { in_sync: InSync::default(), map: map(1, 3), live };
            primary.at(0, 0, &[]);
            primary.at(0, 10, &[(2, 10), (3, 10)]);
            primary
        }

        /// So much is written, and these acknowledge. Returns up to where all have it, and whom it proposes.
        fn at(&mut self, now_ms: u64, written: u64, acknowledged: &[(u64, u64)]) -> (u64, Option<Vec<u64>>) {
            let mut actions = Vec::new();
            self.in_sync.written(self.in_sync.epoch, written);
            for (number, offset) in acknowledged {
                let incarnation = self.live.process(node(*number)).unwrap().incarnation;
                self.in_sync.acknowledged(process(*number, incarnation), Position { epoch: self.in_sync.epoch, offset: *offset });
            }
            let view = View {
                now_ms,
                me: process(1, 1),
                config: &Config::default(),
                map: &self.map,
                membership: &membership(1, &[1, 2, 3]),
                membership_since_ms: 0,
                raft: &RaftReport::default(),
                live: &self.live,
                stopped: 0,
            };
            self.in_sync.look(&view, &mut actions);
            let proposed = actions.into_iter().find_map(|action| match action {
                Action::Propose(changes) => Some(changes),
                _ => None,
            });
            let proposed = proposed.map(|changes| match changes.as_slice() {
                [Change::InSync { members, .. }] => {
                    (2..=3).filter(|number| members.iter().any(|member| member.node == node(*number))).collect()
                }
                other => panic!("{other:?}"),
            });
            (self.in_sync.safe_offset(), proposed)
        }

        fn commit(&mut self, members: &[(u64, u64)]) {
            let state = self.map.shards.get_mut(&shard(1)).unwrap();
            state.in_sync = members.iter().map(|(number, incarnation)| process(*number, *incarnation)).collect();
            state.version += 1;
        }
    }

    #[test]
    fn all_in_sync_acknowledge() {
        let mut primary = Primary::new();
        assert_eq!(primary.at(10, 20, &[]), (10, None));
        assert_eq!(primary.at(11, 20, &[(2, 20)]), (10, None));
        assert_eq!(primary.at(12, 21, &[(3, 19)]), (19, None));
        assert_eq!(primary.at(13, 21, &[(3, 25)]), (20, None));
        assert_eq!(primary.at(14, 21, &[(2, 21), (2, 3)]), (21, None), "late ones take nothing back");
    }

    #[test]
    fn who_does_not_acknowledge_leaves_and_counts_until_that_is_committed() {
        let mut primary = Primary::new();
        primary.at(10, 20, &[(2, 20)]);
        assert_eq!(primary.at(309, 20, &[]), (10, None));
        assert_eq!(primary.at(310, 20, &[]), (10, Some(vec![2])));
        assert_eq!(primary.at(320, 30, &[(2, 30)]), (10, None), "proposed is not committed");
        assert_eq!(primary.at(710, 30, &[]), (10, Some(vec![2])), "again");
        primary.commit(&[(2, 1)]);
        assert_eq!(primary.at(711, 30, &[]), (30, None));
    }

    #[test]
    fn a_slow_one_that_keeps_up_stays() {
        let mut primary = Primary::new();
        for step in 1..20 {
            let written = 10 + step * 10;
            assert_eq!(primary.at(step * 100, written, &[(2, written), (3, written - 20)]).1, None, "two steps behind");
        }
    }

    #[test]
    fn who_enters_has_everything_and_counts_at_once() {
        let mut primary = Primary::new();
        primary.commit(&[(2, 1)]);
        assert_eq!(primary.at(10, 20, &[(2, 20)]), (20, None));
        assert_eq!(primary.at(20, 20, &[(3, 15)]), (20, None), "it lacks what was acknowledged");
        assert_eq!(primary.at(30, 25, &[(3, 20)]).1, Some(vec![2, 3]));
        assert_eq!(primary.at(31, 25, &[(2, 25)]), (20, None), "the newcomer counts");
        assert_eq!(primary.at(32, 25, &[(3, 25)]), (25, None));
        primary.at(40, 30, &[(2, 30)]);
        assert_eq!(primary.at(340, 30, &[]), (25, None), "it may have entered, so it counts although it is late");
        assert_eq!(primary.at(430, 30, &[]).1, None, "what is wanted is what the map says: nothing to propose");
    }

    #[test]
    fn another_process_has_nothing() {
        let mut primary = Primary::new();
        primary.live.linked(process(3, 2), 5);
        assert_eq!(primary.at(10, 20, &[(2, 20), (3, 20)]), (10, Some(vec![2, 3])), "the process that is in sync is another one");
        let both = BTreeSet::from([process(3, 1), process(3, 2)]);
        assert!(primary.in_sync.entering.is_subset(&both) && !primary.in_sync.entering.is_empty());
        assert_eq!(primary.at(420, 20, &[]), (10, Some(vec![2, 3])), "the new one instead of the old one");
        primary.commit(&[(2, 1), (3, 2)]);
        assert_eq!(primary.at(421, 20, &[]), (20, None));
    }

    #[test]
    fn an_epoch_begins_anew() {
        let mut primary = Primary::new();
        primary.map.shards.get_mut(&shard(1)).unwrap().epoch = 2;
        assert_eq!(primary.at(10, 99, &[]), (0, None), "what was written in the epoch before tells nothing");
        assert_eq!(primary.at(10, 20, &[]), (0, None), "nor does it count for this one that all of it may have been acknowledged");
        primary.in_sync.acknowledged(process(2, 1), Position { epoch: 1, offset: 99 });
        assert_eq!(primary.at(10, 25, &[(3, 25)]), (0, None), "acknowledgements of the epoch before count for nothing");
    }
}
