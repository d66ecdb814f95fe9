//! When to start an election of Raft's, whose own timers are off.
//!
//! * Nobody starts one unless a majority misses the leader too, twice in a row: a voter that was frozen or cut off deposes nobody.
//! * A voter promises itself to one candidate at a time. Promises are soft: they make elections succeed at the first attempt, and Raft's votes
//!   make them right.
//! * At most one election of a node is under way. Raft only queues the request, and each that piles up there would be another term.
//!
//! The voters answer within a round trip; whoever has the longest log begins first, others later by [`STAGGER_MS`] each.

use std::collections::BTreeSet;

use super::timing::{ELECTION_MS, GATHER_MS, PRE_VOTE_MS, PROMISE_MS, RETRY_MS, STAGGER_MAX, STAGGER_MS, VOTED_MS};
use super::types::{Action, LogId, Message};
use super::view::View;
use crate::base::rng::Rng;
use crate::topology::NodeId;

/// This node's part in elections.
#[derive(Debug)]
pub(super) struct Election {
    stage: Stage,
    /// Number of the last question: answers to earlier ones count no more.
    round: u64,
    /// To whom this node promised its vote, and when.
    promised: Option<(NodeId, u64)>,
    voted_ms: Option<u64>,
    not_before_ms: u64,
    rng: Rng,
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// First phase: who would vote for this node, and how many have a longer log.
    Asking {
        yes: BTreeSet<NodeId>,
        answered: BTreeSet<NodeId>,
        ahead: u64,
        majority_ms: Option<u64>,
        until_ms: u64,
    },
    /// Those that are ahead go first.
    Waiting {
        until_ms: u64,
    },
    /// Second phase.
    Promising {
        yes: BTreeSet<NodeId>,
        until_ms: u64,
    },
    /// Raft was asked for an election in this term or later, and has not begun.
    Triggered {
        term: u64,
    },
    /// It has begun.
    Running {
        term: u64,
        until_ms: u64,
    },
}

impl Election {
    pub(super) fn new(now_ms: u64, seed: u64) -> Self {
        Election { stage: Stage::Idle, round: 0, promised: None, voted_ms: None, not_before_ms: now_ms, rng: Rng::new(seed) }
    }

    /// Raft gave its vote to another.
    pub(super) fn voted(&mut self, now_ms: u64) {
        self.voted_ms = Some(now_ms);
    }

    /// Raft has taken the request for an election.
    pub(super) fn begun(&mut self, now_ms: u64) {
        if let Stage::Triggered { term } = self.stage {
            self.stage = Stage::Running { term, until_ms: now_ms + ELECTION_MS + self.rng.below(RETRY_MS) };
        }
    }

    /// A node asks whether this one would vote for it; in the second phase, whether it promises to.
    pub(super) fn asked(&mut self, view: &View, from: NodeId, round: u64, last: LogId, is_promise: bool) -> Message {
        let would = misses_leader(view) && view.membership.contains(&from) && last >= view.raft.last;
        let agrees = would && (!is_promise || self.promise(from, view.now_ms));
        Message::PreVoted { round, agrees, last: view.raft.last }
    }

    /// Promises the vote, unless it was just given or promised to another.
    fn promise(&mut self, to: NodeId, now_ms: u64) -> bool {
        let is_taken = self.promised.is_some_and(|(other, at_ms)| other != to && now_ms < at_ms + PROMISE_MS);
        if is_taken || self.has_just_voted(now_ms) {
            return false;
        }
        self.promised = Some((to, now_ms));
        true
    }

    fn has_just_voted(&self, now_ms: u64) -> bool {
        self.voted_ms.is_some_and(|at_ms| now_ms < at_ms + VOTED_MS)
    }

    /// An answer of either phase.
    pub(super) fn answered(&mut self, view: &View, from: NodeId, round: u64, agrees: bool, last: LogId) {
        if round != self.round {
            return;
        }
        match &mut self.stage {
            Stage::Asking { yes, answered, ahead, majority_ms, .. } => {
                if !answered.insert(from) {
                    return;
                }
                if (last, std::cmp::Reverse(from)) > (view.raft.last, std::cmp::Reverse(view.me.node)) {
                    *ahead += 1;
                }
                if agrees {
                    yes.insert(from);
                }
                if majority_ms.is_none() && view.membership.is_quorum(|voter| yes.contains(voter)) {
                    *majority_ms = Some(view.now_ms);
                }
            }
            Stage::Promising { yes, .. } if agrees => {
                yes.insert(from);
            }
            _ => {}
        }
    }

    /// Takes whatever step is due.
    pub(super) fn look(&mut self, view: &View, actions: &mut Vec<Action>) {
        // Each turn of the loop is a stage further on, so that nothing waits for the next tick: at most once through all of them.
        for _ in 0..4 {
            if !self.advance(view, actions) {
                return;
            }
        }
    }

    /// `false`: nothing is due now.
    fn advance(&mut self, view: &View, actions: &mut Vec<Action>) -> bool {
        let now_ms = view.now_ms;
        let is_wanted = misses_leader(view) && view.membership.contains(&view.me.node);
        if !is_wanted && !matches!(self.stage, Stage::Idle | Stage::Triggered { .. }) {
            self.stage = Stage::Idle;
            return false;
        }
        match &self.stage {
            Stage::Idle => {
                if !is_wanted || now_ms < self.not_before_ms || self.has_just_voted(now_ms) {
                    return false;
                }
                let round = self.ask(view, actions, false);
                let yes = BTreeSet::from([view.me.node]);
                let majority_ms = view.membership.is_quorum(|voter| yes.contains(voter)).then_some(now_ms);
                let until_ms = now_ms + PRE_VOTE_MS;
                self.round = round;
                self.stage = Stage::Asking { yes, answered: BTreeSet::new(), ahead: 0, majority_ms, until_ms };
                true
            }
            Stage::Asking { answered, ahead, majority_ms, until_ms, .. } => {
                let is_complete = answered.len() + 1 >= view.membership.everyone().len();
                match majority_ms {
                    Some(at_ms) if is_complete || now_ms >= at_ms + GATHER_MS => {
                        let until_ms = at_ms + (*ahead).min(STAGGER_MAX) * STAGGER_MS;
                        self.stage = Stage::Waiting { until_ms };
                        true
                    }
                    None if now_ms >= *until_ms => self.retry(now_ms),
                    _ => false,
                }
            }
            Stage::Waiting { until_ms } => {
                if now_ms < *until_ms {
                    return false;
                }
                if !self.promise(view.me.node, now_ms) {
                    return self.retry(now_ms);
                }
                self.round = self.ask(view, actions, true);
                self.stage = Stage::Promising { yes: BTreeSet::from([view.me.node]), until_ms: now_ms + PRE_VOTE_MS };
                true
            }
            Stage::Promising { yes, until_ms } => {
                if view.membership.is_quorum(|voter| yes.contains(voter)) {
                    self.trigger(view, actions);
                    true
                } else if now_ms >= *until_ms {
                    self.retry(now_ms)
                } else {
                    false
                }
            }
            Stage::Triggered { .. } => false,
            Stage::Running { term, until_ms } => {
                let is_over = view.raft.term > *term && view.raft.leader.is_some();
                if is_over {
                    self.stage = Stage::Idle;
                } else if now_ms >= *until_ms {
                    return self.retry(now_ms);
                }
                false
            }
        }
    }

    fn trigger(&mut self, view: &View, actions: &mut Vec<Action>) {
        self.stage = Stage::Triggered { term: view.raft.term };
        actions.push(Action::Elect);
    }

    fn retry(&mut self, now_ms: u64) -> bool {
        self.stage = Stage::Idle;
        self.not_before_ms = now_ms + RETRY_MS + self.rng.below(RETRY_MS);
        false
    }

    /// Asks all other voters, and returns the number of the question.
    fn ask(&self, view: &View, actions: &mut Vec<Action>, is_promise: bool) -> u64 {
        let (round, last) = (self.round + 1, view.raft.last);
        for to in view.membership.everyone().into_iter().filter(|voter| *voter != view.me.node) {
            let message = if is_promise { Message::Promise { round, last } } else { Message::PreVote { round, last } };
            actions.push(Action::Send { to, message });
        }
        round
    }

    /// The next time at which something here changes by itself.
    pub(super) fn deadline(&self, now_ms: u64) -> u64 {
        let at_ms = match &self.stage {
            Stage::Idle => self.not_before_ms.max(self.voted_ms.map_or(0, |at_ms| at_ms + VOTED_MS)),
            Stage::Asking { majority_ms, until_ms, .. } => majority_ms.map_or(*until_ms, |at_ms| at_ms + GATHER_MS),
            Stage::Waiting { until_ms } | Stage::Promising { until_ms, .. } | Stage::Running { until_ms, .. } => *until_ms,
            Stage::Triggered { .. } => u64::MAX,
        };
        if at_ms > now_ms { at_ms } else { u64::MAX }
    }
}

/// Whether this node would elect another leader. One that leads itself, and whom a majority answers, would not.
fn misses_leader(view: &View) -> bool {
    !view.raft_leads() && view.live.misses_leader(view.me.node, view.now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::liveness::Liveness;
    use crate::cluster::core::testing::{map, membership, node, process};
    use crate::cluster::core::types::{Config, Map, Membership, RaftReport};

    /// Voter 2 of five, which misses its leader from the beginning, and has a log up to entry 10.
    struct Voter {
        election: Election,
        live: Liveness,
        map: Map,
        membership: Membership,
        raft: RaftReport,
        now_ms: u64,
    }

    impl Voter {
        fn new(voters: &[u64]) -> Voter {
            let mut live = Liveness::new(0);
            live.keep((1..=6).filter(|number| *number != 2).map(node), 0);
            (1..=6).filter(|number| *number != 2).for_each(|number| live.linked(process(number, 1), 0));
            let raft = RaftReport { term: 4, last: log(10), ..RaftReport::default() };
            Voter { election: Election::new(0, 7), live, map: map(3, 2), membership: membership(1, voters), raft, now_ms: 1000 }
        }

        fn view(&mut self, act: impl FnOnce(&mut Election, &View, &mut Vec<Action>)) -> Vec<Action> {
            let mut actions = Vec::new();
            let config = Config::default();
            let view = View {
                now_ms: self.now_ms,
                me: process(2, 1),
                config: &config,
                map: &self.map,
                membership: &self.membership,
                membership_since_ms: 0,
                raft: &self.raft,
                live: &self.live,
                stopped: 0,
            };
            act(&mut self.election, &view, &mut actions);
            self.election.look(&view, &mut actions);
            actions
        }

        /// What it does at this time. Questions are told by their receivers, and an election by an empty list.
        fn at(&mut self, now_ms: u64) -> Vec<Action> {
            self.now_ms = now_ms;
            self.view(|_, _, _| {})
        }

        fn answer(&mut self, from: u64, agrees: bool, index: u64) -> Vec<Action> {
            let round = self.election.round;
            self.view(|election, view, _| election.answered(view, node(from), round, agrees, log(index)))
        }

        fn ask(&mut self, from: u64, index: u64, is_promise: bool) -> bool {
            let mut agreed = false;
            self.view(|election, view, _| {
                let answer = election.asked(view, node(from), 1, log(index), is_promise);
                agreed = matches!(answer, Message::PreVoted { agrees: true, .. });
            });
            agreed
        }
    }

    fn log(index: u64) -> LogId {
        LogId { term: 4, index }
    }

    fn promises(actions: &[Action]) -> usize {
        actions.iter().filter(|action| matches!(action, Action::Send { message: Message::Promise { .. }, .. })).count()
    }

    #[test]
    fn two_phases_and_an_election() {
        let mut voter = Voter::new(&[1, 2, 3, 4, 5]);
        assert_eq!(voter.at(1000).len(), 4, "all other voters are asked");
        assert_eq!(voter.answer(3, true, 10), []);
        assert_eq!(voter.answer(4, true, 9), [], "a majority: it waits for others with longer logs");
        assert_eq!(promises(&voter.at(1005)), 4);
        assert_eq!(voter.answer(3, true, 10), []);
        assert_eq!(voter.answer(4, true, 9), [Action::Elect]);
        assert_eq!(voter.at(5000), [], "never a second one before the first was taken");
        voter.view(|election, view, _| election.begun(view.now_ms));
        assert_eq!(voter.at(5100), []);
        assert_eq!(voter.at(5200), [], "it failed");
        assert_eq!(voter.at(5300).len(), 4, "and begins anew");
    }

    #[test]
    fn those_with_longer_logs_go_first() {
        for (answers, begins_ms) in [
            ([(1, 10), (3, 10), (4, 10), (5, 10)], 1030),
            ([(1, 9), (3, 10), (4, 10), (5, 10)], 1000),
            ([(1, 9), (3, 11), (4, 11), (5, 11)], 1060),
        ] {
            let mut voter = Voter::new(&[1, 2, 3, 4, 5]);
            voter.at(1000);
            let mut promised = answers.iter().map(|(from, index)| promises(&voter.answer(*from, true, *index))).sum::<usize>();
            let mut now_ms = 1000;
            while promised == 0 {
                now_ms += 1;
                promised = promises(&voter.at(now_ms));
            }
            assert_eq!(now_ms, begins_ms, "{answers:?}");
        }
    }

    #[test]
    fn no_majority_no_election() {
        let mut voter = Voter::new(&[1, 2, 3, 4, 5]);
        voter.at(1000);
        voter.answer(3, true, 10);
        voter.answer(4, false, 10);
        voter.answer(3, true, 10);
        assert_eq!(voter.at(1079), []);
        assert_eq!(voter.at(1080), [], "given up");
        assert_eq!(voter.at(1099), []);
        assert_eq!(voter.at(1120).len(), 4, "asked again");
        let mut learner = Voter::new(&[1, 3, 4]);
        assert_eq!(learner.at(1000), [], "who has no vote begins nothing");
        let mut alone = Voter::new(&[2]);
        assert_eq!(alone.at(1000), [Action::Elect], "a majority by itself");
    }

    #[test]
    fn the_leader_comes_back() {
        let mut voter = Voter::new(&[1, 2, 3]);
        voter.at(1000);
        voter.answer(3, true, 10);
        voter.live.beat(5, node(1), 1003);
        assert_eq!(voter.at(1100), []);
        assert_eq!(voter.at(1254).len(), 2, "it is silent again");
    }

    #[test]
    fn answers() {
        let mut voter = Voter::new(&[1, 2, 3, 4, 5]);
        voter.election.not_before_ms = u64::MAX;
        assert!(!voter.ask(3, 9, false), "a shorter log");
        assert!(!voter.ask(6, 10, false), "no voter");
        assert!(voter.ask(3, 10, false) && voter.ask(4, 10, false), "the first phase binds nobody");
        assert!(voter.ask(3, 10, true));
        assert!(!voter.ask(4, 10, true), "promised to another");
        assert!(voter.ask(3, 10, true), "the same again");
        voter.now_ms += PROMISE_MS;
        assert!(voter.ask(4, 10, true), "the promise is over");
        voter.view(|election, view, _| election.voted(view.now_ms));
        voter.now_ms += VOTED_MS - 1;
        assert!(!voter.ask(4, 10, true), "who was voted for gets the time to win");
        assert!(voter.ask(4, 10, false));
        voter.now_ms += 1;
        assert!(voter.ask(4, 10, true));
        voter.live.beat(5, node(1), voter.now_ms);
        assert!(!voter.ask(4, 10, false), "it hears its leader");
    }
}
