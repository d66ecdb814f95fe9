//! Cluster mode with real processes: formed by CLUSTER commands as redis-cli does it, redirections, and replies compared with a real
//! Valkey.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use larder_proto::resp::Value;

use crate::support::{Connection, Server, free_port, larder_program, wait_until};

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Simple(text) | Value::Error(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Bulk(text) | Value::Verbatim { text, .. } => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn is_up(connection: &mut Connection) -> bool {
    text(&connection.call(&["CLUSTER", "INFO"])).starts_with("cluster_state:ok\r\n")
}

#[test]
fn three_nodes_serve_their_slots_and_redirect_the_rest() {
    let bus_ports: Vec<_> = (0..3).map(|_| free_port().to_string()).collect();
    let nodes: Vec<_> = bus_ports.iter().map(|port| Server::larder(&["--cluster-enabled", "yes", "--cluster-port", port])).collect();
    let mut clients: Vec<_> = nodes.iter().map(Server::connect).collect();
    for (n, (start, end)) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].into_iter().enumerate() {
        assert_eq!(text(&clients[n].call(&["SET", "foo", "bar"])), "CLUSTERDOWN Hash slot not served");
        assert_eq!(text(&clients[n].call(&["CLUSTER", "ADDSLOTSRANGE", start, end])), "OK");
        assert_eq!(text(&clients[n].call(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()])), "OK");
    }
    assert_eq!(text(&clients[2].call(&["SET", "foo", "bar"])), "CLUSTERDOWN The cluster is down");
    for client in &mut clients[1..] {
        assert_eq!(text(&client.call(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port().to_string(), &bus_ports[0]])), "OK");
    }
    for client in &mut clients {
        wait_until("the cluster is up", || is_up(client));
    }
    // "foo" is in slot 12182, which the third node owns; "bar" in 5061; "hello" in 866.
    let moved = format!("MOVED 12182 127.0.0.1:{}", nodes[2].port());
    let second = &mut clients[1];
    for (request, reply) in [
        (vec!["SET", "foo", "1"], moved.as_str()),
        (vec!["GET", "foo"], moved.as_str()),
        (vec!["MGET", "foo", "bar"], "CROSSSLOT Keys in request don't hash to the same slot"),
        (vec!["MGET", "{foo}1", "{foo}2"], moved.as_str()),
        (vec!["PING"], "PONG"),
        (vec!["MULTI"], "OK"),
        (vec!["SET", "foo", "1"], moved.as_str()),
        (vec!["EXEC"], "EXECABORT Transaction discarded because of previous errors."),
        (vec!["READONLY"], "OK"),
        (vec!["GET", "foo"], moved.as_str()),
        (vec!["READWRITE"], "OK"),
        (vec!["ASKING"], "OK"),
        (vec!["GET", "foo"], moved.as_str()),
    ] {
        assert_eq!(text(&second.call(&request)), reply, "{request:?}");
    }
    let third = &mut clients[2];
    for (request, reply) in [
        (vec!["SET", "foo", "1"], "OK"),
        (vec!["GET", "foo"], "1"),
        (vec!["CLUSTER", "KEYSLOT", "foo"], "Integer(12182)"),
        (vec!["CLUSTER", "COUNTKEYSINSLOT", "12182"], "Integer(1)"),
        (vec!["CLUSTER", "COUNTKEYSINSLOT", "12183"], "Integer(0)"),
        (vec!["CLUSTER", "FLUSHSLOTS"], "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."),
        (
            vec!["CLUSTER", "SET-CONFIG-EPOCH", "9"],
            "ERR The user can assign a config epoch only when the node does not know any other node.",
        ),
        (vec!["MULTI"], "OK"),
        (vec!["SET", "{foo}1", "x"], "QUEUED"),
        (vec!["EXEC"], "Array([Simple(b\"OK\")])"),
    ] {
        assert_eq!(text(&third.call(&request)), reply, "{request:?}");
    }
    let Value::Array(keys) = third.call(&["CLUSTER", "GETKEYSINSLOT", "12182", "10"]) else { panic!("an array") };
    assert_eq!(keys.len(), 2);
    let mut lines: Vec<_> = clients.iter_mut().map(|client| text(&client.call(&["CLUSTER", "NODES"])).lines().count()).collect();
    lines.dedup();
    assert_eq!(lines, [3]);
}

/// Requests to a node that is alone and ends up with all slots. Every reply must be the same in Valkey. `<ME>` stands for its id.
const SETUP: &[&[&str]] = &[
    &["CLUSTER", "INFO"],
    &["GET", "foo"],
    &["CLUSTER", "ADDSLOTS", "0", "1", "5"],
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SLOTS"],
    &["CLUSTER", "SHARDS"],
    &["CLUSTER", "MYID"],
    &["CLUSTER", "LINKS"],
    &["CLUSTER", "BUMPEPOCH"],
    &["CLUSTER", "BUMPEPOCH"],
    &["CLUSTER", "SET-CONFIG-EPOCH", "7"],
    &["CLUSTER", "SET-CONFIG-EPOCH", "-1"],
    &["CLUSTER", "SET-CONFIG-EPOCH", "x"],
    &["CLUSTER", "ADDSLOTS", "5", "6"],
    &["CLUSTER", "ADDSLOTS", "6", "6"],
    &["CLUSTER", "ADDSLOTS", "16384"],
    &["CLUSTER", "ADDSLOTS", "-1"],
    &["CLUSTER", "ADDSLOTS", "x"],
    &["CLUSTER", "ADDSLOTS"],
    &["CLUSTER", "DELSLOTS", "6"],
    &["CLUSTER", "DELSLOTS", "5", "5"],
    &["CLUSTER", "DELSLOTS", "5"],
    &["CLUSTER", "ADDSLOTSRANGE", "5", "4"],
    &["CLUSTER", "ADDSLOTSRANGE", "5", "6", "7"],
    &["CLUSTER", "ADDSLOTSRANGE", "1", "6"],
    &["CLUSTER", "ADDSLOTSRANGE", "2", "20", "20", "30"],
    &["CLUSTER", "ADDSLOTSRANGE", "2", "16383"],
    &["CLUSTER", "DELSLOTSRANGE", "100", "200", "300", "400"],
    &["CLUSTER", "DELSLOTSRANGE", "99", "101"],
    &["CLUSTER", "ADDSLOTSRANGE", "100", "200", "300", "400"],
];

/// The same once the cluster is up.
const SERVING: &[&[&str]] = &[
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SLOTS"],
    &["CLUSTER", "SHARDS"],
    &["CLUSTER", "INFO"],
    &["CLUSTER", "LINKS"],
    &["CLUSTER", "KEYSLOT", "{user}:1"],
    &["CLUSTER", "KEYSLOT"],
    &["CLUSTER", "REPLICAS", "<ME>"],
    &["CLUSTER", "SLAVES", "<ME>"],
    &["CLUSTER", "REPLICAS", "0000000000000000000000000000000000000000"],
    &["CLUSTER", "REPLICAS", "nobody"],
    &["CLUSTER", "COUNT-FAILURE-REPORTS", "<ME>"],
    &["CLUSTER", "COUNT-FAILURE-REPORTS", "nobody"],
    &["CLUSTER", "FORGET", "<ME>"],
    &["CLUSTER", "FORGET", "nobody"],
    &["CLUSTER", "COUNTKEYSINSLOT", "16384"],
    &["CLUSTER", "COUNTKEYSINSLOT", "x"],
    &["CLUSTER", "GETKEYSINSLOT", "0", "-1"],
    &["CLUSTER", "GETKEYSINSLOT", "0", "10"],
    &["CLUSTER", "GETKEYSINSLOT", "x", "10"],
    &["CLUSTER", "MEET", "127.0.0.1"],
    &["CLUSTER", "MEET", "127.0.0.1", "x"],
    &["CLUSTER", "MEET", "127.0.0.1", "0"],
    &["CLUSTER", "MEET", "127.0.0.1", "65000"],
    &["CLUSTER", "MEET", "nobody", "7000"],
    &["CLUSTER", "MEET", "127.0.0.1", "1", "2", "3"],
    &["CLUSTER", "RESET", "FIRMLY"],
    &["CLUSTER", "RESET", "SOFT", "NOW"],
    &["CLUSTER", "SAVECONFIG"],
    &["CLUSTER", "NONSENSE"],
    &["CLUSTER"],
    &["SET", "foo", "bar"],
    &["CLUSTER", "COUNTKEYSINSLOT", "12182"],
    &["CLUSTER", "GETKEYSINSLOT", "12182", "10"],
    &["CLUSTER", "FLUSHSLOTS"],
    &["CLUSTER", "RESET", "HARD", "NOW"],
    &["MGET", "foo", "bar"],
    &["MULTI"],
    &["SET", "foo", "1"],
    &["GET", "bar"],
    &["EXEC"],
    &["GET", "foo"],
    &["ASKING"],
    &["READONLY"],
    &["READWRITE"],
    &["READONLY", "x"],
    &["FLUSHALL"],
];

/// The same while the node sends clients elsewhere.
const ANNOUNCING: &[&[&str]] = &[
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SLOTS"],
    &["CLUSTER", "SHARDS"],
    &["CONFIG", "SET", "cluster-announce-client-ipv4", "banana"],
    &["CONFIG", "SET", "cluster-announce-client-ipv6", "10.1.2.3"],
    &["CONFIG", "SET", "cluster-announce-client-port", "65536"],
];

/// The same when the slots are given up again.
const CLOSING: &[&[&str]] = &[&["CLUSTER", "FLUSHSLOTS"], &["GET", "foo"], &["CLUSTER", "NODES"], &["CLUSTER", "SHARDS"]];

/// What legitimately differs, taken out: ids, ports, this node's address (which Valkey does not know yet), traffic, and
/// the lengths that follow from them.
fn plain(reply: &str, ids: &[String], ports: &[String]) -> String {
    let mut plain = reply.to_owned();
    for id in ids {
        plain = plain.replace(id, "<id>");
    }
    for port in ports {
        plain = plain.replace(port, "<port>");
    }
    plain = plain.replace("$9\r\n127.0.0.1\r\n", "$0\r\n\r\n").replace(" 127.0.0.1:<port>", " :<port>");
    let lines = plain
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with("cluster_stats_") && !line.starts_with('$') && !line.starts_with('='));
    lines.collect()
}

#[test]
fn a_node_alone_answers_as_valkey_does() {
    let ports = [free_port().to_string(), free_port().to_string()];
    let options = |port: &'static str| ["--cluster-enabled", "yes", "--cluster-port", port];
    let ports = ports.map(|port| &*port.leak());
    let Some(theirs) = Server::reference("a_node_alone_answers_as_valkey_does", &options(ports[1])) else {
        return;
    };
    let ours = Server::larder(&options(ports[0]));
    let mut sides: Vec<_> = [(&ours, ports[0]), (&theirs, ports[1])]
        .into_iter()
        .map(|(server, bus_port)| {
            let mut connection = server.connect();
            let ids = [["CLUSTER", "MYID"], ["CLUSTER", "MYSHARDID"]].map(|request| text(&connection.call(&request)));
            (connection, ids, [server.port().to_string(), bus_port.to_owned()])
        })
        .collect();
    compare(&mut sides, SETUP);
    for (connection, ..) in &mut sides {
        // Valkey waits two seconds before it takes a new cluster for up.
        wait_until("the cluster is up", || is_up(connection));
    }
    compare(&mut sides, SERVING);
    sides.iter_mut().for_each(|(connection, ..)| {
        connection.call(&["HELLO", "3"]);
    });
    compare(&mut sides, SERVING);
    for (connection, ..) in &mut sides {
        let announced = ["cluster-announce-client-ipv4", "10.9.8.7", "cluster-announce-client-ipv6", "2001:db8::7"];
        let ports = ["cluster-announce-client-port", "64001", "cluster-announce-client-tls-port", "64002"];
        assert_eq!(text(&connection.call(&[&["CONFIG", "SET"], &announced[..], &ports].concat())), "OK");
        wait_until("clients are sent elsewhere", || text(&connection.call(&["CLUSTER", "NODES"])).contains(" 10.9.8.7:64001@"));
    }
    compare(&mut sides, ANNOUNCING);
    for (connection, ..) in &mut sides {
        for name in ["cluster-announce-client-ipv4", "cluster-announce-client-ipv6"] {
            assert_eq!(text(&connection.call(&["CONFIG", "SET", name, ""])), "OK");
        }
        for name in ["cluster-announce-client-port", "cluster-announce-client-tls-port"] {
            assert_eq!(text(&connection.call(&["CONFIG", "SET", name, "0"])), "OK");
        }
        wait_until("clients are told what nodes are", || !text(&connection.call(&["CLUSTER", "NODES"])).contains(":64001@"));
    }
    compare(&mut sides, CLOSING);
}

type Side = (Connection, [String; 2], [String; 2]);

fn compare(sides: &mut [Side], requests: &[&[&str]]) {
    let mut differences = String::new();
    for request in requests {
        let replies = sides.iter_mut().map(|(connection, ids, ports)| {
            let request: Vec<_> = request.iter().map(|word| if *word == "<ME>" { ids[0].as_str() } else { word }).collect();
            plain(&String::from_utf8_lossy(&connection.call_raw(&request)), ids, ports)
        });
        let replies: Vec<_> = replies.collect();
        if replies[0] != replies[1] {
            differences.push_str(&format!("{request:?}\n  ours:   {:?}\n  theirs: {:?}\n", replies[0], replies[1]));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// A seed may name the node itself: it asks itself, and is none of its own neighbours.
#[test]
fn a_node_is_not_among_its_links() {
    let bus_port = free_port();
    // A seed's bus is 10000 above its port: this is the node's own.
    let seed = format!("127.0.0.1:{}", bus_port - 10_000);
    let options = ["--cluster-enabled", "yes", "--cluster-autopilot", "yes", "--cluster-size", "2", "--cluster-port"];
    let bus = bus_port.to_string();
    let node = Server::larder(&[&options[..], &[&bus, "--cluster-seed", &seed]].concat());
    let mut client = node.connect();
    let received = |client: &mut Connection| {
        let info = text(&client.call(&["CLUSTER", "INFO"]));
        info.lines().any(|line| line.starts_with("cluster_stats_messages_received:") && !line.ends_with(":0"))
    };
    wait_until("the node has asked itself", || received(&mut client));
    assert_eq!(client.call(&["CLUSTER", "LINKS"]), Value::Array(vec![]));
}

/// A subscriber to a shard channel is told when the channel's slot leaves the node, however it leaves.
#[test]
fn a_shard_channel_ends_with_its_slot() {
    let bus_port = free_port().to_string();
    let node = Server::larder(&["--cluster-enabled", "yes", "--cluster-port", &bus_port]);
    let mut client = node.connect();
    assert_eq!(text(&client.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])), "OK");
    wait_until("the cluster is up", || is_up(&mut client));
    for hello in ["2", "3"] {
        let mut subscriber = node.connect();
        subscriber.call(&["HELLO", hello]);
        subscriber.call(&["SSUBSCRIBE", "gone"]);
        subscriber.call(&["SSUBSCRIBE", "stays"]);
        let Value::Integer(slot) = client.call(&["CLUSTER", "KEYSLOT", "gone"]) else { panic!("a slot") };
        assert_eq!(text(&client.call(&["CLUSTER", "DELSLOTS", &slot.to_string()])), "OK");
        let message = subscriber.receive();
        let (Value::Array(items) | Value::Push(items)) = &message else { panic!("{message:?}") };
        assert_eq!((text(&items[0]), text(&items[1]), &items[2]), ("sunsubscribe".into(), "gone".into(), &Value::Integer(1)));
        assert_eq!(client.call(&["PUBSUB", "SHARDCHANNELS"]), Value::Array(vec![Value::Bulk("stays".into())]));
        assert_eq!(text(&client.call(&["CLUSTER", "ADDSLOTS", &slot.to_string()])), "OK");
        wait_until("the cluster is up again", || is_up(&mut client));
        drop(subscriber);
        wait_until("the subscriber is gone", || client.call(&["PUBSUB", "SHARDCHANNELS"]) == Value::Array(Vec::new()));
    }
}

/// Who sends rubbish to the bus or HTTP to the port of clients is turned away each time, and fills no log.
#[test]
fn refused_connections_do_not_fill_the_log() {
    const COUNT: usize = 200;
    let bus_port = free_port();
    let bus = bus_port.to_string();
    let node = Server::larder(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-secret", "s", "--logfile", "log"]);
    for (port, request) in [(bus_port, &b"GET / HTTP/1.1\r\n\r\n"[..]), (node.port(), b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")] {
        for _ in 0..COUNT {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has a timeout");
            stream.write_all(request).expect("it takes the bytes");
            // It ends, with or without what was not read.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    let log = || std::fs::read_to_string(node.folder().join("log")).expect("its log");
    for line in ["cluster bus: connection from 127.0.0.1:", "Possible SECURITY ATTACK detected."] {
        wait_until("the log tells of it", || log().contains(line));
        assert_eq!(log().matches(line).count(), 1, "{}", log());
    }
}

/// Before it has proved anything, nobody makes a node wait for more than the opening exchange.
#[test]
fn a_long_frame_of_a_stranger_is_refused_by_its_header() {
    let bus_port = free_port();
    let bus = bus_port.to_string();
    let node = Server::larder(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-secret", "s", "--logfile", "log"]);
    let mut stream = TcpStream::connect(("127.0.0.1", bus_port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has a timeout");
    stream.write_all(&[b'L', b'D', b'B', larder_proto::bus::VERSION, 0, 0, 16, 0]).expect("it takes the bytes");
    let _ = stream.read_to_end(&mut Vec::new());
    let log = || std::fs::read_to_string(node.folder().join("log")).expect("its log");
    wait_until("the log tells of it", || log().contains(" refused: "));
    let log = log();
    assert!(log.contains("refused: frame of 1048576 bytes (at most 256)"), "{log}");
}

/// A node in cluster mode whose files may become too long on demand.
struct Limited {
    child: std::process::Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Limited {
    fn start() -> Limited {
        let (port, bus_port) = (free_port(), free_port());
        let folder = tempfile::tempdir().expect("a folder");
        // Without the signal, a write beyond the limit is an error.
        let script = format!(
            "trap '' XFSZ; exec '{}' --port {port} --bind 127.0.0.1 --cluster-enabled yes --cluster-port {bus_port}",
            larder_program().display()
        );
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).current_dir(folder.path());
        // Its log, of which a pipe holds enough: a file would be too long as well.
        let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("a shell");
        wait_until("the node listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let node = Limited { child, port, folder };
        let mut client = node.connect();
        assert_eq!(text(&client.call(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"])), "OK");
        wait_until("the cluster is up", || is_up(&mut client));
        node
    }

    fn connect(&self) -> Connection {
        Connection::new(TcpStream::connect(("127.0.0.1", self.port)).expect("it listens"))
    }

    fn limit_files(&self, len: Option<u64>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = rustix::process::Rlimit { current: len, maximum: None };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).expect("our child");
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_that_lacks_space_serves_again_when_there_is_some() {
    let mut node = Limited::start();
    let mut client = node.connect();
    node.limit_files(Some(0));
    client.call(&["CLUSTER", "BUMPEPOCH"]);
    wait_until("the node does not serve", || !is_up(&mut client));
    assert!(text(&client.call(&["SET", "key", "value"])).starts_with("CLUSTERDOWN"));
    node.limit_files(None);
    wait_until("the node serves again", || is_up(&mut client));
    assert_eq!(text(&client.call(&["SET", "key", "value"])), "OK");
    assert_eq!(text(&client.call(&["CLUSTER", "DELSLOTS", "0"])), "OK");
    let file = node.folder.path().join("cluster.redb");
    let told = format!("the disk is full: {}: File too large", file.canonicalize().expect("its file").display());
    node.child.kill().expect("our child");
    let mut log = String::new();
    node.child.stdout.take().expect("piped").read_to_string(&mut log).expect("text");
    assert_eq!(log.matches(&told).count(), 1, "whose disk is full is told once: {log}");
    assert_eq!(log.matches("takes part again").count(), 1, "{log}");
    assert!(!file.with_extension("probe").exists());
}

#[test]
fn a_node_whose_file_is_lost_ends_and_says_so() {
    let mut node = Limited::start();
    let mut client = node.connect();
    let file = node.folder.path().join("cluster.redb");
    std::fs::remove_file(&file).expect("its file");
    std::fs::create_dir(&file).expect("a folder in its place");
    node.limit_files(Some(0));
    client.call(&["CLUSTER", "BUMPEPOCH"]);
    let mut status = None;
    wait_until("the node ends", || {
        status = node.child.try_wait().expect("our child");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(1));
    let mut message = String::new();
    node.child.stderr.take().expect("piped").read_to_string(&mut message).expect("text");
    assert!(message.starts_with("The cluster's file cannot be used any more: "), "{message}");
}
