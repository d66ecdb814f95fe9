//! Nodes and their files: of other versions, copied, lost, on full disks.

use super::*;

/// The folder of a node alone as the last version without records left it: a snapshot, a log after it, an address for clients.
#[test]
fn a_node_goes_on_with_the_file_of_a_version_without_records() {
    block_on(async {
        let mut fleet = Fleet::new(1, |_, options| {
            options.autopilot = false;
            std::fs::copy("tests/data/cluster/format-1.redb", options.dir.join("cluster.redb")).unwrap();
        });
        let mut epoch = 1;
        for missing in [vec![7], vec![7, 8]] {
            let node = fleet.start(0).await;
            assert_eq!(node.me().to_string(), "c55395ee3a0d4c6a5f54d0e0ae3fa96722935e05");
            let restored = |topology: &Topology| {
                let entered = topology.node(&node.me());
                let unowned: Vec<u16> = (0..16384).filter(|slot| topology.slot_owner(*slot).is_none()).collect();
                entered.is_some_and(|entered| entered.level == LEVEL) && unowned == missing && topology.epoch >= epoch
            };
            fleet.all("the map is as it was, and says what the node is capable of now", restored).await;
            let ranges = vec![SlotRange::one(missing.len() as u16 + 7)];
            wait("it leads", || node.leader() == Some(node.me())).await;
            node.propose(Command::UnassignSlots { node: node.me(), ranges }).await.unwrap();
            epoch = node.topology().epoch;
            fleet.kill(0).await;
        }
    });
}

/// The folder of a node alone as the last version left it whose map knew of no processes: a snapshot, a log after it, an address for clients.
#[test]
fn a_node_goes_on_with_the_file_of_a_version_without_processes() {
    block_on(async {
        let mut fleet = Fleet::new(1, |_, options| {
            options.autopilot = false;
            options.announce_to_clients = ClientEndpoint { ipv4: "192.0.2.7".into(), port: 80, ..ClientEndpoint::default() };
            std::fs::copy("tests/data/cluster/format-2.redb", options.dir.join("cluster.redb")).unwrap();
        });
        let mut last = 0;
        for _ in 0..2 {
            let node = fleet.start(0).await;
            assert_eq!(node.me().to_string(), "2bb5eb18382d499fda713991a67ad4fa69d12a04");
            let incarnation = node.control.process().incarnation;
            let restored = |topology: &Topology| {
                let entered = topology.node(&node.me());
                let unowned: Vec<u16> = (0..16384).filter(|slot| topology.slot_owner(*slot).is_none()).collect();
                entered.is_some_and(|entered| entered.incarnation == incarnation && entered.clients.ipv4 == "192.0.2.7") && unowned == [7]
            };
            fleet.all("the map is as it was, and names the process", restored).await;
            assert!(incarnation > last);
            let topology = node.topology();
            let shard = topology.shard_of(&node.me()).unwrap();
            assert_eq!((shard.epoch, shard.incarnation == incarnation), (1, last == 0), "only the first process writes by itself");
            last = incarnation;
            fleet.kill(0).await;
        }
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

/// Some writes still fit into what the file has already: a node that tries again each second takes part and fails by turns.
#[test]
fn a_node_whose_disk_is_full_counts_as_failed_until_there_is_space() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, options| options.require_full_coverage = false);
        fleet.start_all().await;
        fleet.all_up(3).await;
        let n = fleet.leader().unwrap();
        let full = fleet.nodes[n].clone().unwrap();
        let others: Vec<_> = fleet.running().filter(|node| node.me() != full.me()).cloned().collect();
        full.control.store.crowded.store(true, Ordering::Relaxed);
        let _ = full.propose(Command::BumpEpoch { node: full.me() }).await;
        let is_out = |node: &Arc<Cluster>| node.topology().is_failed(&full.me()) && !node.sightings().get(&full.me()).connected;
        wait("the others see that it does not serve", || others.iter().all(is_out)).await;
        assert!(full.topology().failing().is_some());
        let tried = full.control.store.probes.load(Ordering::Relaxed);
        wait("it looks for space again", || {
            assert!(others.iter().all(is_out) && full.topology().failing().is_some(), "it stays out while there is none");
            full.control.store.probes.load(Ordering::Relaxed) >= tried + 2
        })
        .await;
        assert!(others.iter().all(|node| node.topology().failing().is_none()), "the others go on");
        full.control.store.crowded.store(false, Ordering::Relaxed);
        fleet.all_up(3).await;
        wait("it is back", || {
            !others.iter().any(|node| node.topology().is_failed(&full.me()) || !node.sightings().get(&full.me()).connected)
        })
        .await;
        full.propose(Command::BumpEpoch { node: full.me() }).await.unwrap();
    });
}
