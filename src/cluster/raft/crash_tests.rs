//! A process that ends while it installs a snapshot.

use std::time::Duration;

use larder_proto::bus::Id;
use openraft::{LeaderId, Membership};

use super::types::{LogId, SnapshotMeta, StoredMembership};
use super::*;
use crate::cluster::link::Links;
use crate::cluster::store::key;
use crate::cluster::wire::Credentials;
use crate::topology::{NodeId, Process, Topology};

const ME: NodeId = NodeId(Id([1; 20]));
const LEADER: RaftId = 7;

async fn start(store: &Store) -> Result<Group, GroupError> {
    let links = Links::new(Credentials::new(Process { node: ME, incarnation: 1 }, None, ""), Arc::default());
    Group::start(ClusterId(Id([3; 20])), ME.raft_id(), store, Arc::new(Peers::new(links)), Arc::new(|_| {})).await
}

async fn has_applied(group: &Group, expected: Option<LogId>, what: &str) {
    let waiting = group.raft.wait(Some(Duration::from_secs(20)));
    waiting.metrics(|metrics| metrics.last_applied >= expected, what).await.unwrap_or_else(|error| panic!("{what}: {error}"));
}

fn last() -> LogId {
    LogId::new(LeaderId::new(1, LEADER), 10)
}

/// What the leader sends to a node that is far behind.
fn snapshot() -> Vec<u8> {
    snapshot_of(Topology::default().to_bytes().expect("it is short"))
}

fn snapshot_of(data: Vec<u8>) -> Vec<u8> {
    piece_of(data, 0, true)
}

fn piece_of(data: Vec<u8>, offset: u64, done: bool) -> Vec<u8> {
    let voters = BTreeMap::from([(LEADER, BasicNode::new("127.0.0.1:1")), (ME.raft_id(), BasicNode::new("127.0.0.1:2"))]);
    let last = Some(last());
    let membership = Membership::new(vec![voters.keys().copied().collect()], voters);
    let meta = SnapshotMeta { last_log_id: last, last_membership: StoredMembership::new(last, membership), snapshot_id: "s".to_owned() };
    let request = InstallSnapshotRequest::<TypeConfig> { vote: Vote::new_committed(1, LEADER), meta, offset, data, done };
    codec::encode(&request).expect("it is short")
}

/// A leader of another version, or one whose memory lies: what it sends ends no group, and is not kept for the next start either.
#[test]
fn a_snapshot_that_cannot_be_read_is_refused_and_the_next_one_taken() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let group = start(&store).await.unwrap();
        for data in [vec![], vec![255; 100]] {
            let answer = group.receive(LEADER, RaftCall::InstallSnapshot, &snapshot_of(data)).await;
            assert!(matches!(answer, Err(GroupError::Message(_))), "{answer:?}");
        }
        group.stop().await;
        let again = start(&store).await.unwrap_or_else(|error| panic!("{error}"));
        again.receive(LEADER, RaftCall::InstallSnapshot, &snapshot()).await.unwrap();
        has_applied(&again, Some(last()), "it follows the leader").await;
        assert_eq!(again.failure(), None);
        again.stop().await;
    });
}

#[test]
fn a_snapshot_comes_in_pieces() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let group = start(&store).await.unwrap();
        let data = Topology::default().to_bytes().unwrap();
        let mut answers = Vec::new();
        // One that was lost and came late, one twice, and then all.
        for (from, to) in [(4, 6), (0, 4), (0, 4), (4, 6), (6, data.len())] {
            let piece = piece_of(data[from..to].to_vec(), from as u64, to == data.len());
            let answer = group.receive(LEADER, RaftCall::InstallSnapshot, &piece).await.unwrap();
            answers.push(codec::decode::<PieceAnswer>(&answer).unwrap());
        }
        let is_ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(is_ok, [false, true, true, true, true], "{answers:?}");
        assert!(matches!(answers[0], Err(RaftError::APIError(InstallSnapshotError::SnapshotMismatch(_)))), "{answers:?}");
        has_applied(&group, Some(last()), "it follows the leader").await;
        group.stop().await;
        let again = start(&store).await.unwrap();
        has_applied(&again, Some(last()), "it was kept").await;
        again.stop().await;
    });
}

#[test]
fn a_node_that_ends_while_it_installs_a_snapshot_starts_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for refused in [Some(key::VOTE), Some(key::INCOMING), Some(key::SNAPSHOT), Some(key::PURGED), None] {
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let group = start(&store).await.unwrap();
            *store.refused.lock() = refused;
            let answer = group.receive(LEADER, RaftCall::InstallSnapshot, &snapshot()).await;
            group.stop().await;
            *store.refused.lock() = None;

            let purged: Option<LogId> = store.get(key::PURGED).unwrap();
            let again = start(&store).await.unwrap_or_else(|error| panic!("{refused:?}: {error}"));
            has_applied(&again, purged, &format!("{refused:?}: what the log lacks is in a snapshot")).await;
            if refused == Some(key::SNAPSHOT) {
                assert!(purged.is_some(), "the case that matters: {answer:?}");
            }
            again.receive(LEADER, RaftCall::InstallSnapshot, &snapshot()).await.unwrap();
            has_applied(&again, Some(last()), &format!("{refused:?}: it follows the leader again")).await;
            again.stop().await;
        });
    }
}
