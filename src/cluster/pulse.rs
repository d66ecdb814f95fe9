//! Who is alive: heartbeats to the leader, and what follows from their absence. Pure: time is an argument, in monotonic milliseconds.
//!
//! The leader hears every node and tells everybody whom it misses. A node has a quorum while its last heartbeat that a leader with a
//! majority answered is younger than the node timeout, counted from when it was sent, and it has applied the log as far as that leader
//! had when it answered.

use std::collections::BTreeMap;

use super::options::{OVERTAKEN_MS, WITHDRAWN_MS};
use crate::topology::NodeId;

/// What a node remembers of heartbeats.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// As leader: the term, and when each node was heard of last.
    term: u64,
    heard_ms: BTreeMap<NodeId, u64>,
    /// Of those that were heard of in this term.
    spoke_ms: BTreeMap<NodeId, u64>,
    /// As anybody, so that a new leader knows it: nodes that take no part, by their own word, and when they said so last.
    withdrawn_ms: BTreeMap<NodeId, u64>,
    /// As anybody: when the last heartbeat that counts was sent.
    confirmed_ms: Option<u64>,
    /// An answered heartbeat that counts once the log is applied up to this index: sent when, index.
    unconfirmed: Option<(u64, u64)>,
    /// Whom the leader misses, as it said last.
    pub(super) missed: Missed,
}

/// Nodes that are silent, sorted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    /// For longer than is normal.
    pub(super) suspected: Vec<NodeId>,
    /// For the node timeout.
    pub(super) failed: Vec<NodeId>,
}

impl Pulse {
    /// The leader heard of a node.
    pub(super) fn heard(&mut self, node: NodeId, now_ms: u64) {
        self.returned(&node, now_ms);
        self.heard_ms.insert(node, now_ms);
        self.spoke_ms.insert(node, now_ms);
    }

    /// A member says that it takes no part. Returns whether that is new.
    pub(super) fn withdrew(&mut self, node: NodeId, now_ms: u64) -> bool {
        let is_new = !self.is_withdrawn(&node, now_ms);
        self.withdrawn_ms.insert(node, now_ms);
        is_new
    }

    /// As leader: when the node said something last. Unlike silence, which begins with the term, this is certain.
    pub(super) fn last_heard_ms(&self, node: &NodeId) -> Option<u64> {
        self.spoke_ms.get(node).copied()
    }

    /// Something came from the node: it takes part again, if it did not. What comes right behind its word may have been sent before it, since each of the
    /// two has connections of its own, and one of them an urgent lane.
    pub(super) fn returned(&mut self, node: &NodeId, now_ms: u64) {
        if self.withdrawn_ms.get(node).is_some_and(|said_ms| now_ms.saturating_sub(*said_ms) >= OVERTAKEN_MS) {
            self.withdrawn_ms.remove(node);
        }
    }

    /// Whether the node takes no part, by its own word. What it said long ago counts no more: silence tells the same.
    pub(super) fn is_withdrawn(&self, node: &NodeId, now_ms: u64) -> bool {
        self.withdrawn_ms.get(node).is_some_and(|said_ms| now_ms.saturating_sub(*said_ms) < WITHDRAWN_MS)
    }

    /// The leader looks around: whom it misses among `nodes`, and whether it hears a majority of `voters`. A new leader gives everybody
    /// the time to report; a majority has just elected it.
    pub(super) fn lead(
        &mut self,
        term: u64,
        me: NodeId,
        nodes: &[NodeId],
        voters: &[NodeId],
        now_ms: u64,
        timeout_ms: u64,
    ) -> (Missed, bool) {
        if self.term != term {
            self.term = term;
            self.heard_ms.clear();
            self.spoke_ms.clear();
        }
        self.heard_ms.retain(|node, _| nodes.contains(node) || voters.contains(node));
        self.spoke_ms.retain(|node, _| nodes.contains(node));
        self.withdrawn_ms.retain(|node, said_ms| nodes.contains(node) && now_ms.saturating_sub(*said_ms) < WITHDRAWN_MS);
        let mut silence_ms = |node: &NodeId| match self.withdrawn_ms.contains_key(node) {
            true => u64::MAX,
            false => now_ms.saturating_sub(*self.heard_ms.entry(*node).or_insert(now_ms)),
        };
        let mut missed = Missed::default();
        for node in nodes.iter().filter(|node| **node != me) {
            match silence_ms(node) {
                silence if silence >= timeout_ms => missed.failed.push(*node),
                silence if silence >= timeout_ms / 2 => missed.suspected.push(*node),
                _ => {}
            }
        }
        let heard = voters.iter().filter(|voter| **voter == me || silence_ms(voter) < timeout_ms).count();
        missed.failed.sort();
        missed.suspected.sort();
        (missed, heard * 2 > voters.len())
    }

    /// A leader with a majority answered the heartbeat sent at `sent_ms`, having applied the log up to `index`.
    pub(super) fn answered(&mut self, sent_ms: u64, index: u64, missed: Missed) {
        self.missed = missed;
        // An earlier answer that still waits for the log is not replaced: under a steady stream of entries none would ever count.
        self.unconfirmed.get_or_insert((sent_ms, index));
    }

    /// As leader, this node's own word counts.
    pub(super) fn confirm(&mut self, now_ms: u64) {
        self.confirmed_ms = Some(now_ms);
        self.unconfirmed = None;
    }

    /// Whether the node is in touch with a quorum.
    pub(super) fn has_quorum(&mut self, applied_index: u64, now_ms: u64, timeout_ms: u64) -> bool {
        if let Some((sent_ms, index)) = self.unconfirmed
            && applied_index >= index
        {
            self.unconfirmed = None;
            self.confirmed_ms = self.confirmed_ms.max(Some(sent_ms));
        }
        self.confirmed_ms.is_some_and(|confirmed_ms| now_ms.saturating_sub(confirmed_ms) < timeout_ms)
    }

    /// Another group begins: nothing of the old counts.
    pub(super) fn start_over(&mut self) {
        *self = Pulse::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::node;

    #[test]
    fn a_leader_misses_the_silent() {
        let nodes = [1, 2, 3, 4].map(|n| node(n).id);
        let voters = &nodes[..3];
        let mut pulse = Pulse::default();
        let lead = |pulse: &mut Pulse, term, now_ms| {
            let (missed, quorum) = pulse.lead(term, nodes[0], &nodes, voters, now_ms, 1000);
            (missed.suspected.len(), missed.failed.len(), quorum)
        };
        assert_eq!(lead(&mut pulse, 1, 5000), (0, 0, true), "a new leader waits");
        pulse.heard(nodes[1], 5600);
        assert_eq!(lead(&mut pulse, 1, 5700), (2, 0, true));
        assert_eq!(lead(&mut pulse, 1, 6100), (1, 2, true), "half a timeout of silence is suspect");
        assert_eq!(lead(&mut pulse, 1, 6700), (0, 3, false), "alone of three voters");
        pulse.heard(nodes[2], 6800);
        assert_eq!(lead(&mut pulse, 1, 6900), (0, 2, true));
        assert_eq!(lead(&mut pulse, 2, 9999), (0, 0, true), "another term begins afresh");
    }

    #[test]
    fn who_withdraws_is_missed_at_once_until_it_returns() {
        let nodes = [1, 2, 3].map(|n| node(n).id);
        let mut pulse = Pulse::default();
        let failed = |pulse: &mut Pulse, term, now_ms| pulse.lead(term, nodes[0], &nodes, &nodes, now_ms, 1000);
        assert!(pulse.withdrew(nodes[1], 5000), "it is new");
        assert!(!pulse.withdrew(nodes[1], 5010), "it repeats itself");
        let missed = Missed { suspected: vec![], failed: vec![nodes[1]] };
        assert_eq!(failed(&mut pulse, 1, 5020), (missed.clone(), true));
        assert_eq!(failed(&mut pulse, 2, 5030), (missed, true), "a new leader waits for it no more than the old one");
        pulse.withdrew(nodes[2], 5040);
        assert!(!failed(&mut pulse, 2, 5050).1, "two of three cannot vote");
        pulse.heard(nodes[1], 5060);
        pulse.returned(&nodes[2], 5039 + OVERTAKEN_MS);
        assert!(!failed(&mut pulse, 2, 5070).1, "that may have been on its way for longer");
        pulse.heard(nodes[1], 5060 + OVERTAKEN_MS);
        pulse.heard(nodes[2], 5040 + OVERTAKEN_MS);
        assert_eq!(failed(&mut pulse, 2, 5070 + OVERTAKEN_MS), (Missed::default(), true));
        pulse.withdrew(nodes[1], 6000);
        assert!(!pulse.is_withdrawn(&nodes[1], 6000 + WITHDRAWN_MS), "it may have been told that it is wrong meanwhile");
    }

    #[test]
    fn a_quorum_is_confirmed_by_answers_and_applied_entries() {
        let mut pulse = Pulse::default();
        assert!(!pulse.has_quorum(9, 100, 1000), "not before the first answer");
        pulse.answered(100, 10, Missed::default());
        assert!(!pulse.has_quorum(9, 150, 1000), "the log is behind");
        pulse.answered(200, 12, Missed::default());
        assert!(pulse.has_quorum(10, 250, 1000), "the earlier answer counts");
        assert!(!pulse.has_quorum(10, 1100, 1000), "counted from when it was sent");
        pulse.confirm(1200);
        assert!(pulse.has_quorum(0, 1300, 1000));
        pulse.start_over();
        assert!(!pulse.has_quorum(99, 1300, 1000));
    }
}
