//! Several nodes in one process, over loopback sockets.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder_proto::bus::LEVEL;

use super::*;
use crate::base::clock;
use crate::topology::{Access, ClientEndpoint, ClientView, Route, SlotRange};

/// Options of a node of no particular cluster.
pub(super) fn options() -> ClusterOptions {
    ClusterOptions {
        dir: std::path::PathBuf::new(),
        bind: vec!["127.0.0.1".parse().unwrap()],
        port: 6379,
        tls_port: 0,
        bus_port: 16379,
        announce_port: None,
        announce_tls_port: None,
        announce_bus_port: None,
        announce_host: String::new(),
        announce_hostname: String::new(),
        announce_to_clients: ClientEndpoint::default(),
        node_name: String::new(),
        zone: String::new(),
        name: String::new(),
        secret: None,
        autopilot: true,
        seeds: Vec::new(),
        size: 3,
        replicas: 0,
        node_timeout_ms: 1000,
        require_full_coverage: true,
        allow_reads_when_down: false,
        allow_pubsubshard_when_down: true,
    }
}

/// A client port whose bus port nobody uses, and no other test is given. It is not among those that the system gives outgoing
/// connections: one of those might be taken while its node is down.
pub(super) fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 11_000..21_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Test programs that run at the same time begin at different ones.
        let number = (std::process::id() * 131 + GIVEN.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let port = (PORTS.start + number) as u16;
        if TcpListener::bind(("127.0.0.1", port + BUS_PORT_OFFSET)).is_ok() {
            return port;
        }
    }
}

/// Nodes that can be started, killed and started again.
pub(super) struct Fleet {
    pub(super) folder: tempfile::TempDir,
    pub(super) options: Vec<ClusterOptions>,
    pub(super) nodes: Vec<Option<Arc<Cluster>>>,
}

impl Fleet {
    pub(super) fn new(count: usize, change: impl Fn(usize, &mut ClusterOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<_> = (0..count).map(|_| free_port()).collect();
        let seeds: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let options = ports.iter().enumerate().map(|(n, port)| {
            let dir = folder.path().join(n.to_string());
            std::fs::create_dir(&dir).unwrap();
            let mut options = ClusterOptions { dir, port: *port, bus_port: port + BUS_PORT_OFFSET, seeds: seeds.clone(), ..options() };
            change(n, &mut options);
            options
        });
        let options = options.collect();
        Fleet { folder, options, nodes: vec![None; count] }
    }

    pub(super) async fn start(&mut self, n: usize) -> Arc<Cluster> {
        let node = Cluster::start(self.options[n].clone()).await.unwrap();
        self.nodes[n] = Some(Arc::clone(&node));
        node
    }

    pub(super) async fn start_all(&mut self) {
        for n in 0..self.options.len() {
            self.start(n).await;
        }
    }

    pub(super) async fn kill(&mut self, n: usize) {
        self.nodes[n].take().unwrap().kill().await;
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.nodes.iter().flatten()
    }

    /// Waits until this holds for all running nodes.
    pub(super) async fn all(&self, what: &str, holds: impl Fn(&Topology) -> bool) {
        let reached = || self.running().all(|node| holds(&node.topology()));
        let shown = || {
            let views = self.running().map(|node| {
                let topology = node.topology();
                format!("\n{:?} led by {:?} {:?}\n{topology:?}", node.me(), node.leader(), node.control.standing())
            });
            views.collect::<String>()
        };
        wait_or_show(what, reached, shown).await;
    }

    pub(super) async fn all_up(&self, nodes: usize) {
        self.all("the cluster is up", |topology| {
            topology.failing().is_none() && topology.nodes().len() == nodes && topology.slots().assigned() == 16384
        })
        .await;
    }

    pub(super) fn bus_port(&self, node: &Cluster) -> u16 {
        let at = self.nodes.iter().position(|running| running.as_ref().is_some_and(|running| running.me() == node.me()));
        self.options[at.unwrap()].bus_port
    }

    pub(super) fn leader(&self) -> Option<usize> {
        let leader = self.running().find_map(|node| node.leader())?;
        self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| node.me() == leader))
    }
}

/// Waits for a condition.
pub(super) async fn wait(what: &str, holds: impl Fn() -> bool) {
    wait_or_show(what, holds, String::new).await;
}

/// The deadline is far beyond what a busy machine needs.
pub(super) async fn wait_or_show(what: &str, holds: impl Fn() -> bool, shown: impl Fn() -> String) {
    let until_ms = clock::monotonic_ms() + 30_000;
    while !holds() {
        assert!(clock::monotonic_ms() < until_ms, "waited in vain until {what}: {}", shown());
        timing::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    if std::env::var_os("LARDER_TEST_LOG").is_some() {
        let filter =
            tracing_subscriber::filter::Targets::new().with_target("larder", tracing::Level::DEBUG).with_default(tracing::Level::WARN);
        use tracing_subscriber::layer::SubscriberExt;
        use tracing_subscriber::util::SubscriberInitExt;
        let _ = tracing_subscriber::registry().with(tracing_subscriber::fmt::layer()).with(filter).try_init();
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(super) fn slots_of(node: &Cluster) -> Vec<SlotRange> {
    node.topology().slot_ranges(&node.my_shard())
}

#[test]
fn three_blank_nodes_become_one_cluster() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        let maps: Vec<_> = fleet
            .running()
            .map(|node| node.topology().nodes_text(&NodeId(Id([0; 20])), &Sightings::default(), ClientView::default()))
            .collect();
        assert!(maps.iter().all(|map| *map == maps[0]), "{maps:?}");
        let sizes: Vec<_> = fleet.running().map(|node| slots_of(node).iter().map(SlotRange::len).sum::<usize>()).collect();
        assert!(sizes.iter().all(|size| (5461..=5462).contains(size)), "{sizes:?}");
        for node in fleet.running() {
            let topology = node.topology();
            let served = (0..16384).filter(|slot| topology.route(&node.me(), *slot, Access::default()) == Route::Serve).count();
            assert_eq!(served, slots_of(node).iter().map(SlotRange::len).sum::<usize>());
        }
    });
}

#[test]
fn a_cluster_survives_the_death_and_return_of_each_node() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, options| options.require_full_coverage = false);
        fleet.start_all().await;
        fleet.all_up(3).await;
        let before: Vec<_> = fleet.running().map(|node| (node.me(), node.my_shard(), slots_of(node))).collect();
        for n in 0..3 {
            let leader = fleet.leader().unwrap();
            let victim = if n == 0 { leader } else { n };
            let dead = before[victim].0;
            fleet.kill(victim).await;
            fleet
                .all("the dead node is missed and the others go on", |topology| topology.is_failed(&dead) && topology.failing().is_none())
                .await;
            fleet.start(victim).await;
            fleet.all_up(3).await;
            fleet.all("nobody is missed", |topology| topology.view().failed.is_empty()).await;
        }
        let after: Vec<_> = fleet.running().map(|node| (node.me(), node.my_shard(), slots_of(node))).collect();
        assert_eq!(before, after);
    });
}

#[test]
fn all_nodes_restart_into_the_same_cluster_even_at_other_addresses() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        let before: Vec<_> = fleet.running().map(|node| (node.me(), slots_of(node))).collect();
        for n in 0..3 {
            fleet.kill(n).await;
        }
        let ports: Vec<_> = (0..3).map(|_| free_port()).collect();
        for (options, port) in fleet.options.iter_mut().zip(&ports) {
            options.port = *port;
            options.bus_port = port + BUS_PORT_OFFSET;
            options.seeds = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        }
        fleet.start_all().await;
        fleet.all_up(3).await;
        let told = |topology: &Topology| {
            let mut told: Vec<_> = topology.nodes().iter().map(|node| node.port).collect();
            told.sort_unstable();
            told
        };
        let mut expected = ports.clone();
        expected.sort_unstable();
        fleet.all("the new addresses are known", |topology| told(topology) == expected).await;
        let after: Vec<_> = fleet.running().map(|node| (node.me(), slots_of(node))).collect();
        assert_eq!(before, after);
    });
}

#[test]
fn a_minority_is_down_and_recovers() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, _| {});
        fleet.start_all().await;
        fleet.all_up(3).await;
        fleet.kill(0).await;
        fleet.kill(1).await;
        fleet.all("the last node stops serving", |topology| topology.failing() == Some(crate::topology::Failing::NoQuorum)).await;
        let last = Arc::clone(fleet.nodes[2].as_ref().unwrap());
        assert_eq!(last.propose(Command::BumpEpoch { node: last.me() }).await, Err(ProposeError::NoAnswer));
        fleet.start(0).await;
        fleet.start(1).await;
        fleet.all_up(3).await;
    });
}

#[test]
fn late_nodes_join_and_clusters_larger_than_the_voters_work() {
    block_on(async {
        let mut fleet = Fleet::new(7, |_, _| {});
        for n in 0..2 {
            fleet.start(n).await;
        }
        // Two of three wait for the third, however long it takes.
        wait("two nodes know each other", || fleet.running().all(|node| !node.links().is_empty())).await;
        assert!(fleet.running().all(|node| node.topology().nodes().len() == 1));
        for n in 2..7 {
            fleet.start(n).await;
        }
        fleet.all_up(7).await;
        let leader = fleet.nodes[fleet.leader().unwrap()].clone().unwrap();
        wait("five nodes vote", || leader.control.group().unwrap().members().voters.len() == 5).await;
        let seventh = fleet.nodes[6].clone().unwrap();
        seventh.propose(Command::BumpEpoch { node: seventh.me() }).await.unwrap();
        assert_eq!(seventh.topology().config_epoch(&seventh.me()), seventh.topology().epoch, "a proposal is applied here when it returns");
    });
}

#[test]
fn nodes_without_autopilot_are_alone_until_they_meet() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, options| options.autopilot = false);
        fleet.start_all().await;
        let nodes: Vec<_> = fleet.running().cloned().collect();
        let parts = [(0, 5460), (5461, 10922), (10923, 16383)];
        for (n, node) in nodes.iter().enumerate() {
            let (start, end) = parts[n];
            let ranges = vec![SlotRange { start, end }];
            node.propose(Command::AssignSlots { node: node.me(), ranges: ranges.clone() }).await.unwrap();
            let again = node.propose(Command::AssignSlots { node: node.me(), ranges }).await;
            assert_eq!(again, Err(ProposeError::Refused(TopologyError::SlotBusy(start))));
            node.propose(Command::SetConfigEpoch { node: node.me(), epoch: n as u64 + 1 }).await.unwrap();
            assert!(node.topology().failing().is_some());
        }
        for node in &nodes[1..] {
            node.meet("127.0.0.1".to_owned(), fleet.options[0].bus_port, Duration::from_secs(10)).await.unwrap();
        }
        fleet.all_up(3).await;
        for (n, node) in nodes.iter().enumerate() {
            let (start, end) = parts[n];
            assert_eq!(slots_of(node), [SlotRange { start, end }]);
            assert_eq!(node.topology().config_epoch(&node.me()), n as u64 + 1);
        }
        let (id, slots) = (nodes[2].me(), slots_of(&nodes[2]));
        drop(nodes);
        fleet.kill(2).await;
        let back = fleet.start(2).await;
        fleet.all_up(3).await;
        assert_eq!((back.me(), slots_of(&back)), (id, slots));
    });
}

#[test]
fn forgotten_nodes_stay_out_and_reset_nodes_are_alone() {
    block_on(async {
        let mut fleet = Fleet::new(4, |_, options| options.size = 4);
        fleet.start_all().await;
        fleet.all_up(4).await;
        let nodes: Vec<_> = fleet.running().cloned().collect();
        let gone = nodes[3].me();
        let slots = slots_of(&nodes[3]);
        nodes[0].propose(Command::RemoveNode { node: gone }).await.unwrap();
        wait("the others forgot it, and it is on its own", || {
            nodes[..3].iter().all(|node| node.topology().node(&gone).is_none()) && nodes[3].topology().failing().is_some()
        })
        .await;
        nodes[0].propose(Command::AssignSlots { node: nodes[0].me(), ranges: slots }).await.unwrap();
        wait("three nodes serve", || nodes[..3].iter().all(|node| node.topology().failing().is_none())).await;
        wait("it is no member any more", || {
            let leader = nodes[..3].iter().find(|node| node.leader() == Some(node.me()));
            leader.is_some_and(|leader| !leader.control.group().unwrap().members().contains(gone.raft_id()))
        })
        .await;
        assert!(nodes[..3].iter().all(|node| node.topology().node(&gone).is_none()), "it does not enter again by itself");
        // Now one that leaves by itself, while it leads.
        let leader = nodes[..3].iter().find(|node| node.leader() == Some(node.me())).unwrap();
        leader.reset().await.unwrap();
        assert_eq!(leader.topology().nodes().len(), 1);
        let rest: Vec<_> = nodes[..3].iter().filter(|node| node.me() != leader.me()).collect();
        wait("the other two go on", || {
            rest.iter().all(|node| node.topology().node(&leader.me()).is_none() && node.leader().is_some_and(|id| id != leader.me()))
        })
        .await;
        rest[0].propose(Command::BumpEpoch { node: rest[0].me() }).await.unwrap();
        rest[0].meet("127.0.0.1".to_owned(), fleet.bus_port(leader), Duration::from_secs(10)).await.unwrap();
        assert_eq!(rest[0].topology().nodes().len(), 3);
    });
}

#[test]
fn nodes_that_own_the_same_slot_do_not_merge() {
    block_on(async {
        let mut fleet = Fleet::new(2, |_, options| options.autopilot = false);
        fleet.start_all().await;
        let nodes: Vec<_> = fleet.running().cloned().collect();
        for node in &nodes {
            node.propose(Command::AssignSlots { node: node.me(), ranges: vec![SlotRange::one(7)] }).await.unwrap();
        }
        let met = nodes[0].meet("127.0.0.1".to_owned(), fleet.options[1].bus_port, Duration::from_secs(10)).await;
        assert_eq!(met, Err(MeetError::Refused("Slot 7 is owned on both sides".to_owned())));
        assert!(nodes.iter().all(|node| slots_of(node) == [SlotRange::one(7)]));
    });
}

#[test]
fn the_secret_decides_who_may_talk() {
    block_on(async {
        let mut fleet = Fleet::new(4, |n, options| {
            options.secret = Some(if n < 3 { b"ours".to_vec() } else { b"theirs".to_vec() });
            options.size = if n < 3 { 3 } else { 1 };
            if n == 3 {
                // It would wait for most of the others else.
                options.seeds = vec![format!("127.0.0.1:{}", options.port)];
            }
        });
        fleet.start_all().await;
        wait("three nodes are one cluster", || {
            fleet.running().take(3).all(|node| node.topology().failing().is_none() && node.topology().nodes().len() == 3)
        })
        .await;
        let stranger = fleet.nodes[3].clone().unwrap();
        wait("the fourth is a cluster of its own", || stranger.topology().failing().is_none()).await;
        assert_eq!(stranger.topology().nodes().len(), 1);
    });
}

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

#[test]
fn a_changed_node_timeout_counts_at_once() {
    block_on(async {
        let mut fleet = Fleet::new(3, |_, options| options.node_timeout_ms = 3_600_000);
        fleet.start_all().await;
        fleet.all_up(3).await;
        let victim = (0..3).find(|n| fleet.leader() != Some(*n)).unwrap();
        let dead = fleet.nodes[victim].clone().unwrap().me();
        fleet.kill(victim).await;
        for node in fleet.running() {
            let before = node.options();
            node.configure(before, &ClusterOptions { node_timeout_ms: 1000, ..before.clone() });
        }
        fleet.all("the dead node is missed", |topology| topology.is_failed(&dead)).await;
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
