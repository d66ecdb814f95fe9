//! Who is alive, as seen from here: connections that break, and silence.
//!
//! * A broken connection is no death: it is dialled again at once, and counts after [`GRACE_MS`] without one. A reset or a refusal may come from
//!   a firewall as well.
//! * What is known is known of a process. A later process of the node proves that the earlier one is dead, and nothing brings that back; what
//!   comes of an earlier one afterwards is ignored.
//! * The leader is alive by its own beats, whatever Raft does: a disk that is slow is no death.
//! * Who was frozen itself reads what has come meanwhile before it believes that others were silent.

use std::collections::BTreeMap;

use super::timing::{GRACE_MS, REDIAL_MS, SETTLE_MS, SILENCE_MS};
use super::types::{Action, Process, RaftReport};
use crate::topology::NodeId;

/// What is known of the other nodes. Bounded by the members of the map: see [`Liveness::keep`].
#[derive(Debug)]
pub(super) struct Liveness {
    peers: BTreeMap<NodeId, Peer>,
    leader: Leader,
    /// Until then silence proves nothing.
    settled_at_ms: u64,
}

#[derive(Debug)]
struct Peer {
    incarnation: Option<u64>,
    /// To which process this node has a connection.
    linked: Option<u64>,
    heard_ms: u64,
    broken_ms: Option<u64>,
    redial_ms: Option<u64>,
    /// The epoch that it stopped following, as it said last.
    stopped: u64,
}

/// Who leads, by its own word or by Raft's.
#[derive(Debug)]
struct Leader {
    term: u64,
    node: Option<NodeId>,
    sign_ms: u64,
    deposed: bool,
}

impl Liveness {
    pub(super) fn new(now_ms: u64) -> Self {
        Liveness { peers: BTreeMap::new(), leader: Leader { term: 0, node: None, sign_ms: now_ms, deposed: false }, settled_at_ms: now_ms }
    }

    /// These are the other nodes: who is new is dialled and has the time of silence to answer, who left is forgotten.
    pub(super) fn keep(&mut self, others: impl Iterator<Item = NodeId>, now_ms: u64) {
        let mut before = std::mem::take(&mut self.peers);
        for node in others {
            let peer = before.remove(&node).unwrap_or(Peer {
                incarnation: None,
                linked: None,
                heard_ms: now_ms,
                broken_ms: None,
                redial_ms: Some(now_ms),
                stopped: 0,
            });
            self.peers.insert(node, peer);
        }
    }

    /// A sign of life. `false`: it is of a process that is gone, or of nobody in the map, and what it says is not to be believed.
    pub(super) fn heard(&mut self, from: Process, now_ms: u64) -> bool {
        let Some(peer) = self.peers.get_mut(&from.node) else { return false };
        if peer.incarnation.is_some_and(|known| known > from.incarnation) {
            return false;
        }
        if peer.incarnation != Some(from.incarnation) {
            peer.incarnation = Some(from.incarnation);
            peer.stopped = 0;
        }
        peer.heard_ms = now_ms;
        true
    }

    pub(super) fn linked(&mut self, process: Process, now_ms: u64) {
        if self.heard(process, now_ms)
            && let Some(peer) = self.peers.get_mut(&process.node)
        {
            peer.linked = Some(process.incarnation);
            peer.broken_ms = None;
            peer.redial_ms = None;
        }
    }

    pub(super) fn broke(&mut self, process: Process, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(&process.node)
            && peer.linked == Some(process.incarnation)
        {
            peer.linked = None;
            peer.redial_ms = Some(now_ms);
            // What ended with an earlier process tells nothing of this one.
            if peer.incarnation == Some(process.incarnation) {
                peer.broken_ms.get_or_insert(now_ms);
            }
        }
    }

    pub(super) fn dial_failed(&mut self, node: NodeId, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.broken_ms.get_or_insert(now_ms);
            peer.redial_ms = Some(now_ms + REDIAL_MS);
        }
    }

    /// The process said which epoch it stopped following.
    pub(super) fn told_stopped(&mut self, node: NodeId, epoch: u64) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.stopped = epoch;
        }
    }

    /// The process was frozen for a while.
    pub(super) fn woke(&mut self, now_ms: u64) {
        self.settled_at_ms = now_ms + SETTLE_MS;
    }

    /// Dials whom it is time to dial.
    pub(super) fn look(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for (node, peer) in &mut self.peers {
            if peer.redial_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                // The answer sets the next one.
                peer.redial_ms = None;
                actions.push(Action::Dial { node: *node });
            }
        }
    }

    /// The next time at which something here changes by itself.
    pub(super) fn deadline(&self, now_ms: u64, failure_ms: u64) -> u64 {
        let mut next_ms = self.leader.sign_ms + SILENCE_MS + 1;
        if next_ms <= now_ms {
            next_ms = u64::MAX;
        }
        for peer in self.peers.values() {
            let grace_ms = peer.broken_ms.map(|broken_ms| broken_ms + GRACE_MS);
            let times = [peer.redial_ms, grace_ms, Some(peer.heard_ms + failure_ms), Some(self.settled_at_ms)];
            next_ms = times.into_iter().flatten().filter(|at_ms| *at_ms > now_ms).fold(next_ms, u64::min);
        }
        next_ms
    }

    /// The node's latest process, if any was ever heard.
    pub(super) fn process(&self, node: NodeId) -> Option<Process> {
        Some(Process { node, incarnation: self.peers.get(&node)?.incarnation? })
    }

    /// Whether the process is dead: it was followed by another, its connection is broken for long, or it is silent.
    pub(super) fn is_dead(&self, process: Process, now_ms: u64, failure_ms: u64) -> bool {
        let Some(peer) = self.peers.get(&process.node) else { return true };
        peer.incarnation.is_some_and(|known| known != process.incarnation) || self.is_gone(peer, now_ms, failure_ms)
    }

    /// Whether no process of the node is alive.
    pub(super) fn is_node_dead(&self, node: NodeId, now_ms: u64, failure_ms: u64) -> bool {
        self.peers.get(&node).is_none_or(|peer| self.is_gone(peer, now_ms, failure_ms))
    }

    fn is_gone(&self, peer: &Peer, now_ms: u64, failure_ms: u64) -> bool {
        let is_broken = peer.broken_ms.is_some_and(|broken_ms| now_ms >= broken_ms + GRACE_MS);
        is_broken || now_ms >= self.settled_at_ms && now_ms >= peer.heard_ms + failure_ms
    }

    /// Whether the process is alive and connected: it will answer.
    pub(super) fn is_well(&self, process: Process) -> bool {
        self.peers.get(&process.node).is_some_and(|peer| peer.incarnation == Some(process.incarnation) && peer.broken_ms.is_none())
    }

    /// The epoch that the process stopped following, as it said last; 0: none.
    pub(super) fn stopped(&self, process: Process) -> u64 {
        self.peers.get(&process.node).filter(|peer| peer.incarnation == Some(process.incarnation)).map_or(0, |peer| peer.stopped)
    }

    /// The leader of a term says that it lives.
    pub(super) fn beat(&mut self, term: u64, from: NodeId, now_ms: u64) {
        if term >= self.leader.term {
            self.leader = Leader { term, node: Some(from), sign_ms: now_ms, deposed: false };
        }
    }

    /// Raft knows of a later term, or of its leader. That is a sign of life only once: what it goes on believing proves nothing.
    pub(super) fn reported(&mut self, report: &RaftReport, now_ms: u64) {
        let is_news = report.term > self.leader.term || report.term == self.leader.term && self.leader.node.is_none();
        if is_news && report.leader.is_some() {
            self.leader = Leader { term: report.term, node: report.leader, sign_ms: now_ms, deposed: false };
        }
    }

    /// The leader of this term says that it leads no more.
    pub(super) fn deposed(&mut self, term: u64, from: NodeId) {
        if self.leader.term == term && self.leader.node == Some(from) {
            self.leader.deposed = true;
        }
    }

    /// The leader, if it is one that beats.
    pub(super) fn leader(&self) -> Option<NodeId> {
        self.leader.node
    }

    /// Whether this node would elect another leader. Not asked of one that leads.
    pub(super) fn misses_leader(&self, me: NodeId, now_ms: u64) -> bool {
        let is_broken =
            self.leader.node.is_some_and(|node| node != me && self.peers.get(&node).is_none_or(|peer| peer.broken_ms.is_some()));
        self.leader.deposed || is_broken || now_ms >= self.settled_at_ms && now_ms > self.leader.sign_ms + SILENCE_MS
    }

    /// Whether the node was heard within the silence that a leader is allowed.
    pub(super) fn is_fresh(&self, node: NodeId, now_ms: u64) -> bool {
        self.peers.get(&node).is_some_and(|peer| now_ms <= peer.heard_ms + SILENCE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::core::testing::{node, process};
    use crate::cluster::core::timing::FAILURE_MS;

    fn liveness() -> Liveness {
        let mut liveness = Liveness::new(1000);
        liveness.keep([2, 3].map(node).into_iter(), 1000);
        liveness.linked(process(2, 1), 1000);
        liveness
    }

    /// What happens at which time, in milliseconds behind 1000.
    enum Seen {
        Heard(u64, u64),
        Broke(u64, u64),
        Linked(u64, u64),
        Refused(u64),
        Woke(u64),
    }

    #[test]
    fn deaths() {
        use Seen::{Broke, Heard, Linked, Refused, Woke};
        // Events, then: is the first process of node 2 dead at this time?
        let table: &[(&[Seen], u64, bool)] = &[
            (&[], 499, false),
            (&[], 500, true),
            (&[Heard(100, 1)], 599, false),
            (&[Heard(100, 1)], 600, true),
            (&[Broke(10, 1)], 129, false),
            (&[Broke(10, 1)], 130, true),
            (&[Broke(10, 1), Refused(40), Refused(70)], 130, true),
            (&[Broke(10, 1), Linked(100, 1)], 200, false),
            // What was under way when the connection broke is no reason to wait for silence.
            (&[Broke(10, 1), Heard(20, 1)], 130, true),
            // A restart within the grace is no return.
            (&[Broke(10, 1), Linked(60, 2)], 61, true),
            (&[Heard(60, 2), Heard(61, 1)], 62, true),
            // The end of an old connection tells nothing of the new process, nor the other way round.
            (&[Linked(60, 2), Broke(70, 1)], 71, true),
            (&[Broke(10, 1), Broke(90, 1)], 130, true),
            (&[Woke(480)], 499, false),
            (&[Woke(490)], 509, false),
            (&[Woke(490)], 510, true),
            (&[Woke(490), Heard(495, 1)], 994, false),
        ];
        for (row, (events, at, expected)) in table.iter().enumerate() {
            let mut liveness = liveness();
            for event in *events {
                match *event {
                    Heard(at, incarnation) => _ = liveness.heard(process(2, incarnation), 1000 + at),
                    Broke(at, incarnation) => liveness.broke(process(2, incarnation), 1000 + at),
                    Linked(at, incarnation) => liveness.linked(process(2, incarnation), 1000 + at),
                    Refused(at) => liveness.dial_failed(node(2), 1000 + at),
                    Woke(at) => liveness.woke(1000 + at),
                }
            }
            assert_eq!(liveness.is_dead(process(2, 1), 1000 + at, FAILURE_MS), *expected, "row {row}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_not_believed() {
        let mut liveness = liveness();
        assert!(liveness.heard(process(2, 2), 1010));
        assert!(!liveness.heard(process(2, 1), 1020));
        assert!(!liveness.heard(process(9, 1), 1020), "nor who is in no map");
        assert!(liveness.is_well(process(2, 2)));
    }

    #[test]
    fn the_leader_is_missed() {
        // Beats of term 5 at 1000; what else happens; the first time at which it is missed.
        let table: &[(&str, fn(&mut Liveness), u64)] = &[
            ("silence", |_| {}, 1251),
            ("a beat", |live| live.beat(5, node(2), 1100), 1351),
            ("a beat of an earlier term", |live| live.beat(4, node(3), 1100), 1251),
            ("Raft repeats itself", |live| live.reported(&report(5, 2), 1100), 1251),
            ("Raft knows a later one", |live| live.reported(&report(6, 3), 1100), 1351),
            ("it was deposed", |live| live.deposed(5, node(2)), 1101),
            ("another one was deposed", |live| live.deposed(4, node(2)), 1251),
            ("its connection broke", |live| live.broke(process(2, 1), 1100), 1101),
            ("this node was frozen", |live| live.woke(1249), 1269),
        ];
        for (what, happens, expected) in table {
            let mut liveness = liveness();
            liveness.linked(process(3, 1), 1000);
            liveness.beat(5, node(2), 1000);
            happens(&mut liveness);
            let first = (1101..2000).find(|now_ms| liveness.misses_leader(node(1), *now_ms));
            assert_eq!(first, Some(*expected), "{what}");
        }
    }

    fn report(term: u64, leader: u64) -> RaftReport {
        RaftReport { term, leader: Some(node(leader)), ..RaftReport::default() }
    }

    #[test]
    fn a_broken_connection_is_dialled_at_once_and_again_after_each_failure() {
        let mut liveness = liveness();
        let dials = |liveness: &mut Liveness, now_ms| {
            let mut actions = Vec::new();
            liveness.look(now_ms, &mut actions);
            actions
        };
        assert_eq!(dials(&mut liveness, 1000), [Action::Dial { node: node(3) }]);
        liveness.broke(process(2, 1), 1010);
        assert_eq!(dials(&mut liveness, 1010), [Action::Dial { node: node(2) }]);
        assert_eq!(dials(&mut liveness, 1020), [], "one is under way");
        liveness.dial_failed(node(2), 1030);
        assert_eq!(dials(&mut liveness, 1030), []);
        assert_eq!(dials(&mut liveness, 1030 + REDIAL_MS), [Action::Dial { node: node(2) }]);
        liveness.linked(process(2, 1), 1060);
        assert_eq!(dials(&mut liveness, 1200), []);
        liveness.heard(process(2, 2), 1210);
        liveness.broke(process(2, 1), 1220);
        assert_eq!(dials(&mut liveness, 1220), [Action::Dial { node: node(2) }], "there is no connection to the next process either");
        assert!(liveness.is_well(process(2, 2)), "which is no sign that it is dead");
    }
}
