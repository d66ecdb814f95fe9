//! Topologies for tests.

use super::*;

/// Node number `n`: its id begins with `n`, it listens at 10.0.0.n:7000.
pub(crate) fn node(n: u8) -> Node {
    let mut bytes = [0xab; 20];
    bytes[0] = n;
    let id = NodeId(Id(bytes));
    bytes[19] = 0xcd;
    Node {
        id,
        raft_id: id.raft_id(),
        host: format!("10.0.0.{n}"),
        hostname: String::new(),
        port: 7000,
        bus_port: 17000,
        tls_port: 0,
        zone: String::new(),
        shard: ShardId(Id(bytes)),
        clients: ClientEndpoint::default(),
        level: 0,
        incarnation: 0,
        name: String::new(),
    }
}

/// `count` primaries with evenly split slots, seen in good health.
pub(crate) fn cluster(count: u8) -> Topology {
    let mut topology = Topology::default();
    let mut index = 0;
    let mut apply = |topology: &mut Topology, command: Command| {
        index += 1;
        topology.apply(index, &command).unwrap();
    };
    for n in 1..=count {
        apply(&mut topology, Command::AddNode { node: node(n), claims: Vec::new(), config_epoch: 0 });
    }
    apply(&mut topology, Command::SplitSlots { nodes: (1..=count).map(|n| node(n).id).collect() });
    topology.seen_from(View { has_quorum: true, ..View::default() })
}
