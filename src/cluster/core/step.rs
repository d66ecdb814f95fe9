//! One node's control plane, as one function of what happens to it.

use std::sync::Arc;

use super::election::Election;
use super::failover::Failover;
use super::grants::Grants;
use super::in_sync::InSync;
use super::lease::Lease;
use super::liveness::Liveness;
use super::timing::{ALIVE_MS, BEAT_MS, GAP_MS, RAFT_STALL_MS, TICK_MS_MAX};
use super::types::{Action, Config, Event, Map, Membership, Message, Position, Process, RaftReport};
use super::view::View;
use super::voters::Voters;
use crate::topology::{NodeId, ShardId};

/// The state of one process. See the module's page.
#[derive(Debug)]
pub(in crate::cluster) struct Core {
    me: Process,
    config: Config,
    /// When the last step was.
    last_ms: u64,
    map: Arc<Map>,
    membership: Membership,
    membership_since_ms: u64,
    raft: RaftReport,
    raft_reported_ms: u64,
    live: Liveness,
    election: Election,
    grants: Grants,
    lease: Lease,
    failover: Failover,
    voters: Voters,
    in_sync: InSync,
    /// As a replica: the highest epoch that it follows no more, and who asked for its position.
    stopped: u64,
    asked_by: Option<(NodeId, ShardId, u64)>,
    beat_at_ms: u64,
}

/// The parts that a step looks at and the one that it changes are fields of the same value: a function could not borrow them apart.
macro_rules! view {
    ($core:ident, $now_ms:expr) => {
        View {
            now_ms: $now_ms,
            me: $core.me,
            config: &$core.config,
            map: &$core.map,
            membership: &$core.membership,
            membership_since_ms: $core.membership_since_ms,
            raft: &$core.raft,
            live: &$core.live,
            stopped: $core.stopped,
        }
    };
}

impl Core {
    /// A process that starts now and knows nothing. `seed` spreads what several nodes would else do at the same moment.
    pub(in crate::cluster) fn new(me: Process, config: Config, now_ms: u64, seed: u64) -> Self {
        Core {
            me,
            config,
            last_ms: now_ms,
            map: Arc::new(Map::default()),
            membership: Membership::default(),
            membership_since_ms: now_ms,
            raft: RaftReport::default(),
            raft_reported_ms: now_ms,
            live: Liveness::new(now_ms),
            election: Election::new(now_ms, seed),
            grants: Grants::new(now_ms),
            lease: Lease::default(),
            failover: Failover::default(),
            voters: Voters::default(),
            in_sync: InSync::default(),
            stopped: 0,
            asked_by: None,
            beat_at_ms: now_ms,
        }
    }

    /// Something happened. `now_ms` is a monotonic clock that counts while the machine sleeps, and never goes back.
    pub(in crate::cluster) fn step(&mut self, now_ms: u64, event: Event) -> Vec<Action> {
        assert!(now_ms >= self.last_ms, "time goes on");
        if now_ms - self.last_ms > GAP_MS {
            self.live.woke(now_ms);
            self.grants.woke(self.last_ms, now_ms, self.config.lease_ms);
            self.lease.woke(self.last_ms, now_ms, self.config.lease_ms);
        }
        self.last_ms = now_ms;
        let mut actions = Vec::new();
        self.take(now_ms, event, &mut actions);
        self.look(now_ms, &mut actions);
        self.send_to_self(now_ms, actions)
    }

    /// When [`Event::Tick`] is due if nothing else happens before.
    pub(in crate::cluster) fn deadline(&self) -> u64 {
        let now_ms = self.last_ms;
        let view = view!(self, now_ms);
        let times = [
            now_ms + TICK_MS_MAX,
            self.beat_at_ms,
            self.live.deadline(now_ms, self.config.failure_ms),
            self.election.deadline(now_ms),
            self.lease.deadline(&view),
            self.failover.deadline(&view),
            self.in_sync.deadline(now_ms),
        ];
        times.into_iter().min().unwrap_or(now_ms).max(now_ms + 1)
    }

    /// Whether this process may serve its shard: to be asked with a fresh reading of the clock after requests have run, before their replies leave.
    pub(in crate::cluster) fn may_serve(&self, now_ms: u64) -> bool {
        self.lease.may_serve(now_ms)
    }

    /// Up to where what this primary wrote may be acknowledged, if it [`Core::may_serve`].
    pub(in crate::cluster) fn safe_offset(&self) -> u64 {
        self.in_sync.safe_offset()
    }

    /// Whom this process follows as a replica, and in which epoch.
    pub(in crate::cluster) fn follows(&self) -> Option<(Process, u64)> {
        let (_, state) = self.map.shard_of(self.me.node)?;
        (state.primary != self.me && state.epoch > self.stopped).then_some((state.primary, state.epoch))
    }

    /// The shard and the epoch of which this process is the primary, lease or not.
    pub(in crate::cluster) fn reign(&self) -> Option<(ShardId, u64)> {
        let (shard, state) = self.map.shard_of(self.me.node)?;
        (state.primary == self.me).then_some((shard, state.epoch))
    }

    /// Whether Raft may answer a request for its vote: not while it leads and a majority is heard, which the candidate cannot know.
    pub(in crate::cluster) fn admits_vote(&self, now_ms: u64) -> bool {
        !view!(self, now_ms).raft_leads()
    }

    fn take(&mut self, now_ms: u64, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Tick => {}
            Event::Linked { process } => self.live.linked(process, now_ms),
            Event::LinkBroken { process } => self.live.broke(process, now_ms),
            Event::DialFailed { node } => self.live.dial_failed(node, now_ms),
            Event::Received { from, message } => {
                if self.live.heard(from, now_ms) {
                    self.receive(now_ms, from, message, actions);
                }
            }
            Event::Raft(report) => self.report(now_ms, report, actions),
            Event::ElectionBegun => self.election.begun(now_ms),
            Event::Voted => self.election.voted(now_ms),
            Event::Appended { index, changes } => self.grants.appended(index, &changes),
            Event::Truncated { index } => self.grants.truncated(index),
            Event::Membership(membership) => {
                if membership.id != self.membership.id {
                    self.membership_since_ms = now_ms;
                }
                self.membership = membership;
                self.keep_peers(now_ms);
            }
            Event::Applied(map) => {
                let has_members = self.map.members == map.members;
                self.map = map;
                self.grants.applied(self.map.index, |shard| self.map.shards.contains_key(shard));
                if !has_members {
                    self.keep_peers(now_ms);
                }
            }
            Event::StoppedFollowing { epoch, position } => self.answer_stopped(epoch, position, actions),
            Event::Written { epoch, offset } => self.in_sync.written(epoch, offset),
            Event::Acknowledged { replica, position } => {
                // Its own word: who is neither leader nor voter hears of a replica by nothing else.
                if self.live.heard(replica, now_ms) {
                    self.in_sync.acknowledged(replica, position);
                }
            }
            Event::Release => self.lease.release(&view!(self, now_ms), actions),
        }
    }

    fn receive(&mut self, now_ms: u64, from: Process, message: Message, actions: &mut Vec<Action>) {
        let view = view!(self, now_ms);
        match message {
            Message::Beat { term } => self.live.beat(term, from.node, now_ms),
            Message::Alive { stopped } => self.live.told_stopped(from.node, stopped),
            Message::Deposed { term } => self.live.deposed(term, from.node),
            Message::PreVote { round, last } => {
                let message = self.election.asked(&view, from.node, round, last, false);
                actions.push(Action::Send { to: from.node, message });
            }
            Message::Promise { round, last } => {
                let message = self.election.asked(&view, from.node, round, last, true);
                actions.push(Action::Send { to: from.node, message });
            }
            Message::PreVoted { round, agrees, last } => self.election.answered(&view, from.node, round, agrees, last),
            Message::Renew(asked) => {
                if let Some(old_left_ms) = self.grants.grant(&view, from, &asked) {
                    let message = Message::Granted { epoch: asked.epoch, sent_ms: asked.sent_ms, old_left_ms };
                    actions.push(Action::Send { to: from.node, message });
                }
            }
            Message::Granted { epoch, sent_ms, old_left_ms } => self.lease.granted(&view, from.node, epoch, sent_ms, old_left_ms),
            Message::Release { shard, epoch } => self.grants.released(from, shard, epoch),
            Message::StopFollowing { term, shard, epoch } => self.stop_following(from.node, term, shard, epoch, actions),
            Message::Stopped { shard, epoch, position } => self.failover.stopped(from, shard, epoch, position),
        }
    }

    fn report(&mut self, now_ms: u64, report: RaftReport, actions: &mut Vec<Action>) {
        let was_leader = self.raft.leader == Some(self.me.node);
        if was_leader && report.leader != Some(self.me.node) {
            let term = self.raft.term;
            self.live.deposed(term, self.me.node);
            actions.extend(self.others().map(|to| Action::Send { to, message: Message::Deposed { term } }));
        }
        self.live.reported(&report, now_ms);
        self.raft = report;
        self.raft_reported_ms = now_ms;
    }

    /// The leader holds the primary of this epoch for dead.
    fn stop_following(&mut self, leader: NodeId, term: u64, shard: ShardId, epoch: u64, actions: &mut Vec<Action>) {
        let Some((of, state)) = self.map.shard_of(self.me.node) else { return };
        // A leader of an earlier term, or one that knows less than this node: it decides nothing.
        if term < self.raft.term || of != shard || state.epoch > epoch || state.epoch == epoch && state.primary == self.me {
            return;
        }
        self.stopped = self.stopped.max(epoch);
        self.asked_by = Some((leader, shard, epoch));
        actions.push(Action::StopFollowing { epoch });
    }

    fn answer_stopped(&mut self, stopped: u64, position: Position, actions: &mut Vec<Action>) {
        if let Some((to, shard, epoch)) = self.asked_by
            && stopped == epoch
        {
            actions.push(Action::Send { to, message: Message::Stopped { shard, epoch, position } });
        }
    }

    fn look(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.live.look(now_ms, actions);
        self.beat(now_ms, actions);
        let view = view!(self, now_ms);
        self.election.look(&view, actions);
        self.lease.look(&view, actions);
        self.in_sync.look(&view, actions);
        self.failover.look(&view, actions);
        self.voters.look(&view, actions);
    }

    /// Says that this node lives; as the leader also, that it leads.
    fn beat(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if now_ms < self.beat_at_ms {
            return;
        }
        let is_stalled = now_ms >= self.raft_reported_ms + RAFT_STALL_MS;
        if view!(self, now_ms).raft_leads() && !is_stalled {
            let term = self.raft.term;
            self.beat_at_ms = now_ms + BEAT_MS;
            self.live.beat(term, self.me.node, now_ms);
            actions.extend(self.others().map(|to| Action::Send { to, message: Message::Beat { term } }));
        } else {
            self.beat_at_ms = now_ms + ALIVE_MS;
            let stopped = self.stopped;
            let mut to = self.membership.everyone();
            to.extend(self.live.leader());
            to.remove(&self.me.node);
            actions.extend(to.into_iter().map(|to| Action::Send { to, message: Message::Alive { stopped } }));
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> {
        let voters = self.membership.everyone().into_iter().filter(|voter| !self.map.members.contains_key(voter));
        self.map.members.keys().copied().chain(voters).filter(|node| *node != self.me.node)
    }

    fn keep_peers(&mut self, now_ms: u64) {
        let others: Vec<NodeId> = self.others().collect();
        self.live.keep(others.into_iter(), now_ms);
    }

    /// A voter that is a primary asks itself, and so on: what is addressed to this node needs no network.
    fn send_to_self(&mut self, now_ms: u64, mut actions: Vec<Action>) -> Vec<Action> {
        let mut done = Vec::with_capacity(actions.len());
        // Each message causes at most an answer, and an answer none that this node would answer to itself.
        for _ in 0..4 {
            let (own, others): (Vec<_>, Vec<_>) =
                actions.into_iter().partition(|action| matches!(action, Action::Send { to, .. } if *to == self.me.node));
            done.extend(others);
            actions = Vec::new();
            if own.is_empty() {
                break;
            }
            for action in own {
                if let Action::Send { message, .. } = action {
                    self.receive(now_ms, self.me, message, &mut actions);
                }
            }
            self.look(now_ms, &mut actions);
        }
        done.extend(actions);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::testing::{map, membership, node, process, shard};

    /// Node `number` of six with three voters, each of which is connected, at 1000.
    fn core(number: u64) -> Core {
        let mut core = Core::new(process(number, 1), Config::default(), 0, 1);
        core.step(0, Event::Membership(membership(1, &[1, 2, 3])));
        core.step(0, Event::Applied(Arc::new(map(3, 2))));
        for other in (1..=6).filter(|other| *other != number) {
            core.step(0, Event::Linked { process: process(other, 1) });
        }
        for now_ms in (50..=1000).step_by(50) {
            core.step(now_ms, Event::Tick);
            hear(&mut core, number, now_ms);
        }
        core
    }

    /// The other voters are heard. Returns what follows.
    fn hear(core: &mut Core, number: u64, now_ms: u64) -> Vec<Action> {
        let others = (1..=3).filter(|other| *other != number);
        let alive = |other| Event::Received { from: process(other, 1), message: Message::Alive { stopped: 0 } };
        others.flat_map(|other| core.step(now_ms, alive(other))).collect()
    }

    fn report(term: u64, leader: Option<u64>, leads: bool) -> Event {
        Event::Raft(RaftReport { term, leader: leader.map(node), leads, ..RaftReport::default() })
    }

    fn sent(actions: &[Action], is: impl Fn(&Message) -> bool) -> usize {
        actions.iter().filter(|action| matches!(action, Action::Send { message, .. } if is(message))).count()
    }

    #[test]
    fn a_leader_beats_while_raft_works_and_a_majority_is_heard() {
        let is_beat = |message: &Message| matches!(message, Message::Beat { term: 5 });
        let beats = |core: &mut Core, from_ms: u64, until_ms: u64, is_heard: bool, reports: bool| {
            let mut count = 0;
            for now_ms in (from_ms..until_ms).step_by(10) {
                if is_heard {
                    count += sent(&hear(core, 1, now_ms), is_beat);
                }
                let event = if reports { report(5, Some(1), true) } else { Event::Tick };
                count += sent(&core.step(now_ms, event), is_beat);
            }
            count
        };
        let mut core = core(1);
        core.step(1000, report(5, Some(1), true));
        assert!(beats(&mut core, 1010, 1510, true, true) >= 9 * 5, "to each of the others every 50 ms");
        assert!(beats(&mut core, 1510, 2400, true, false) > 0);
        assert_eq!(beats(&mut core, 2520, 3000, true, false), 0, "Raft has stalled");
        assert!(beats(&mut core, 3000, 3200, true, true) > 0);
        beats(&mut core, 3200, 3500, false, true);
        assert_eq!(beats(&mut core, 3500, 4000, false, true), 0, "nobody is heard, so nothing could be committed");
    }

    #[test]
    fn a_deposed_leader_tells_all() {
        let mut core = core(1);
        core.step(1000, report(5, Some(1), true));
        let actions = core.step(1010, report(6, None, false));
        assert_eq!(sent(&actions, |message| matches!(message, Message::Deposed { term: 5 })), 5);
        let asks = |actions: Vec<Action>| sent(&actions, |message| matches!(message, Message::PreVote { .. }));
        assert_eq!((1010..1050).map(|now_ms| asks(core.step(now_ms, Event::Tick))).sum::<usize>(), 2, "and would elect another at once");
    }

    #[test]
    fn a_leader_that_is_heard_answers_no_vote() {
        let mut core = core(1);
        assert!(core.admits_vote(1000));
        core.step(1000, report(5, Some(1), true));
        assert!(!core.admits_vote(1001));
        assert!(core.admits_vote(1300), "it may be the one that is cut off");
    }

    #[test]
    fn a_replica_stops_following_and_says_how_far_it_is() {
        let stop = |term, of_shard, epoch| Event::Received {
            from: process(2, 1),
            message: Message::StopFollowing { term, shard: shard(of_shard), epoch },
        };
        // Node 4 follows node 1, whose epoch is 1.
        for (what, term, of_shard, epoch, stops) in [
            ("it is asked to", 5, 1, 1, true),
            ("by a leader of the past", 4, 1, 1, false),
            ("about another shard", 5, 2, 1, false),
            ("about an epoch that is over", 5, 1, 0, false),
            ("about an epoch of which it has not heard", 5, 1, 2, true),
        ] {
            let mut core = core(4);
            core.step(1000, report(5, Some(2), false));
            assert_eq!(core.follows(), Some((process(1, 1), 1)));
            let actions = core.step(1010, stop(term, of_shard, epoch));
            assert_eq!(actions.contains(&Action::StopFollowing { epoch }), stops, "{what}");
            assert_eq!(core.follows().is_none(), stops, "{what}");
            let position = Position { epoch: 1, offset: 77 };
            let actions = core.step(1011, Event::StoppedFollowing { epoch, position });
            let answer = Message::Stopped { shard: shard(1), epoch, position };
            assert_eq!(actions.contains(&Action::Send { to: node(2), message: answer }), stops, "{what}");
        }
        let mut primary = core(1);
        primary.step(1000, report(5, Some(2), false));
        let actions = primary.step(1010, stop(5, 1, 1));
        assert!(!actions.contains(&Action::StopFollowing { epoch: 1 }), "the primary itself follows nobody");
    }

    #[test]
    fn a_higher_epoch_is_followed_again() {
        let mut core = core(4);
        core.step(1000, report(5, Some(2), false));
        core.step(1010, Event::Received { from: process(2, 1), message: Message::StopFollowing { term: 5, shard: shard(1), epoch: 1 } });
        assert_eq!(core.follows(), None);
        let mut resumed = map(3, 2);
        resumed.shards.get_mut(&shard(1)).unwrap().epoch = 2;
        core.step(1020, Event::Applied(Arc::new(resumed)));
        assert_eq!(core.follows(), Some((process(1, 1), 2)));
    }

    /// A primary that votes as well grants itself its lease, and one more voter makes a majority of three.
    #[test]
    fn a_primary_that_votes_counts_itself() {
        let mut core = core(1);
        assert_eq!(core.reign(), Some((shard(1), 1)));
        assert!(!core.may_serve(1000));
        let sent_ms =
            (1010..1100).find(|now_ms| sent(&core.step(*now_ms, Event::Tick), |message| matches!(message, Message::Renew(_))) > 0);
        let sent_ms = sent_ms.unwrap();
        core.step(sent_ms + 5, Event::Received { from: process(2, 1), message: Message::Granted { epoch: 1, sent_ms, old_left_ms: 0 } });
        assert!(core.may_serve(sent_ms + 6));
        assert!(core.may_serve(sent_ms + 291) && !core.may_serve(sent_ms + 292));
    }
}
