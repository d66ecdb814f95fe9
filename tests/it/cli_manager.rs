//! `larder-cli --cluster`: a cluster made, looked at and changed with it; what it prints is compared with `valkey-cli`, where there is one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cluster::{is_up, text};
use crate::support::{Server, free_port, skipped, wait_until};

const CLI: &str = env!("CARGO_BIN_EXE_larder-cli");

/// What a client printed on both outputs, and its status.
type Outcome = (String, String, Option<i32>);

fn run(program: &Path, args: &[&str]) -> Outcome {
    let mut command = Command::new(program);
    command.arg("--cluster").args(args).stdin(Stdio::null()).env("TERM", "xterm");
    let output = command.env_remove("REDISCLI_AUTH").env_remove("VALKEYCLI_AUTH").output().expect("the client runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn larder(args: &[&str]) -> Outcome {
    run(Path::new(CLI), args)
}

/// The client of the server that VALKEY_SERVER names, or the one in VALKEY_BIN_DIR or PATH.
fn valkey_cli() -> Option<PathBuf> {
    let beside = std::env::var_os("VALKEY_SERVER").map(|server| PathBuf::from(server).with_file_name("valkey-cli"));
    let mut folders: Vec<PathBuf> = std::env::var_os("VALKEY_BIN_DIR").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    beside.into_iter().chain(folders.into_iter().map(|folder| folder.join("valkey-cli"))).find(|path| path.is_file())
}

fn start(count: usize) -> (Vec<Server>, Vec<String>) {
    let start = |_| Server::larder(&["--cluster-enabled", "yes", "--cluster-port", &free_port().to_string()]);
    let nodes: Vec<_> = (0..count).map(start).collect();
    let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    (nodes, addresses)
}

#[test]
fn a_cluster_is_made_and_changed_by_the_manager() {
    let (nodes, addresses) = start(4);
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| addresses[n].as_str());
    let mut client = nodes[0].connect();

    let (out, _, status) = larder(&["create", a, b]);
    assert!(out.contains("cluster with 2 primaries") && status == Some(1), "two are asked about: {out}");
    let (out, errors, status) = larder(&["create", a, b, c, "--cluster-yes"]);
    assert_eq!((errors.as_str(), status), ("", Some(0)), "{out}");
    for line in
        ["Primary[1] -> Slots 5461 - 10922\n", "[OK] All nodes agree about slots configuration.\n", "[OK] All 16384 slots covered.\n"]
    {
        assert!(out.contains(line), "{line} in {out}");
    }
    wait_until("the cluster is up", || is_up(&mut client));
    let (out, _, status) = larder(&["create", a, b, c]);
    assert!(out.contains(&format!("[ERR] Node {a} is not empty. ")) && status == Some(1), "{out}");

    if let Some(valkey_cli) = valkey_cli() {
        let port = nodes[1].port().to_string();
        for args in [
            &["info", a][..],
            &["info", "127.0.0.1", &port],
            &["check", a],
            &["check", b],
            &["check", d],
            &["call", a, "ping"],
            &["call", b, "GET", "foo"],
            &["call", c, "config", "get", "maxmemory"],
            &["call", a, "ping", "--cluster-only-replicas"],
            &["del-node", a, "nobody"],
            &["add-node", b, a],
            &["set-timeout", a, "99"],
            &["set-timeout", a, "2000"],
            &["create", "nowhere"],
            &["create", a, b, c],
            &["info", "nowhere"],
            &["info"],
            &["call", a],
            &["nonsense"],
        ] {
            assert_eq!(larder(args), run(&valkey_cli, args), "{args:?}");
        }
    } else {
        skipped("a_cluster_is_made_and_changed_by_the_manager", "what it prints is not compared: there is no valkey-cli");
    }

    let (out, _, status) = larder(&["add-node", d, a]);
    assert!(out.ends_with("\x1b[32;1m[OK] New node added correctly.\n\x1b[0m") && status == Some(0), "{out}");
    let known = |client: &mut crate::support::Connection| text(&client.call(&["CLUSTER", "NODES"])).lines().count();
    wait_until("the node has joined", || known(&mut client) == 4);
    let id = |node: &Server| text(&node.connect().call(&["CLUSTER", "MYID"]));
    let (out, _, status) = larder(&["del-node", b, &id(&nodes[0])]);
    assert!(out.contains(&format!("[ERR] Node {a} is not empty! Reshard data away and try again.\n")) && status == Some(1), "{out}");
    let fourth = id(&nodes[3]);
    let (out, _, status) = larder(&["del-node", b, &fourth]);
    assert!(out.contains(&format!("[OK] Node {fourth} removed from the cluster.\n")) && status == Some(0), "{out}");
    wait_until("the node has left", || known(&mut client) == 3);
}

#[test]
fn a_node_outside_cluster_mode_is_refused() {
    let node = Server::larder(&[]);
    let address = format!("127.0.0.1:{}", node.port());
    let (out, _, status) = larder(&["info", &address]);
    assert!(out.contains(&format!("[ERR] Node {address} is not configured as a cluster node.\n")) && status == Some(1), "{out}");
}

#[test]
fn what_is_not_there_says_so_by_its_name() {
    let moved = ["--cluster-from", "x", "--cluster-to", "y", "--cluster-slots", "1", "--cluster-yes", "--cluster-weight", "a=1", "b=2"];
    for name in ["reshard", "rebalance", "fix", "import", "backup"] {
        let (out, errors, status) = larder(&[&[name, "127.0.0.1:1"][..], &moved].concat());
        assert_eq!((out.as_str(), status), ("", Some(1)), "{name}");
        assert!(errors.starts_with(&format!("larder-cli --cluster {name} is not available: ")), "{errors}");
    }
    for args in [&["create", "127.0.0.1:1", "--cluster-replicas", "1"][..], &["add-node", "h:1", "h:2", "--cluster-replica"]] {
        let (_, errors, status) = larder(args);
        assert!(errors.contains("is not available for replicas") && status == Some(1), "{errors}");
    }
    let (out, _, status) = larder(&["help"]);
    assert!(out.starts_with("Cluster Manager Commands:\n  create         host1:port1 ... hostN:portN\n") && status == Some(0), "{out}");
    assert!(out.contains("Not available yet: fix, reshard, rebalance, import, backup."), "{out}");
}
