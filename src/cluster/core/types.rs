//! What goes into the core and what comes out of it: plain values, none of which knows how it is sent or stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fault::Fault;
use super::timing::{FAILURE_MS, LEASE_MS, RESTART_WAIT_MS};
use crate::topology::{NodeId, ShardId};

pub(in crate::cluster) use crate::topology::Process;

/// Where an entry is in Raft's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::cluster) struct LogId {
    pub(in crate::cluster) term: u64,
    pub(in crate::cluster) index: u64,
}

/// How much of a shard's data a process has: what a later epoch wrote supersedes what an earlier one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::cluster) struct Position {
    pub(in crate::cluster) epoch: u64,
    pub(in crate::cluster) offset: u64,
}

/// A node, as the map has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) struct Member {
    pub(in crate::cluster) zone: String,
    pub(in crate::cluster) shard: ShardId,
}

/// A shard, as the map has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) struct ShardState {
    /// The process that may write in this epoch, and no later one of its node.
    pub(in crate::cluster) primary: Process,
    pub(in crate::cluster) epoch: u64,
    /// The processes of replicas that have all that was acknowledged (Kafka's in-sync replicas).
    pub(in crate::cluster) in_sync: BTreeSet<Process>,
    /// Counts the changes of `in_sync`: what was proposed before the last one is refused.
    pub(in crate::cluster) version: u64,
}

/// The cluster map, as far as it was applied here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cluster) struct Map {
    /// Index of the last entry in it.
    pub(in crate::cluster) index: u64,
    pub(in crate::cluster) members: BTreeMap<NodeId, Member>,
    pub(in crate::cluster) shards: BTreeMap<ShardId, ShardState>,
}

impl Map {
    /// The nodes of a shard.
    pub(super) fn nodes_of(&self, shard: ShardId) -> impl Iterator<Item = NodeId> {
        self.members.iter().filter(move |(_, member)| member.shard == shard).map(|(node, _)| *node)
    }

    /// The node's shard.
    pub(super) fn shard_of(&self, node: NodeId) -> Option<(ShardId, &ShardState)> {
        let shard = self.members.get(&node)?.shard;
        Some((shard, self.shards.get(&shard)?))
    }
}

/// The voters, by the last entry about them in the log, committed or not: that is when Raft counts by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cluster) struct Membership {
    /// Where that entry is.
    pub(in crate::cluster) id: LogId,
    pub(in crate::cluster) voters: BTreeSet<NodeId>,
    /// Of a joint configuration: the voters of before, of whom a majority is needed as well.
    pub(in crate::cluster) outgoing: Option<BTreeSet<NodeId>>,
    /// Whether the entry is known to be committed.
    pub(in crate::cluster) committed: bool,
}

impl Membership {
    /// Whether those for whom `agrees` holds are a majority, of both halves while it is joint.
    pub(super) fn is_quorum(&self, agrees: impl Fn(&NodeId) -> bool) -> bool {
        let is_majority = |voters: &BTreeSet<NodeId>| voters.iter().filter(|voter| agrees(voter)).count() * 2 > voters.len();
        is_majority(&self.voters) && self.outgoing.as_ref().is_none_or(is_majority)
    }

    /// Whether the node votes.
    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.voters.contains(node) || self.outgoing.as_ref().is_some_and(|outgoing| outgoing.contains(node))
    }

    /// All who vote.
    pub(super) fn everyone(&self) -> BTreeSet<NodeId> {
        self.voters.iter().chain(self.outgoing.iter().flatten()).copied().collect()
    }
}

/// What the Raft layer says of itself, again whenever it changes and at least every [`super::timing::RAFT_REPORT_MS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cluster) struct RaftReport {
    pub(in crate::cluster) term: u64,
    /// Who leads in this term, if that is known.
    pub(in crate::cluster) leader: Option<NodeId>,
    /// Whether this node leads, and has applied all that was in the log before its term: it knows what it decides on.
    pub(in crate::cluster) leads: bool,
    /// The last entry of this node's log.
    pub(in crate::cluster) last: LogId,
    /// As the leader: how far each other node's log is known to be equal to this one's.
    pub(in crate::cluster) matched: BTreeMap<NodeId, u64>,
}

/// A change of the map that is proposed. Each is refused unless the shard is still in the epoch that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum Change {
    /// `to`, a member of the in-sync set, writes from now on, in a higher epoch. The old primary leaves the set.
    Promote { shard: ShardId, epoch: u64, to: Process },
    /// No process of the in-sync set is left: `to` goes on with what it has, and the set is empty.
    Recover { shard: ShardId, epoch: u64, to: Process },
    /// The same primary goes on in a higher epoch, which undoes that replicas stopped following this one.
    Resume { shard: ShardId, epoch: u64 },
    /// The in-sync set. Also refused if it was set since `version`.
    InSync { shard: ShardId, epoch: u64, version: u64, members: BTreeSet<Process> },
}

impl Change {
    /// The shard, and its highest epoch in which nobody gets a lease any more once this is in a voter's log.
    pub(in crate::cluster) fn seals(&self) -> Option<(ShardId, u64)> {
        match self {
            Change::Promote { shard, epoch, .. } | Change::Recover { shard, epoch, .. } | Change::Resume { shard, epoch } => {
                Some((*shard, *epoch))
            }
            Change::InSync { .. } => None,
        }
    }
}

/// What cores tell each other. Each may be lost, late, repeated or out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum Message {
    /// To all, from the leader of this term.
    Beat { term: u64 },
    /// To the voters and the leader: the sender lives. As a replica, it stopped following this epoch of its shard; 0: it follows.
    Alive { stopped: u64 },
    /// From a leader to all: it leads in this term no more.
    Deposed { term: u64 },
    /// First phase of the pre-vote: would you vote for me if there were an election?
    PreVote { round: u64, last: LogId },
    /// Second phase: and for no other during the next [`super::timing::PROMISE_MS`]?
    Promise { round: u64, last: LogId },
    /// Answers both.
    PreVoted { round: u64, agrees: bool, last: LogId },
    /// A primary asks a voter for its lease.
    Renew(Renewal),
    /// A voter grants it.
    Granted { epoch: u64, sent_ms: u64, old_left_ms: u64 },
    /// The holder serves no more in this epoch, and will not again.
    Release { shard: ShardId, epoch: u64 },
    /// From the leader to a member of a shard whose primary is dead: follow this epoch no more, and say how far you are.
    StopFollowing { term: u64, shard: ShardId, epoch: u64 },
    /// The answer.
    Stopped { shard: ShardId, epoch: u64, position: Position },
}

/// A request for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) struct Renewal {
    pub(in crate::cluster) shard: ShardId,
    pub(in crate::cluster) epoch: u64,
    /// When it was sent, by the holder's clock, which alone reads it again.
    pub(in crate::cluster) sent_ms: u64,
    /// The membership by which the holder counts.
    pub(in crate::cluster) membership: LogId,
}

/// What happens to a node.
#[derive(Debug, Clone)]
pub(in crate::cluster) enum Event {
    /// Time has passed: [`super::Core::deadline`] was reached.
    Tick,
    /// A connection to this process was opened, and both sides proved who they are.
    Linked { process: Process },
    /// That connection ended, for whatever reason.
    LinkBroken { process: Process },
    /// A dial failed, or was not answered in time.
    DialFailed { node: NodeId },
    /// A message came.
    Received { from: Process, message: Message },
    /// Raft reports.
    Raft(RaftReport),
    /// Raft has taken [`Action::Elect`]: it votes, or has said why not.
    ElectionBegun,
    /// Raft gave its vote to another node.
    Voted,
    /// An entry with these changes was appended to the log: told before the append is acknowledged, and at the start for all that is not applied.
    Appended { index: u64, changes: Arc<Vec<Change>> },
    /// The log was cut: this entry and all behind it are gone.
    Truncated { index: u64 },
    /// The voters, as of the last entry about them in the log.
    Membership(Membership),
    /// The map was applied up to another entry.
    Applied(Arc<Map>),
    /// As a replica: it follows this epoch no more, and this is what it has.
    StoppedFollowing { epoch: u64, position: Position },
    /// As the primary in this epoch: so much is written. Told first when the epoch begins.
    Written { epoch: u64, offset: u64 },
    /// As the primary: the replica has all up to this position, of this primary's history.
    Acknowledged { replica: Process, position: Position },
    /// The node is about to end, and serves no more.
    Release,
}

/// What is to be done. The order counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum Action {
    /// Send it, if there is a connection.
    Send { to: NodeId, message: Message },
    /// Open a connection: [`Event::Linked`] or [`Event::DialFailed`] follows.
    Dial { node: NodeId },
    /// Start an election: [`Event::ElectionBegun`] follows, exactly once.
    Elect,
    /// Propose these in one entry, through the leader if that is another node.
    Propose(Vec<Change>),
    /// As the leader: make these the voters.
    SetVoters(BTreeSet<NodeId>),
    /// As a replica: take nothing of this epoch any more; then [`Event::StoppedFollowing`] follows.
    StopFollowing { epoch: u64 },
}

/// What the operator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) struct Config {
    /// How long a lease lasts.
    pub(in crate::cluster) lease_ms: u64,
    /// Silence after which a node is dead.
    pub(in crate::cluster) failure_ms: u64,
    /// What is acknowledged is on all in-sync replicas, and must not be lost: a shard without any waits for all of them.
    pub(in crate::cluster) sync: bool,
    /// Without that: how long such a shard waits for them.
    pub(in crate::cluster) restart_wait_ms: u64,
    /// A rule that is broken on purpose.
    #[cfg(test)]
    pub(in crate::cluster) fault: Option<Fault>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lease_ms: LEASE_MS,
            failure_ms: FAILURE_MS,
            sync: true,
            restart_wait_ms: RESTART_WAIT_MS,
            #[cfg(test)]
            fault: None,
        }
    }
}

impl Config {
    /// Whether this rule is broken on purpose: only ever in tests.
    pub(super) fn has(&self, fault: Fault) -> bool {
        #[cfg(test)]
        return self.fault == Some(fault);
        #[cfg(not(test))]
        {
            let _ = fault;
            false
        }
    }
}
