//! Replicas that one snapshot serves: each has all of it, whatever becomes of the others.

use larder_proto::resp::Value;

use super::append_only::fill;
use super::replication::{DEBUG, LASTING, Raw, compare, larder_replica};
use super::replication_load::under_load;
use super::support::{Connection, Server, request, wait_until};

const MIB: usize = 1024 * 1024;
/// More than sockets and memory take of a snapshot.
const DATA_MIB: usize = 48;
/// What a replica says that finds the end of its snapshot, and of which version it is.
const FINDS_MARK: [&str; 4] = ["capa", "eof", "version", "9.1.0"];
/// Longer than any test.
const LONG_S: &str = "1000000";

fn asks(primary: &Server) -> Raw {
    Raw::new(primary, &FINDS_MARK, &["PSYNC", "?", "-1"])
}

/// Replicas that needed a snapshot, and snapshots.
fn counts(client: &mut Connection) -> (u64, u64) {
    (client.info("sync_full"), client.info("sync_snapshots"))
}

#[test]
fn replicas_that_ask_together_share_one_snapshot() {
    let gathers = ["--repl-diskless-sync-delay", LONG_S, "--repl-diskless-sync-max-replicas", "3"];
    let primary = Server::larder(&[&DEBUG[..], &LASTING, &gathers].concat());
    let mut client = primary.connect();
    fill(&mut client);
    let mut replicas = Vec::new();
    under_load(&primary, |some_more| {
        for count in 1..=3 {
            replicas.push(larder_replica(&primary));
            wait_until("it asks", || client.info("sync_full") == count);
            some_more();
            assert!(count == 3 || client.info("sync_snapshots") == 0, "{count} replicas are not enough");
        }
        wait_until("all follow", || replicas.iter().all(|replica| replica.connect().info_text("master_link_status") == "up"));
        some_more();
    });
    replicas.iter().for_each(|replica| compare(&primary, replica));
    assert_eq!(counts(&mut client), (3, 1));
}

#[test]
fn who_stands_still_or_goes_is_nothing_to_the_others() {
    let gathers = ["--repl-diskless-sync-delay", LONG_S, "--repl-diskless-sync-max-replicas", "4"];
    let plain = ["--rdbcompression", "no", "--repl-ping-replica-period", LONG_S];
    let primary = Server::larder(&[&DEBUG[..], &LASTING, &gathers, &plain].concat());
    let mut client = primary.connect();
    for number in 0..DATA_MIB {
        let value = char::from(b'a' + (number % 26) as u8).to_string().repeat(MIB);
        assert_eq!(client.call(&["SET", &format!("long:{number}"), &value]), Value::Simple("OK".into()));
    }
    let mut frozen = [asks(&primary), asks(&primary)];
    let mut goes = asks(&primary);
    wait_until("they wait", || client.info("sync_full") == 3);
    let replica = larder_replica(&primary);
    goes.full_resync();
    goes.bytes(MIB);
    drop(goes);
    wait_until("it follows", || replica.connect().info_text("master_link_status") == "up");
    compare(&primary, &replica);
    wait_until("one has gone", || client.info("connected_slaves") == 3);
    assert_eq!(counts(&mut client), (4, 1));
    // Those who stood still have lost nothing by that.
    let offsets = frozen.each_mut().map(|raw| raw.full_resync().1);
    let snapshots = frozen.each_mut().map(Raw::marked_snapshot);
    assert!(snapshots[0].len() > DATA_MIB * MIB && snapshots[0] == snapshots[1], "they were sent different snapshots");
    client.call(&["SET", "a", "1"]);
    let expected = [request(&["SELECT", "0"]), request(&["SET", "a", "1"])].concat();
    for (raw, offset) in frozen.iter_mut().zip(offsets) {
        raw.send(&["REPLCONF", "ACK", &offset.to_string()]);
        assert_eq!(raw.bytes(expected.len()), expected);
    }
    compare(&primary, &replica);
    let left: Vec<_> = std::fs::read_dir(primary.folder()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_snapshot_waits_for_more_replicas_as_long_as_it_is_told() {
    let primary = Server::larder(&["--repl-diskless-sync-delay", LONG_S]);
    let mut client = primary.connect();
    let mut waits = asks(&primary);
    wait_until("it asks", || counts(&mut client) == (1, 0));
    // Who is told the length of its snapshot waits for nobody, nor does who came before it, if it reads the same form.
    Raw::new(&primary, &["version", "8.0.0"], &["PSYNC", "?", "-1"]).full_resync();
    assert_eq!(counts(&mut client), (2, 1));
    Raw::new(&primary, &["version", "9.0.0"], &["PSYNC", "?", "-1"]).full_resync();
    waits.full_resync();
    assert_eq!(counts(&mut client), (3, 2));
    let mut alone = asks(&primary);
    wait_until("it asks", || counts(&mut client) == (4, 2));
    client.call(&["CONFIG", "SET", "repl-diskless-sync-delay", "1"]);
    alone.full_resync();
    client.call(&["CONFIG", "SET", "repl-diskless-sync-delay", LONG_S]);
    client.call(&["CONFIG", "SET", "repl-diskless-sync", "no"]);
    asks(&primary).full_resync();
    assert_eq!(counts(&mut client), (5, 4));
}
