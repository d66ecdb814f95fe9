//! Clients are sent to addresses of their own: every node tells those of every node, to each client those of its kind, and a change at run
//! time spreads.

use std::net::{TcpListener, TcpStream};

use larder_proto::resp::Value;

use crate::cluster::{is_up, text};
use crate::support::{Connection, Server, free_port, wait_until};

/// Nodes that are one cluster, each with an equal part of the slots, and their options beyond that.
fn cluster(options: [&[&str]; 2]) -> [Server; 2] {
    let bus_ports = [free_port().to_string(), free_port().to_string()];
    let start = |n: usize| Server::larder(&[&["--cluster-enabled", "yes", "--cluster-port", &bus_ports[n]], options[n]].concat());
    let nodes = [start(0), start(1)];
    let mut clients = [nodes[0].connect(), nodes[1].connect()];
    for (client, (from, to)) in clients.iter_mut().zip([("0", "8191"), ("8192", "16383")]) {
        assert_eq!(text(&client.call(&["CLUSTER", "ADDSLOTSRANGE", from, to])), "OK");
    }
    assert_eq!(text(&clients[0].call(&["CLUSTER", "MEET", "127.0.0.1", &nodes[1].port().to_string(), &bus_ports[1]])), "OK");
    clients.iter_mut().for_each(|client| wait_until("the cluster is up", || is_up(client)));
    nodes
}

/// `host:port` of each node as CLUSTER NODES tells them, sorted.
fn told_by_nodes(client: &mut Connection) -> Vec<String> {
    let lines = text(&client.call(&["CLUSTER", "NODES"]));
    let address = |line: &str| line.split(' ').nth(1).and_then(|address| address.split('@').next()).map(str::to_owned);
    let mut told: Vec<_> = lines.lines().filter_map(address).collect();
    told.sort();
    told
}

/// The same as CLUSTER SLOTS tells them.
fn told_by_slots(client: &mut Connection) -> Vec<String> {
    let Value::Array(ranges) = client.call(&["CLUSTER", "SLOTS"]) else { panic!("an array") };
    let address = |range: &Value| {
        let Value::Array(range) = range else { panic!("an array") };
        let Value::Array(node) = &range[2] else { panic!("an array") };
        let Value::Integer(port) = node[1] else { panic!("a port") };
        format!("{}:{port}", text(&node[0]))
    };
    let mut told: Vec<_> = ranges.iter().map(address).collect();
    told.sort();
    told
}

/// The same as CLUSTER SHARDS tells them.
fn told_by_shards(client: &mut Connection) -> Vec<String> {
    let Value::Array(shards) = client.call(&["CLUSTER", "SHARDS"]) else { panic!("an array") };
    let field = |pairs: &[Value], name: &str| {
        let at = pairs.iter().position(|word| text(word) == name).unwrap_or_else(|| panic!("{name}"));
        pairs[at + 1].clone()
    };
    let address = |shard: &Value| {
        let Value::Array(shard) = shard else { panic!("an array") };
        let Value::Array(nodes) = field(shard, "nodes") else { panic!("an array") };
        let Value::Array(node) = &nodes[0] else { panic!("an array") };
        assert_eq!(text(&field(node, "ip")), text(&field(node, "endpoint")));
        let Value::Integer(port) = field(node, "port") else { panic!("a port") };
        format!("{}:{port}", text(&field(node, "ip")))
    };
    let mut told: Vec<_> = shards.iter().map(address).collect();
    told.sort();
    told
}

/// Waits until both clients are told this of both nodes, by every command, and each where the other node's slots are.
fn wait_for(clients: &mut [Connection; 2], addresses: [&str; 2]) {
    let mut sorted: Vec<_> = addresses.iter().map(|address| (*address).to_owned()).collect();
    sorted.sort();
    for client in clients.iter_mut() {
        wait_until(&format!("clients are sent to {addresses:?}"), || {
            [told_by_nodes, told_by_slots, told_by_shards].iter().all(|told| told(client) == sorted)
        });
    }
    // "foo" is in slot 12182, "bar" in 5061.
    for (client, key, moved) in [(0, "foo", format!("MOVED 12182 {}", addresses[1])), (1, "bar", format!("MOVED 5061 {}", addresses[0]))] {
        wait_until(&moved, || text(&clients[client].call(&["GET", key])) == moved);
    }
}

#[test]
fn clients_are_sent_where_each_node_announces_for_them() {
    let nodes = cluster([&["--cluster-announce-client-ipv4", "192.0.2.1", "--cluster-announce-client-port", "6401"], &[]]);
    let mut clients = [nodes[0].connect(), nodes[1].connect()];
    let plain = nodes.each_ref().map(|node| format!("127.0.0.1:{}", node.port()));
    wait_for(&mut clients, ["192.0.2.1:6401", &plain[1]]);
    assert_eq!(text(&clients[1].call(&["CONFIG", "SET", "cluster-announce-client-ipv4", "192.0.2.2"])), "OK");
    wait_for(&mut clients, ["192.0.2.1:6401", &format!("192.0.2.2:{}", nodes[1].port())]);
    let cleared = ["CONFIG", "SET", "cluster-announce-client-ipv4", "", "cluster-announce-client-port", "0"];
    clients.iter_mut().for_each(|client| assert_eq!(text(&client.call(&cleared)), "OK"));
    wait_for(&mut clients, [&plain[0], &plain[1]]);
    assert!(clients.iter_mut().all(is_up), "nodes find each other as before");
}

#[test]
fn clients_over_ipv6_are_sent_to_ipv6() {
    if TcpListener::bind(("::1", 0)).is_err() {
        return;
    }
    let own = |address| ["--bind", "127.0.0.1", "::1", "--cluster-announce-client-ipv6", address];
    let nodes = cluster([&own("2001:db8::1"), &own("2001:db8::2")]);
    let [a, b] = nodes.each_ref().map(Server::port);
    let over = |host: &str| [a, b].map(|port| Connection::new(TcpStream::connect((host, port)).expect("it listens")));
    wait_for(&mut over("::1"), [&format!("2001:db8::1:{a}"), &format!("2001:db8::2:{b}")]);
    wait_for(&mut over("127.0.0.1"), [&format!("127.0.0.1:{a}"), &format!("127.0.0.1:{b}")]);
}

/// What else a node announces follows at run time as well.
#[test]
fn a_changed_announcement_spreads() {
    let nodes = cluster([&[], &[]]);
    let mut clients = [nodes[0].connect(), nodes[1].connect()];
    let set =
        ["CONFIG", "SET", "cluster-announce-ip", "localhost", "cluster-announce-port", "6402", "cluster-announce-hostname", "a.example"];
    assert_eq!(text(&clients[0].call(&set)), "OK");
    let plain = format!("127.0.0.1:{}", nodes[1].port());
    wait_for(&mut clients, ["localhost:6402", &plain]);
    wait_until("the name is known", || text(&clients[1].call(&["CLUSTER", "NODES"])).contains(",a.example "));
    assert_eq!(text(&clients[0].call(&["CONFIG", "SET", "cluster-announce-ip", "", "cluster-announce-port", "0"])), "OK");
    wait_for(&mut clients, [&format!("127.0.0.1:{}", nodes[0].port()), &plain]);
}
