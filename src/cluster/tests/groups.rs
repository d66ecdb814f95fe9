//! What nodes make of Raft: voters, elections, entries.

use super::*;

#[test]
fn a_change_of_voters_that_nobody_ended_is_ended() {
    block_on(async {
        let mut fleet = Fleet::new(4, |_, options| options.size = 4);
        fleet.start_all().await;
        fleet.all_up(4).await;
        let group = fleet.nodes[fleet.leader().unwrap()].as_ref().unwrap().control.group().unwrap();
        wait("one of four follows the log", || group.members().is_committed && group.members().learners.len() == 1).await;
        let members = group.members();
        let mut voters = members.voters.clone();
        voters.retain(|voter| {
            *voter == group.leader().unwrap() || Some(voter) != members.voters.iter().find(|id| Some(**id) != group.leader())
        });
        voters.extend(&members.learners);
        group.begin_to_set_voters(voters.clone()).await;
        drop(group);
        wait("all have the new voters only", || {
            let members = fleet.running().map(|node| node.control.group().unwrap().members());
            members.into_iter().all(|members| members.incoming.is_none() && members.voters == voters)
        })
        .await;
    });
}

/// openraft would have it go on as the leader that it was, with a term that others have left perhaps, and all voters count as heard.
#[test]
fn a_leader_that_starts_again_leads_only_if_it_is_elected() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        let leader = fleet.leader().unwrap();
        for n in 0..3 {
            fleet.kill(n).await;
        }
        let alone = fleet.start(leader).await;
        let group = alone.control.group().unwrap();
        let term = group.term();
        wait("it stands for election", || {
            assert!(!group.is_leader() && alone.topology().failing().is_some());
            group.term() > term
        })
        .await;
        drop((alone, group));
        for n in (0..3).filter(|n| *n != leader) {
            fleet.start(n).await;
        }
        fleet.all_up(3).await;
    });
}

#[test]
fn commands_that_come_together_share_an_entry() {
    block_on(async {
        let mut fleet = Fleet::new(1, |_, options| options.autopilot = false);
        let node = fleet.start(0).await;
        fleet.all("the log may hold batches", |topology| topology.level() >= Command::BATCH_LEVEL).await;
        let before = node.topology().index;
        let commands = (0..50).map(|slot| Command::AssignSlots { node: node.me(), ranges: vec![SlotRange::one(slot / 2)] });
        let proposed: Vec<_> = commands
            .map(|command| {
                let node = Arc::clone(&node);
                tokio::spawn(async move { node.propose(command).await })
            })
            .collect();
        let mut refused = 0;
        for answer in proposed {
            match answer.await.unwrap() {
                Ok(reply) => assert_eq!(reply, Reply::Done),
                Err(error) => {
                    assert!(matches!(error, ProposeError::Refused(TopologyError::SlotBusy(_))), "{error:?}");
                    refused += 1;
                }
            }
        }
        assert_eq!((refused, slots_of(&node)), (25, vec![SlotRange { start: 0, end: 24 }]), "each by itself");
        assert!(node.topology().index < before + 50, "some shared one");
    });
}

/// Who knows the secret may not speak for others, and who was removed may not hold elections.
#[test]
fn a_raft_message_counts_only_from_whom_it_names() {
    use crate::cluster::raft::vote_request;
    use larder_proto::bus::{RaftCall, Request, Response};
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        let [node, other, third] = [0, 1, 2].map(|n| fleet.nodes[n].clone().unwrap());
        let term = node.control.group().unwrap().term();
        let ask = async |from: NodeId, named: u64| {
            let cluster = node.control.group().unwrap().cluster.0;
            let payload = vote_request(1, named).into();
            let here = std::net::IpAddr::from([127, 0, 0, 1]);
            node.control.answer(from, here, Request::Raft { cluster, call: RaftCall::Vote, payload }).await
        };
        assert!(matches!(ask(other.me(), other.me().raft_id()).await, Response::Raft { .. }), "an old vote is answered");
        assert!(matches!(ask(other.me(), third.me().raft_id()).await, Response::Refused(_)), "in another's name");
        assert!(matches!(ask(other.me(), 7).await, Response::Refused(_)), "in nobody's name");
        assert_eq!(node.control.group().unwrap().term(), term);
        let leaves = other.me();
        node.propose(Command::RemoveNode { node: leaves }).await.unwrap_or_else(|error| panic!("{error}"));
        wait("the node is removed", || node.control.publication.applied().is_removed(&leaves)).await;
        assert!(matches!(ask(leaves, leaves.raft_id()).await, Response::Refused(_)), "it was removed");
    });
}
