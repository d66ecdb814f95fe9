//! `scripts/cluster` with the binaries under test.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use larder_proto::resp::Value;

use crate::support::{PORT_TRIES, Server, free_port, larder_program, wait_until};

fn script(folder: &Path, args: &[&str]) -> (String, Output) {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster"));
    command.args(args).arg("--dir").arg(folder.join("cluster"));
    command.env("LARDER_SERVER", larder_program()).env("LARDER_CLI", env!("CARGO_BIN_EXE_larder-cli"));
    let output = command.stdin(Stdio::null()).output().expect("the script runs");
    (format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)), output)
}

/// A port whose bus port is one, too, and beside which another node finds place.
fn port() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let suits = |port: &u16| *port < 55_000 && is_free(port + 1) && is_free(port + 10_000) && is_free(port + 10_001);
    std::iter::repeat_with(free_port).find(suits).expect("it goes on for ever")
}

#[test]
fn a_cluster_of_somebody_else_is_not_taken_for_ours() {
    let bus_port = port();
    // A seed's bus is 10000 above its port: this is the node's own.
    let (seed, bus_port) = (format!("127.0.0.1:{}", bus_port - 10_000), bus_port.to_string());
    let options = ["--cluster-enabled", "yes", "--cluster-autopilot", "yes", "--cluster-size", "1"];
    let foreign = Server::larder(&[&options[..], &["--cluster-port", &bus_port, "--cluster-seed", &seed]].concat());
    let mut client = foreign.connect();
    wait_until(
        "the other cluster is up",
        || matches!(client.call(&["CLUSTER", "INFO"]), Value::Bulk(info) if info.starts_with(b"cluster_state:ok")),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (text, output) = script(folder.path(), &["start", "--nodes", "1", "--port", &foreign.port().to_string()]);
    script(folder.path(), &["clean"]);
    assert!(!output.status.success() && !text.contains("The cluster is ok"), "{text}");
    assert!(text.contains(&format!("port {} is in use", foreign.port())), "{text}");
}

#[test]
fn a_cluster_starts_grows_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    // Another test's server may get a port between the look and the start, of either node.
    let start = || {
        let port = port().to_string();
        let [first, second] = ["1", "2"].map(|nodes| script(folder.path(), &["start", "--nodes", nodes, "--port", &port]).0);
        let is_taken = [&first, &second].iter().any(|text| text.contains(" is in use by a process "));
        if is_taken {
            script(folder.path(), &["clean"]);
        }
        (!is_taken).then_some((port, first, second))
    };
    let (port, first, second) = (0..PORT_TRIES).find_map(|_| start()).expect("ports that are free");
    let log = std::fs::read_to_string(folder.path().join(format!("cluster/node-{port}/log"))).unwrap_or_default();
    let (end, _) = script(folder.path(), &["clean"]);
    assert!(first.contains("The cluster is ok: 1 nodes") && !first.contains("has no slots"), "{first}");
    assert!(second.contains("The cluster is ok: 2 nodes") && second.contains("one of the nodes owns none"), "{second}");
    assert!(end.contains(" removed"), "{end}");
    assert!(log.contains("Cluster state changed: ok") && !log.contains("changed: fail"), "it only formed: {log}");
}

#[test]
fn ports_that_do_not_exist_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, output) = script(folder.path(), &["start", "--nodes", "2", "--port", "55535"]);
    assert!(!output.status.success() && text.contains("55535 to 55536"), "{text}");
    assert!(!folder.path().join("cluster").exists(), "{text}");
}

#[test]
fn a_process_id_without_a_start_time_is_no_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = folder.path().join("cluster/node-7001");
    std::fs::create_dir_all(&node).expect("a node's folder");
    // Larger than any process id.
    std::fs::write(node.join("pid"), "4194305 \n").expect("a file");
    let (status, _) = script(folder.path(), &["status"]);
    let (stop, output) = script(folder.path(), &["stop"]);
    assert!(status.contains("port 7001: not running"), "{status}");
    assert!(output.status.success() && stop.contains("nothing was running"), "{stop}");
}
