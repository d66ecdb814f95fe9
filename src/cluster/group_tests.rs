//! What a cluster's Raft group promises, with several nodes in one process.

use std::path::Path;

use super::tests::*;
use super::*;
use crate::topology::SlotRange;

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

/// Two processes with one identity would take each other's place for ever.
#[test]
fn a_node_whose_folder_was_restored_from_a_copy_does_not_go_on() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        let named = |topology: &Topology| topology.nodes().iter().all(|node| node.incarnation > 0);
        fleet.all("all processes are in the map", named).await;
        fleet.kill(2).await;
        let second = fleet.start(2).await.control.process();
        fleet.all("its second process is in the map", |topology| topology.node(&second.node).unwrap().process() == second).await;
        fleet.kill(2).await;
        // Only the count: a voter whose log is that of a copy is another matter.
        Store::open(&fleet.options[2].dir).unwrap().write_now(|batch| batch.put("starts", &0_u64)).unwrap();
        let restored = fleet.start(2).await;
        let why = restored.given_up().await;
        assert!(why.starts_with("The cluster knows a later process of this node"), "{why}");
    });
}

#[test]
fn two_processes_cannot_share_a_folder() {
    block_on(async {
        let mut fleet = Fleet::new(1, |_, options| options.autopilot = false);
        fleet.start_all().await;
        let again = Cluster::start(ClusterOptions { bus_port: free_port(), ..fleet.options[0].clone() }).await;
        assert!(matches!(again, Err(ClusterError::Store(StoreError::InUse(_)))), "{again:?}");
        let _: &Path = fleet.folder.path();
    });
}

/// Who knows the secret may not speak for others, and who was removed may not hold elections.
#[test]
fn a_raft_message_counts_only_from_whom_it_names() {
    use super::raft::vote_request;
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

/// A pod whose disk was lost: its old id owns slots and votes.
#[test]
fn a_node_that_lost_its_files_takes_its_own_place() {
    block_on(async {
        let mut fleet = Fleet::new(3, |n, options| options.node_name = format!("node-{n}"));
        fleet.start_all().await;
        fleet.all_up(3).await;
        fleet.all("all names are in the map", |topology| topology.nodes().iter().all(|node| !node.name.is_empty())).await;
        let victim = (0..3).find(|n| fleet.leader() != Some(*n)).unwrap();
        let old = fleet.nodes[victim].clone().unwrap();
        let (id, shard, slots) = (old.me(), old.my_shard(), slots_of(&old));
        drop(old);
        fleet.kill(victim).await;
        std::fs::remove_file(fleet.options[victim].dir.join("cluster.redb")).unwrap();
        let new = fleet.start(victim).await;
        assert_ne!(new.me(), id);
        fleet.all("it has taken its place", |topology| topology.node(&id).is_none() && topology.is_primary(&new.me())).await;
        fleet.all_up(3).await;
        assert_eq!((new.my_shard(), slots_of(&new)), (shard, slots));
        wait("it votes instead", || {
            let voters = fleet.nodes[fleet.leader().unwrap_or(0)].as_ref().unwrap().control.group().unwrap().members().voters;
            voters.len() == 3 && voters.contains(&new.me().raft_id())
        })
        .await;
        fleet.all("its process writes", |topology| topology.shard_of(&new.me()).unwrap().writer() == new.control.process()).await;
    });
}

/// Blank nodes beside a cluster that is down, restarting perhaps, make none of their own.
#[test]
fn nothing_is_founded_while_most_seeds_are_silent() {
    block_on(async {
        let mut fleet = Fleet::new(5, |_, options| options.size = 2);
        fleet.start(0).await;
        fleet.start(1).await;
        wait("two of five know each other", || fleet.running().all(|node| !node.links().is_empty())).await;
        let asked = |node: &Arc<Cluster>| node.counters().sent.iter().map(|(_, count)| count).sum::<u64>();
        let before: Vec<u64> = fleet.running().map(asked).collect();
        wait("they have asked around some more", || fleet.running().map(asked).zip(&before).all(|(now, before)| now > before + 30)).await;
        assert!(fleet.running().all(|node| node.topology().nodes().len() == 1));
        fleet.start(2).await;
        fleet.all_up(3).await;
    });
}
