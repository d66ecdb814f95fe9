//! A small Raft log: the environment that the core is simulated in, no part of what is tested. What the real one does the tests of `cluster/raft` show.
//!
//! As the one in use it has no election timer (an election starts when the core says so), it does nothing else while it writes to its disk, and
//! a leader that dies between the two steps of a membership change leaves a joint configuration behind. It has no snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::core::{Change, Event, LogId, Membership, RaftReport};
use crate::topology::NodeId;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: LogId,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A leader's first entry.
    Blank,
    Changes(Arc<Vec<Change>>),
    Voters {
        voters: BTreeSet<NodeId>,
        outgoing: Option<BTreeSet<NodeId>>,
    },
}

/// What is on the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Durable {
    term: u64,
    vote: Option<NodeId>,
    log: Vec<Rc<Entry>>,
}

impl Durable {
    pub(super) fn new(first: Entry) -> Durable {
        Durable { term: 1, vote: None, log: vec![Rc::new(first)] }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Call {
    Vote {
        term: u64,
        last: LogId,
    },
    Voted {
        term: u64,
        granted: bool,
    },
    Append {
        term: u64,
        before: LogId,
        entries: Vec<Rc<Entry>>,
        committed: u64,
    },
    Appended {
        term: u64,
        matched: Result<u64, u64>,
    },
    /// Forwarded to the leader.
    Propose(Arc<Vec<Change>>),
}

/// What is asked of it.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Call(NodeId, Call),
    Elect,
    Propose(Arc<Vec<Change>>),
    SetVoters(BTreeSet<NodeId>),
    Heartbeat,
}

#[derive(Debug)]
enum Role {
    Follower,
    Candidate { granted: BTreeSet<NodeId> },
    Leader { matched: BTreeMap<NodeId, u64>, began: u64, ends_joint: bool },
}

/// What follows from an input: messages leave, and events are told, in this order; messages only once what was written is on the disk.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) calls: Vec<(NodeId, Call)>,
    pub(super) events: Vec<Event>,
    pub(super) writes: bool,
}

#[derive(Debug)]
pub(super) struct Raft {
    me: NodeId,
    pub(super) state: Durable,
    role: Role,
    leader: Option<NodeId>,
    pub(super) committed: u64,
    /// Everyone, whether it votes or not, follows the log.
    nodes: BTreeSet<NodeId>,
}

impl Raft {
    pub(super) fn new(me: NodeId, state: Durable, nodes: BTreeSet<NodeId>) -> Raft {
        Raft { me, state, role: Role::Follower, leader: None, committed: 0, nodes }
    }

    pub(super) fn last(&self) -> LogId {
        self.state.log.last().map_or_else(LogId::default, |entry| entry.id)
    }

    pub(super) fn entry(&self, index: u64) -> Option<&Rc<Entry>> {
        self.state.log.get(index.checked_sub(1)? as usize)
    }

    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// The voters by the last entry about them.
    pub(super) fn membership(&self) -> Membership {
        for entry in self.state.log.iter().rev() {
            if let Content::Voters { voters, outgoing } = &entry.content {
                let committed = entry.id.index <= self.committed;
                return Membership { id: entry.id, voters: voters.clone(), outgoing: outgoing.clone(), committed };
            }
        }
        Membership::default()
    }

    pub(super) fn report(&self, applied: u64) -> RaftReport {
        let (leads, matched) = match &self.role {
            Role::Leader { matched, began, .. } => (applied >= *began, matched.clone()),
            _ => (false, BTreeMap::new()),
        };
        RaftReport { term: self.state.term, leader: self.leader, leads, last: self.last(), matched }
    }

    /// Takes an input. Events say what of the log changed.
    pub(super) fn take(&mut self, input: Input, out: &mut Output) {
        match input {
            Input::Call(from, call) => self.receive(from, call, out),
            Input::Elect => self.elect(out),
            Input::Propose(changes) => match self.leader {
                _ if self.is_leader() => self.append(Content::Changes(changes), out),
                Some(leader) => out.calls.push((leader, Call::Propose(changes))),
                None => {}
            },
            Input::SetVoters(voters) => self.set_voters(voters, out),
            Input::Heartbeat => self.send_all(out),
        }
    }

    fn elect(&mut self, out: &mut Output) {
        out.events.push(Event::ElectionBegun);
        let membership = self.membership();
        if self.is_leader() || !contains(&membership, &self.me) {
            return;
        }
        self.state.term += 1;
        self.state.vote = Some(self.me);
        self.leader = None;
        self.role = Role::Candidate { granted: BTreeSet::new() };
        out.writes = true;
        let call = Call::Vote { term: self.state.term, last: self.last() };
        out.calls.extend(everyone(&membership).into_iter().filter(|voter| *voter != self.me).map(|voter| (voter, call.clone())));
        self.count_vote(self.me, out);
    }

    fn count_vote(&mut self, from: NodeId, out: &mut Output) {
        let membership = self.membership();
        let Role::Candidate { granted } = &mut self.role else { return };
        granted.insert(from);
        if is_quorum(&membership, |voter| granted.contains(voter)) {
            self.role = Role::Leader { matched: BTreeMap::new(), began: self.last().index + 1, ends_joint: false };
            self.leader = Some(self.me);
            self.append(Content::Blank, out);
        }
    }

    fn follow(&mut self, term: u64, leader: Option<NodeId>, out: &mut Output) {
        if term > self.state.term {
            (self.state.term, self.state.vote) = (term, None);
            out.writes = true;
            self.leader = None;
        }
        self.role = Role::Follower;
        self.leader = leader.or(self.leader).filter(|leader| *leader != self.me);
    }

    fn receive(&mut self, from: NodeId, call: Call, out: &mut Output) {
        match call {
            Call::Vote { term, last } => {
                if term > self.state.term {
                    self.follow(term, None, out);
                }
                let is_free = self.state.vote.is_none_or(|to| to == from);
                let granted = term == self.state.term && is_free && last >= self.last() && matches!(self.role, Role::Follower);
                if granted {
                    self.state.vote = Some(from);
                    out.writes = true;
                    out.events.push(Event::Voted);
                }
                out.calls.push((from, Call::Voted { term: self.state.term, granted }));
            }
            Call::Voted { term, granted } => {
                if term > self.state.term {
                    self.follow(term, None, out);
                } else if granted && term == self.state.term {
                    self.count_vote(from, out);
                }
            }
            Call::Append { term, before, entries, committed } => self.receive_entries(from, term, before, entries, committed, out),
            Call::Appended { term, matched } => {
                if term > self.state.term {
                    self.follow(term, None, out);
                } else if let (true, Role::Leader { matched: all, .. }) = (term == self.state.term, &mut self.role) {
                    match matched {
                        Ok(index) => {
                            let known = all.entry(from).or_default();
                            *known = (*known).max(index);
                        }
                        // Its log is shorter: a disk was lost, or entries of an earlier leader were cut.
                        Err(index) => _ = all.insert(from, index),
                    }
                    self.advance(out);
                    if matched.is_err() {
                        self.send(from, out);
                    }
                }
            }
            Call::Propose(changes) => {
                if self.is_leader() {
                    self.append(Content::Changes(changes), out);
                }
            }
        }
    }

    fn receive_entries(&mut self, from: NodeId, term: u64, before: LogId, entries: Vec<Rc<Entry>>, committed: u64, out: &mut Output) {
        if term < self.state.term {
            out.calls.push((from, Call::Appended { term: self.state.term, matched: Ok(0) }));
            return;
        }
        self.follow(term, Some(from), out);
        let has_before = before.index == 0 || self.entry(before.index).is_some_and(|entry| entry.id == before);
        if !has_before {
            let behind = self.committed.min(self.last().index).min(before.index - 1);
            out.calls.push((from, Call::Appended { term, matched: Err(behind) }));
            return;
        }
        let mut matched = before.index;
        for entry in entries {
            let index = entry.id.index;
            if self.entry(index).is_some_and(|known| known.id != entry.id) {
                assert!(index > self.committed, "what is committed is not cut");
                self.state.log.truncate(index as usize - 1);
                out.events.push(Event::Truncated { index });
                out.writes = true;
            }
            if self.entry(index).is_none() {
                self.push(entry, out);
            }
            matched = index;
        }
        self.committed = self.committed.max(committed.min(matched));
        out.calls.push((from, Call::Appended { term, matched: Ok(matched) }));
    }

    fn push(&mut self, entry: Rc<Entry>, out: &mut Output) {
        if let Content::Changes(changes) = &entry.content {
            out.events.push(Event::Appended { index: entry.id.index, changes: Arc::clone(changes) });
        }
        self.state.log.push(entry);
        out.writes = true;
    }

    fn append(&mut self, content: Content, out: &mut Output) {
        let id = LogId { term: self.state.term, index: self.last().index + 1 };
        self.push(Rc::new(Entry { id, content }), out);
        self.send_all(out);
    }

    /// What was written is on the disk.
    pub(super) fn flushed(&mut self, out: &mut Output) {
        let last = self.last().index;
        if let Role::Leader { matched, .. } = &mut self.role {
            matched.insert(self.me, last);
            self.advance(out);
        }
    }

    fn advance(&mut self, out: &mut Output) {
        let membership = self.membership();
        let Role::Leader { matched, ends_joint, .. } = &mut self.role else { return };
        let counts = |index: u64| is_quorum(&membership, |voter| matched.get(voter).is_some_and(|at| *at >= index));
        let newest = matched.values().copied().filter(|index| counts(*index)).max().unwrap_or(0);
        let ends_joint = *ends_joint;
        if newest <= self.committed || self.entry(newest).is_none_or(|entry| entry.id.term != self.state.term) {
            return;
        }
        self.committed = newest;
        if !self.membership().committed {
            return;
        }
        if membership.outgoing.is_some() && ends_joint {
            self.append(Content::Voters { voters: membership.voters, outgoing: None }, out);
        } else if membership.outgoing.is_none() && !membership.voters.contains(&self.me) {
            (self.role, self.leader) = (Role::Follower, None);
        }
    }

    fn set_voters(&mut self, wanted: BTreeSet<NodeId>, out: &mut Output) {
        let now = self.membership();
        let Role::Leader { ends_joint, .. } = &mut self.role else { return };
        if !now.committed || wanted.is_empty() {
            return;
        }
        *ends_joint = true;
        let content = match now.outgoing {
            Some(_) if now.voters == wanted => Content::Voters { voters: wanted, outgoing: None },
            Some(_) => return,
            None if now.voters == wanted => return,
            None => Content::Voters { voters: wanted, outgoing: Some(now.voters) },
        };
        self.append(content, out);
    }

    fn send_all(&self, out: &mut Output) {
        if self.is_leader() {
            self.nodes.iter().filter(|node| **node != self.me).for_each(|node| self.send(*node, out));
        }
    }

    fn send(&self, to: NodeId, out: &mut Output) {
        let Role::Leader { matched, .. } = &self.role else { return };
        let from = matched.get(&to).copied().unwrap_or_else(|| self.last().index.saturating_sub(1));
        let before = self.entry(from).map_or_else(LogId::default, |entry| entry.id);
        let entries = self.state.log.iter().skip(from as usize).take(64).cloned().collect();
        out.calls.push((to, Call::Append { term: self.state.term, before, entries, committed: self.committed }));
    }
}

fn contains(membership: &Membership, node: &NodeId) -> bool {
    everyone(membership).contains(node)
}

fn everyone(membership: &Membership) -> BTreeSet<NodeId> {
    membership.voters.iter().chain(membership.outgoing.iter().flatten()).copied().collect()
}

fn is_quorum(membership: &Membership, agrees: impl Fn(&NodeId) -> bool) -> bool {
    let is_majority = |voters: &BTreeSet<NodeId>| voters.iter().filter(|voter| agrees(voter)).count() * 2 > voters.len();
    is_majority(&membership.voters) && membership.outgoing.as_ref().is_none_or(is_majority)
}
