//! The leader's answer to a dead primary.
//!
//! * Before another process is promoted, the members of the shard that live are told to follow the old epoch no more, and say what they have.
//!   The one that has most among the in-sync set is promoted: whatever was acknowledged it has, since it acknowledged that itself; and from then on it
//!   acknowledges nothing that the old primary may still write.
//! * All shards whose primaries died together are decided in one entry.
//! * If no process of the in-sync set is left, the shard waits for all of its nodes, whose files may have everything; without the promise that
//!   nothing is lost, only for a while. The one that has most goes on. A shard that has nobody stays as it is.
//! * What an earlier leader began is found again in the map and in what the members say, and ended: by a promotion if the primary is dead, else by a
//!   new epoch of the same primary, which the members follow again.
//!
//! Nothing here is remembered across terms, and nothing has to be.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use super::timing::{PROPOSE_AGAIN_MS, STOP_AGAIN_MS, STOP_MS};
use super::types::{Action, Change, Message, Position, Process, ShardState};
use super::view::View;
use crate::topology::{NodeId, ShardId};

/// What the leader has under way, by shard: bounded by the map.
#[derive(Debug, Default)]
pub(super) struct Failover {
    rounds: BTreeMap<ShardId, Round>,
    /// What was proposed for a shard: of which epoch, and when.
    proposed: BTreeMap<ShardId, (u64, u64)>,
}

/// A shard whose primary is dead.
#[derive(Debug)]
struct Round {
    epoch: u64,
    started_ms: u64,
    ask_at_ms: u64,
    /// When nobody of the in-sync set was left.
    lost_ms: Option<u64>,
    /// Of each node its latest process that answered.
    positions: BTreeMap<Process, Position>,
}

/// What is to be done about a shard.
enum Verdict {
    Wait,
    Decided(Change),
    /// Nothing, for so long that others need not wait for it.
    Stuck,
}

impl Failover {
    /// A member stopped following, and has so much.
    pub(super) fn stopped(&mut self, from: Process, shard: ShardId, epoch: u64, position: Position) {
        if let Some(round) = self.rounds.get_mut(&shard).filter(|round| round.epoch == epoch) {
            round.positions.retain(|process, _| process.node != from.node);
            round.positions.insert(from, position);
        }
    }

    /// Takes whatever step is due.
    pub(super) fn look(&mut self, view: &View, actions: &mut Vec<Action>) {
        if !view.leads() {
            self.rounds.clear();
            self.proposed.clear();
            return;
        }
        self.rounds.retain(|shard, round| view.map.shards.get(shard).is_some_and(|state| state.epoch == round.epoch));
        self.proposed.retain(|shard, (epoch, at_ms)| {
            view.now_ms < *at_ms + PROPOSE_AGAIN_MS && view.map.shards.get(shard).is_some_and(|state| state.epoch == *epoch)
        });
        let mut changes = Vec::new();
        let mut is_complete = true;
        for (shard, state) in &view.map.shards {
            if self.proposed.contains_key(shard) {
                continue;
            }
            if !view.is_dead(state.primary) {
                self.rounds.remove(shard);
                changes.extend(resume(view, *shard, state));
                continue;
            }
            let round = self.rounds.entry(*shard).or_insert_with(|| Round {
                epoch: state.epoch,
                started_ms: view.now_ms,
                ask_at_ms: view.now_ms,
                lost_ms: None,
                positions: BTreeMap::new(),
            });
            round.ask(view, *shard, state, actions);
            match round.verdict(view, *shard, state) {
                Verdict::Wait => is_complete = false,
                Verdict::Decided(change) => changes.push(change),
                Verdict::Stuck => {}
            }
        }
        if is_complete && !changes.is_empty() {
            for change in &changes {
                if let Some((shard, epoch)) = change.seals() {
                    self.proposed.insert(shard, (epoch, view.now_ms));
                }
            }
            actions.push(Action::Propose(changes));
        }
    }

    /// The next time at which something here changes by itself.
    pub(super) fn deadline(&self, view: &View) -> u64 {
        let rounds = self.rounds.iter().filter(|(shard, _)| !self.proposed.contains_key(shard));
        let rounds = rounds.flat_map(|(_, round)| {
            let lost_ms = round.lost_ms.map_or(u64::MAX, |lost_ms| lost_ms + view.config.restart_wait_ms);
            [round.ask_at_ms, round.started_ms + STOP_MS, lost_ms]
        });
        let proposed = self.proposed.values().map(|(_, at_ms)| at_ms + PROPOSE_AGAIN_MS);
        rounds.chain(proposed).filter(|at_ms| *at_ms > view.now_ms).min().unwrap_or(u64::MAX)
    }
}

/// A living primary that members do not follow: an earlier leader held it for dead, or did so for a moment.
fn resume(view: &View, shard: ShardId, state: &ShardState) -> Option<Change> {
    let has_stopped = |replica: &Process| match *replica == view.me {
        true => view.stopped == state.epoch,
        false => view.live.stopped(*replica) == state.epoch,
    };
    let replicas = view.map.nodes_of(shard).filter_map(|node| view.process(node));
    let has_any_stopped = state.epoch > 0 && replicas.into_iter().any(|replica| has_stopped(&replica));
    let is_well = state.primary == view.me || view.live.is_well(state.primary);
    (has_any_stopped && is_well && !view.config.has(Fault::NoResume)).then_some(Change::Resume { shard, epoch: state.epoch })
}

impl Round {
    /// Asks the members that have not answered.
    fn ask(&mut self, view: &View, shard: ShardId, state: &ShardState, actions: &mut Vec<Action>) {
        if view.now_ms < self.ask_at_ms {
            return;
        }
        self.ask_at_ms = view.now_ms + STOP_AGAIN_MS;
        let living = living(view, shard).filter(|process| *process != state.primary && !self.positions.contains_key(process));
        actions.extend(living.map(|process| Action::Send {
            to: process.node,
            message: Message::StopFollowing { term: view.raft.term, shard, epoch: state.epoch },
        }));
    }

    fn verdict(&mut self, view: &View, shard: ShardId, state: &ShardState) -> Verdict {
        let living: BTreeSet<Process> = living(view, shard).filter(|process| *process != state.primary).collect();
        let may_win = |process: &Process| state.in_sync.contains(process) || view.config.has(Fault::PromoteOutOfSync);
        let candidates = living.iter().filter(|process| may_win(process));
        let best = self.best(living.iter().filter(|process| may_win(process)));
        let missing = candidates.filter(|process| !self.positions.contains_key(process)).count();
        if let Some(to) = best {
            // Whoever answers has everything that was acknowledged. The others are waited for because they may have more that was not.
            return match missing == 0 || view.now_ms >= self.started_ms + STOP_MS {
                true => Verdict::Decided(Change::Promote { shard, epoch: state.epoch, to }),
                false => Verdict::Wait,
            };
        }
        if missing > 0 {
            return if view.now_ms < self.started_ms + STOP_MS { Verdict::Wait } else { Verdict::Stuck };
        }
        // One that is only out of touch, or whose death is not certain, may come back with everything.
        if state.in_sync.iter().any(|process| !view.is_dead(*process)) {
            return Verdict::Stuck;
        }
        let lost_ms = *self.lost_ms.get_or_insert(view.now_ms);
        let last: BTreeSet<NodeId> = state.in_sync.iter().chain([&state.primary]).map(|process| process.node).collect();
        let have_all_answered =
            last.iter().all(|node| living.iter().any(|process| process.node == *node && self.positions.contains_key(process)));
        let is_over = !view.config.sync && view.now_ms >= lost_ms + view.config.restart_wait_ms;
        match self.best(living.iter()) {
            Some(to) if have_all_answered || is_over => Verdict::Decided(Change::Recover { shard, epoch: state.epoch, to }),
            _ => Verdict::Stuck,
        }
    }

    /// Who has most; of several the smallest id.
    fn best<'a>(&self, among: impl Iterator<Item = &'a Process>) -> Option<Process> {
        let answered = among.filter_map(|process| Some((*self.positions.get(process)?, std::cmp::Reverse(*process))));
        answered.max().map(|(_, std::cmp::Reverse(process))| process)
    }
}

/// The latest processes of a shard's nodes that live.
fn living<'a>(view: &'a View, shard: ShardId) -> impl Iterator<Item = Process> + 'a {
    view.map.nodes_of(shard).filter_map(|node| view.process(node)).filter(|process| !view.is_dead(*process))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, node, process, shard};
    use crate::cluster::core::types::{Config, Map, RaftReport};

    /// Node 9 leads, which has no shard; three shards of three nodes: 1, 4 and 7; 2, 5 and 8; 3, 6 and 10, each alive.
    struct Lead {
        failover: Failover,
        live: Liveness,
        map: Map,
        raft: RaftReport,
        config: Config,
    }

    const OTHERS: [u64; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 10];

    impl Lead {
        fn new() -> Lead {
            let mut live = Liveness::new(0);
            live.keep(OTHERS.into_iter().map(node), 0);
            OTHERS.into_iter().for_each(|number| live.linked(process(number, 1), 0));
            let mut map = map(3, 3);
            let moved = map.members.remove(&node(9)).unwrap();
            map.members.insert(node(10), moved);
            let in_sync = &mut map.shards.get_mut(&shard(3)).unwrap().in_sync;
            in_sync.remove(&process(9, 1));
            in_sync.insert(process(10, 1));
            let raft = RaftReport { term: 4, leader: Some(node(9)), leads: true, ..RaftReport::default() };
            Lead { failover: Failover::default(), live, map, raft, config: Config::default() }
        }

        /// These nodes' processes have ended, and that is known for certain.
        fn kill(&mut self, numbers: &[u64]) {
            numbers.iter().for_each(|number| self.live.broke(process(*number, 1), 0));
        }

        /// Everybody else is heard at this time. Returns whom it asks, and what it proposes.
        fn at(&mut self, now_ms: u64, silent: &[u64]) -> (Vec<u64>, Vec<Change>) {
            for number in OTHERS.into_iter().filter(|number| !silent.contains(number)) {
                if let Some(latest) = self.live.process(node(number)) {
                    self.live.heard(latest, now_ms);
                }
            }
            let view = View {
                now_ms,
                me: process(9, 1),
                config: &self.config,
                map: &self.map,
                membership: &membership(1, &[9, 1, 2]),
                membership_since_ms: 0,
                raft: &self.raft,
                live: &self.live,
                stopped: 0,
            };
            let mut actions = Vec::new();
            self.failover.look(&view, &mut actions);
            let (mut asked, mut proposed) = (Vec::new(), Vec::new());
            for action in actions {
                match action {
                    Action::Send { to, message: Message::StopFollowing { term: 4, epoch: 1, .. } } => {
                        asked.extend(OTHERS.into_iter().find(|number| node(*number) == to));
                    }
                    Action::Propose(changes) => proposed.extend(changes),
                    other => panic!("{other:?}"),
                }
            }
            (asked, proposed)
        }

        fn answer(&mut self, number: u64, incarnation: u64, of_shard: u64, position: (u64, u64)) {
            let (epoch, offset) = position;
            self.failover.stopped(process(number, incarnation), shard(of_shard), 1, Position { epoch, offset });
        }
    }

    fn promote(of_shard: u64, to: u64) -> Change {
        Change::Promote { shard: shard(of_shard), epoch: 1, to: process(to, 1) }
    }

    #[test]
    fn who_has_most_is_promoted() {
        for (fourth, seventh, winner) in [((1, 10), (1, 20), 7), ((1, 20), (1, 10), 4), ((1, 9), (1, 9), 4), ((1, 1), (0, 99), 4)] {
            let mut lead = Lead::new();
            assert_eq!(lead.at(100, &[]), (vec![], vec![]));
            lead.kill(&[1]);
            assert_eq!(lead.at(119, &[1]), (vec![], vec![]), "its connection may come back");
            assert_eq!(lead.at(120, &[1]), (vec![4, 7], vec![]));
            lead.answer(4, 1, 1, fourth);
            assert_eq!(lead.at(121, &[1]), (vec![], vec![]), "the other one may have more");
            lead.answer(7, 1, 1, seventh);
            assert_eq!(lead.at(122, &[1]), (vec![], vec![promote(1, winner)]));
            assert_eq!(lead.at(123, &[1]), (vec![], vec![]), "once");
            assert_eq!(lead.at(122 + PROPOSE_AGAIN_MS, &[1]).1, [promote(1, winner)], "again, if it does not come");
        }
    }

    #[test]
    fn a_member_that_does_not_answer_is_not_waited_for_long() {
        let mut lead = Lead::new();
        lead.kill(&[1]);
        assert_eq!(lead.at(120, &[1]).0, [4, 7]);
        lead.answer(4, 1, 1, (1, 5));
        assert_eq!(lead.at(140, &[1]), (vec![7], vec![]), "asked again");
        assert_eq!(lead.at(170, &[1]), (vec![7], vec![promote(1, 4)]));
    }

    #[test]
    fn all_dead_shards_in_one_entry() {
        let mut lead = Lead::new();
        lead.kill(&[1, 2]);
        assert_eq!(lead.at(120, &[1, 2]).0, [4, 7, 5, 8]);
        (4..=8).filter(|number| *number != 6).for_each(|number| lead.answer(number, 1, if number % 3 == 1 { 1 } else { 2 }, (1, 5)));
        assert_eq!(lead.at(121, &[1, 2]).1, [promote(1, 4), promote(2, 5)]);
    }

    #[test]
    fn nobody_out_of_sync_wins() {
        let mut lead = Lead::new();
        lead.kill(&[1]);
        lead.map.shards.get_mut(&shard(1)).unwrap().in_sync.remove(&process(7, 1));
        lead.at(120, &[1]);
        lead.answer(7, 1, 1, (1, 99));
        assert_eq!(lead.at(170, &[1]).1, []);
        lead.answer(4, 1, 1, (1, 1));
        assert_eq!(lead.at(171, &[1]).1, [promote(1, 4)]);
    }

    #[test]
    fn a_restarted_process_is_another_one() {
        let mut lead = Lead::new();
        lead.live.linked(process(1, 2), 10);
        assert_eq!(lead.at(11, &[]).0, [1, 4, 7], "the process that the map names is dead at once");
        lead.answer(1, 2, 1, (1, 99));
        lead.answer(4, 1, 1, (1, 1));
        lead.answer(7, 1, 1, (1, 2));
        assert_eq!(lead.at(12, &[]).1, [promote(1, 7)]);
    }

    #[test]
    fn a_shard_that_lost_all_waits_for_all() {
        for (sync, alone_ms) in [(true, None), (false, Some(11 + 10_000))] {
            let mut lead = Lead::new();
            lead.config.sync = sync;
            lead.kill(&[4]);
            lead.live.linked(process(1, 2), 10);
            lead.live.linked(process(7, 2), 10);
            lead.at(11, &[]);
            lead.answer(1, 2, 1, (1, 3));
            lead.answer(7, 2, 1, (1, 5));
            assert_eq!(lead.at(12, &[4]).1, [], "node 4 may still be alive");
            let recover = |to| vec![Change::Recover { shard: shard(1), epoch: 1, to: process(to, 2) }];
            let mut together = Lead::new();
            [1, 4, 7].into_iter().for_each(|number| together.live.linked(process(number, 2), 10));
            together.at(11, &[]);
            [(1, 3), (4, 9), (7, 5)].into_iter().for_each(|(number, offset)| together.answer(number, 2, 1, (1, offset)));
            assert_eq!(together.at(12, &[]).1, recover(4), "all are back");
            let first = (1..2500).map(|at| at * 10).find(|now_ms| !lead.at(*now_ms, &[4]).1.is_empty());
            let expected = alone_ms.map(|at_ms: u64| (at_ms + 109).next_multiple_of(10));
            assert_eq!(first, expected, "sync: {sync}");
        }
    }

    #[test]
    fn what_another_leader_began_is_undone_while_the_primary_lives() {
        let mut lead = Lead::new();
        let resume = vec![Change::Resume { shard: shard(1), epoch: 1 }];
        lead.live.told_stopped(node(4), 1);
        assert_eq!(lead.at(10, &[]).1, resume);
        lead.map.shards.get_mut(&shard(1)).unwrap().epoch = 2;
        assert_eq!(lead.at(20, &[]).1, [], "it is done");

        let mut lead = Lead::new();
        lead.live.told_stopped(node(4), 1);
        lead.kill(&[1]);
        assert_eq!(lead.at(10, &[]).1, [], "not before it is certain that the primary lives");
        lead.at(120, &[1]);
        lead.answer(4, 1, 1, (1, 1));
        lead.answer(7, 1, 1, (1, 1));
        assert_eq!(lead.at(121, &[1]).1, [promote(1, 4)], "or dead");
    }

    #[test]
    fn only_a_leader_that_is_heard() {
        let mut lead = Lead::new();
        lead.kill(&[1]);
        assert_eq!(lead.at(300, &OTHERS).0, [] as [u64; 0], "cut off, it holds nobody for dead");
        lead.raft.leads = false;
        assert_eq!(lead.at(310, &[1]).0, [] as [u64; 0], "it does not know yet what was decided before");
    }
}
