//! A snapshot's file says where in a history its data stands: who loads it at its start goes on from there, as a replica or with its replicas.

use std::path::Path;

use larder_proto::resp::Value;

use super::append_only::{digest, fill};
use super::replica_aof::{QUIET, syncs, wait_for_link};
use super::replication::{DEBUG, compare, compare_offsets, follow, larder_replica, valkey_replica};
use super::support::{Server, wait_until};

/// A server whose snapshot lies in `folder`.
fn server(folder: &Path, more: &[&str]) -> Server {
    Server::larder(&[&DEBUG[..], &QUIET, &["--dir", folder.to_str().expect("a name")], more].concat())
}

/// Ends a server that saves first.
fn save_and_end(mut server: Server) {
    server.connect().send(&["SHUTDOWN", "SAVE"]);
    assert!(server.wait().success());
}

/// A replica of `primary` is ended while more is written, and comes back.
fn restart_replica(primary: &Server) {
    let mut client = primary.connect();
    fill(&mut client);
    let folder = tempfile::tempdir().expect("a folder");
    let port = primary.port().to_string();
    let options = ["--replicaof", "127.0.0.1", &port];
    let replica = server(folder.path(), &options);
    client.call(&["SELECT", "3"]);
    client.call(&["SET", "before", "1"]);
    compare(primary, &replica);
    save_and_end(replica);
    // In the database in which the stream stood.
    client.call(&["SET", "meanwhile", "1"]);
    let replica = server(folder.path(), &options);
    wait_for_link(&mut replica.connect());
    compare(primary, &replica);
    assert_eq!(syncs(&mut client), (1, 1));
    // Another one takes what the first one had.
    save_and_end(replica);
    let alone = server(folder.path(), &[]);
    assert_eq!(digest(&alone), digest(primary));
    follow(&alone, primary);
    compare(primary, &alone);
    assert_eq!(syncs(&mut client), (2, 1));
}

#[test]
fn a_replica_goes_on_from_its_snapshot() {
    restart_replica(&Server::larder(&[&DEBUG[..], &QUIET].concat()));
}

#[test]
fn a_replica_of_a_valkey_goes_on_from_its_snapshot() {
    let options = [&DEBUG[..], &QUIET, &["--repl-diskless-sync-delay", "0"]].concat();
    if let Some(valkey) = Server::reference("a_replica_of_a_valkey_goes_on_from_its_snapshot", &options) {
        restart_replica(&valkey);
    }
}

/// A primary is ended and comes back; `replica_of` makes a replica of either kind.
fn restart_primary(replica_of: impl Fn(&Server) -> Option<Server>) {
    let folder = tempfile::tempdir().expect("a folder");
    let primary = server(folder.path(), &[]);
    let mut client = primary.connect();
    fill(&mut client);
    let Some(replica) = replica_of(&primary) else { return };
    compare(&primary, &replica);
    // It ends while the node is away: those who have the history are told. Not before, however long all of this takes: that would be in no file.
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.call(&["SET", "ends", "1", "PX", "100"]);
    client.call(&["SAVE"]);
    let id = client.info_text("master_replid");
    compare_offsets(&primary, &replica);
    client.send(&["SHUTDOWN", "NOSAVE"]);
    drop(primary);
    let mut other = replica.connect();
    wait_until("its time is over", || other.call(&["EXISTS", "ends"]) == Value::Integer(0));
    let primary = server(folder.path(), &[]);
    let mut client = primary.connect();
    assert_eq!(client.info_text("master_replid2"), id);
    follow(&replica, &primary);
    compare(&primary, &replica);
    assert_eq!(syncs(&mut client), (1, 0));
    client.call(&["SET", "more", "1"]);
    wait_until("what has ended is gone", || client.info("expired_keys") == 1);
    compare(&primary, &replica);
    let sizes = [&primary, &replica].map(|server| server.connect().call(&["DBSIZE"]));
    assert_eq!(sizes[0], sizes[1]);
    // A replica that has more than the file is copied anew.
    client.call(&["SAVE"]);
    client.call(&["SET", "lost", "1"]);
    compare(&primary, &replica);
    client.send(&["SHUTDOWN", "NOSAVE"]);
    drop(primary);
    let primary = server(folder.path(), &[]);
    follow(&replica, &primary);
    compare(&primary, &replica);
    assert_eq!(syncs(&mut primary.connect()), (0, 1));
}

#[test]
fn a_primary_goes_on_from_its_snapshot_with_its_replicas() {
    restart_primary(|primary| Some(larder_replica(primary)));
}

#[test]
fn a_primary_goes_on_from_its_snapshot_with_a_valkey() {
    restart_primary(|primary| valkey_replica("a_primary_goes_on_from_its_snapshot_with_a_valkey", primary));
}

#[test]
fn a_valkey_goes_on_from_our_snapshot() {
    let primary = Server::larder(&[&DEBUG[..], &QUIET].concat());
    let mut client = primary.connect();
    fill(&mut client);
    let folder = tempfile::tempdir().expect("a folder");
    let port = primary.port().to_string();
    let replica = server(folder.path(), &["--replicaof", "127.0.0.1", &port]);
    compare(&primary, &replica);
    save_and_end(replica);
    client.call(&["SELECT", "2"]);
    client.call(&["SET", "meanwhile", "1"]);
    let options = ["--replicaof", "127.0.0.1", &port, "--dir", folder.path().to_str().expect("a name")];
    let Some(valkey) = Server::reference("a_valkey_goes_on_from_our_snapshot", &[&DEBUG[..], &options].concat()) else { return };
    wait_for_link(&mut valkey.connect());
    compare(&primary, &valkey);
    assert_eq!(syncs(&mut client), (1, 1));
}

#[test]
fn a_file_that_nobody_shares_says_nothing_of_a_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let alone = server(folder.path(), &[]);
    alone.connect().call(&["SET", "a", "1"]);
    save_and_end(alone);
    let bytes = std::fs::read(folder.path().join("dump.rdb")).expect("the file");
    assert!(!bytes.windows(7).any(|window| window == b"repl-id"));
}
