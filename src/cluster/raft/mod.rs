//! One cluster's Raft group, as this node takes part in it. The only module that knows openraft; nothing of it shows outside.
//!
//! A [`Group`] lives as long as the node belongs to one cluster. Leaving a cluster ends the group, empties the log and starts another.

#[cfg(test)]
mod crash_tests;
mod error;
mod log_store;
mod network;
mod pieces;
mod proposals;
mod state_machine;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larder_proto::bus::{RaftCall, codec};
use openraft::error::{InitializeError, InstallSnapshotError, RaftError, SnapshotMismatch};
use openraft::raft::{AppendEntriesRequest, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest};
use openraft::{BasicNode, ChangeMembers, Config, Raft, SnapshotPolicy, SnapshotSegmentId};
use parking_lot::Mutex;

use super::options::{RAFT_ELECTION_MS, RAFT_HEARTBEAT_MS};
use super::peers::Peers;
use super::store::Store;
use crate::topology::{ClusterId, Command, Topology};
use error::{ended, refused};
use log_store::LogStore;
use network::Network;
use pieces::{PIECE_LEN, Pieces, Taken};
use proposals::Proposals;
use state_machine::StateMachine;
use types::{TypeConfig, Vote};

pub(super) use error::GroupError;
pub(super) use state_machine::Publish;
pub(super) use types::{Outcome, RaftId};

/// Entries after which a snapshot is taken. The map is a few kilobytes, so this bounds the replay at a restart and the file's size.
const SNAPSHOT_EVERY: u64 = 1000;

/// Entries kept behind a snapshot, so that a node that was away shortly does not need the snapshot.
const LOG_KEPT: u64 = 500;

/// How long the transfer of a piece of it may take, in milliseconds.
const PIECE_TRANSFER_MS: u64 = 2000;

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Members {
    pub(super) voters: BTreeSet<RaftId>,
    pub(super) learners: BTreeSet<RaftId>,
    /// Whether the last entry about them is committed. Until then there is no other.
    pub(super) is_committed: bool,
    /// Of a joint configuration, in which a majority of the voters of before is needed, too: those of after. Whoever leads has to end it.
    pub(super) incoming: Option<BTreeSet<RaftId>>,
}

impl Members {
    pub(super) fn contains(&self, id: RaftId) -> bool {
        self.voters.contains(&id) || self.learners.contains(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.voters.len() + self.learners.len()
    }
}

/// See the module's page.
pub(super) struct Group {
    raft: Raft<TypeConfig>,
    pub(super) cluster: ClusterId,
    me: RaftId,
    store: Store,
    proposals: Proposals,
    /// A snapshot that is on its way here.
    incoming: Mutex<Pieces>,
    /// Serialises membership changes of this node; openraft refuses overlapping ones.
    changing: tokio::sync::Mutex<()>,
}

type PieceAnswer = Result<InstallSnapshotResponse<RaftId>, RaftError<RaftId, InstallSnapshotError>>;

fn require_sender(from: RaftId, vote: &Vote) -> Result<(), GroupError> {
    let named = vote.leader_id().voted_for();
    if named == Some(from) { Ok(()) } else { Err(GroupError::Message("a Raft message in the name of another node".to_owned())) }
}

/// The message with which the member `candidate` asks for votes.
#[cfg(test)]
pub(super) fn vote_request(term: u64, candidate: RaftId) -> Vec<u8> {
    codec::encode(&VoteRequest::<RaftId>::new(Vote::new(term, candidate), None)).expect("it is short")
}

impl Group {
    /// Takes part in `cluster` with the log in `store`; every new map is given to `publish`.
    pub(super) async fn start(
        cluster: ClusterId,
        me: RaftId,
        store: &Store,
        peers: Arc<Peers>,
        publish: Publish,
    ) -> Result<Group, GroupError> {
        let config = Config {
            cluster_name: cluster.to_string(),
            heartbeat_interval: RAFT_HEARTBEAT_MS,
            election_timeout_min: RAFT_ELECTION_MS.start,
            election_timeout_max: RAFT_ELECTION_MS.end,
            install_snapshot_timeout: PIECE_TRANSFER_MS,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            snapshot_max_chunk_size: PIECE_LEN,
            max_in_snapshot_log_to_keep: LOG_KEPT,
            replication_lag_threshold: SNAPSHOT_EVERY * 2,
            ..Config::default()
        };
        let config = Arc::new(config.validate().map_err(ended)?);
        let store = store.session();
        let machine = StateMachine::open(store.clone(), publish).map_err(ended)?;
        let network = Network { cluster, peers };
        let raft = Raft::new(me, config, network, LogStore::new(store.clone()), machine.clone()).await.map_err(ended)?;
        let is_only_voter = move |state: &openraft::RaftState<RaftId, BasicNode, openraft::TokioInstant>| {
            state.membership_state.effective().voter_ids().eq([me])
        };
        if raft.with_raft_state(is_only_voter).await.map_err(ended)? {
            // Nobody else could win: there is nothing to wait for.
            raft.trigger().elect().await.map_err(ended)?;
        }
        let proposals = Proposals::new(raft.clone(), machine);
        Ok(Group { raft, cluster, me, store, proposals, incoming: Mutex::default(), changing: tokio::sync::Mutex::new(()) })
    }

    /// Creates the group with these voters and their bus addresses. Done already: nothing happens.
    pub(super) async fn found(&self, voters: BTreeMap<RaftId, String>) -> Result<(), GroupError> {
        let voters: BTreeMap<_, _> = voters.into_iter().map(|(id, address)| (id, BasicNode::new(address))).collect();
        match self.raft.initialize(voters).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ended(error)),
        }
    }

    /// Whether the node has a log.
    pub(super) async fn is_founded(&self) -> Result<bool, GroupError> {
        self.raft.is_initialized().await.map_err(ended)
    }

    /// Takes a Raft message of the member `from` and returns the answer to send back. Each bears the vote of its sender, who may speak for
    /// nobody else.
    pub(super) async fn receive(&self, from: RaftId, call: RaftCall, payload: &[u8]) -> Result<Vec<u8>, GroupError> {
        let unreadable = |error: codec::CodecError| GroupError::Message(error.to_string());
        let answer = match call {
            RaftCall::AppendEntries => {
                let request: AppendEntriesRequest<TypeConfig> = codec::decode(payload).map_err(unreadable)?;
                require_sender(from, &request.vote)?;
                codec::encode(&self.raft.append_entries(request).await)
            }
            RaftCall::Vote => {
                let request: VoteRequest<RaftId> = codec::decode(payload).map_err(unreadable)?;
                require_sender(from, &request.vote)?;
                codec::encode(&self.raft.vote(request).await)
            }
            RaftCall::InstallSnapshot => {
                let request: InstallSnapshotRequest<TypeConfig> = codec::decode(payload).map_err(unreadable)?;
                require_sender(from, &request.vote)?;
                codec::encode(&self.take_piece(request).await?)
            }
        };
        answer.map_err(unreadable)
    }

    /// Takes a piece of a snapshot, and installs that with the last one.
    async fn take_piece(&self, request: InstallSnapshotRequest<TypeConfig>) -> Result<PieceAnswer, GroupError> {
        let InstallSnapshotRequest { vote, meta, offset, data, done } = request;
        let mine = match self.raft.with_raft_state(|state| *state.vote_ref()).await {
            Ok(mine) => mine,
            Err(fatal) => return Ok(Err(RaftError::Fatal(fatal))),
        };
        // Who leads no more is told so before it sends everything.
        if vote < mine {
            return Ok(Ok(InstallSnapshotResponse { vote: mine }));
        }
        let taken = self.incoming.lock().take(&meta.snapshot_id, offset, &data, done);
        let whole = match taken {
            Taken::Part => return Ok(Ok(InstallSnapshotResponse { vote: mine })),
            Taken::OutOfTurn => {
                let segment = |offset| SnapshotSegmentId { id: meta.snapshot_id.clone(), offset };
                let mismatch = SnapshotMismatch { expect: segment(0), got: segment(offset) };
                return Ok(Err(RaftError::APIError(InstallSnapshotError::SnapshotMismatch(mismatch))));
            }
            Taken::Whole(whole) => whole,
        };
        // Before anything is kept: what cannot be read would end the group, now and at each start.
        Topology::from_bytes(&whole).map_err(|error| GroupError::Message(error.to_string()))?;
        state_machine::keep_incoming(&self.store, &meta, &whole).await.map_err(ended)?;
        let snapshot = types::Snapshot { meta, snapshot: Box::new(std::io::Cursor::new(whole)) };
        match self.raft.install_full_snapshot(vote, snapshot).await {
            Ok(installed) => Ok(Ok(installed.into())),
            Err(fatal) => Ok(Err(RaftError::Fatal(fatal))),
        }
    }

    /// Proposes a command if this node leads. Returns its index and what it came to.
    pub(super) async fn propose(&self, command: Command) -> Result<(u64, Outcome), GroupError> {
        self.proposals.propose(command).await
    }

    /// The index up to which the log must be applied to see everything committed before now. Only the leader knows.
    pub(super) async fn read_index(&self) -> Result<u64, GroupError> {
        use openraft::error::CheckIsLeaderError;
        match self.raft.get_read_log_id().await {
            Ok((read, _)) => Ok(read.map_or(0, |id| id.index)),
            Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(forward))) => {
                Err(GroupError::NotLeader { leader: forward.leader_id })
            }
            Err(RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(_))) => Err(GroupError::NotLeader { leader: None }),
            Err(RaftError::Fatal(error)) => Err(ended(error)),
        }
    }

    /// Lets a node follow the log.
    pub(super) async fn add_learner(&self, id: RaftId, bus_address: String) -> Result<(), GroupError> {
        let _one_at_a_time = self.changing.lock().await;
        self.raft.add_learner(id, BasicNode::new(bus_address), false).await.map_err(refused)?;
        Ok(())
    }

    /// Makes exactly these members voters; voters left out become learners.
    pub(super) async fn set_voters(&self, voters: BTreeSet<RaftId>) -> Result<(), GroupError> {
        let _one_at_a_time = self.changing.lock().await;
        self.raft.change_membership(voters, true).await.map_err(refused)?;
        Ok(())
    }

    /// As [`Group::set_voters`], by a leader that ends before the change does.
    #[cfg(test)]
    pub(super) async fn begin_to_set_voters(&self, voters: BTreeSet<RaftId>) {
        let _one_at_a_time = self.changing.lock().await;
        let mut metrics = self.raft.metrics();
        tokio::select! {
            biased;
            _ = metrics.wait_for(|metrics| metrics.membership_config.membership().get_joint_config().len() > 1) => {}
            changed = self.raft.change_membership(voters, true) => panic!("it did not end in between: {changed:?}"),
        }
    }

    /// Removes learners.
    pub(super) async fn remove(&self, learners: BTreeSet<RaftId>) -> Result<(), GroupError> {
        let _one_at_a_time = self.changing.lock().await;
        self.raft.change_membership(ChangeMembers::RemoveNodes(learners), true).await.map_err(refused)?;
        Ok(())
    }

    /// As the leader: how many entries each other member is known to be behind. Of others nothing is known.
    pub(super) fn lags(&self) -> BTreeMap<RaftId, u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let last = metrics.last_log_index.unwrap_or(0);
        let matched = metrics.replication.iter().flatten();
        matched.filter_map(|(id, matched)| Some((*id, last.saturating_sub((*matched)?.index)))).collect()
    }

    /// Who takes part, as of the newest entry in this node's log.
    pub(super) fn members(&self) -> Members {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        Members {
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            is_committed: metrics.membership_config.log_id().map(|id| id.index) <= metrics.last_applied.map(|id| id.index),
            incoming: match membership.get_joint_config().as_slice() {
                [_, .., incoming] => Some(incoming.clone()),
                _ => None,
            },
        }
    }

    /// Who leads, as far as this node knows. Who takes no part any more knows of nobody.
    pub(super) fn leader(&self) -> Option<RaftId> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        metrics.running_state.as_ref().ok().and(metrics.current_leader)
    }

    /// Whether this node leads.
    pub(super) fn is_leader(&self) -> bool {
        self.leader() == Some(self.me)
    }

    /// The current term.
    pub(super) fn term(&self) -> u64 {
        self.raft.metrics().borrow().current_term
    }

    /// Index of the last applied entry; `None` before the first.
    pub(super) fn applied_index(&self) -> Option<u64> {
        self.raft.metrics().borrow().last_applied.map(|id| id.index)
    }

    /// Why the group ended, if it did: the disk failed, mostly.
    pub(super) fn failure(&self) -> Option<String> {
        self.raft.metrics().borrow().running_state.as_ref().err().map(ToString::to_string)
    }

    /// Stops taking part. Nothing is written to the store any more when this returns.
    pub(super) async fn stop(&self) {
        if let Err(error) = self.store.write_deferred().await {
            // It only spares the next start a wait.
            tracing::debug!("cluster: {error}");
        }
        self.store.close().await;
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!("cluster: the Raft group did not end cleanly: {error}");
        }
    }
}
