//! FAILOVER: a primary hands over to a replica, be either a Valkey, and nothing that was acknowledged is lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::resp::Value;

use super::append_only::fill;
use super::replication::{DEBUG, LASTING, Raw, compare, follow};
use super::support::{Server, wait_until};

fn ok() -> Value {
    Value::Simple("OK".into())
}

/// Hands over from one to the other under load, where `third` follows as well. What was acknowledged is there.
fn hand_over(first: &Server, second: &Server, third: &Server) {
    fill(&mut first.connect());
    follow(second, first);
    follow(third, first);
    compare(first, second);
    compare(first, third);
    let (must_end, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut admin = first.connect();
    std::thread::scope(|scope| {
        let (mut client, must_end, acknowledged) = (first.connect(), &must_end, &acknowledged);
        scope.spawn(move || {
            let refused = b"READONLY You can't write against a read only replica.";
            loop {
                match client.call(&["INCR", "acknowledged"]) {
                    Value::Integer(number) => acknowledged.store(number as u64, Ordering::Release),
                    error => return assert_eq!(error.as_error(), Some(&refused[..]), "{error:?}"),
                }
                assert!(!must_end.load(Ordering::Acquire), "it goes on writing to a replica");
            }
        });
        wait_until("it is written", || acknowledged.load(Ordering::Acquire) > 100);
        let port = second.port().to_string();
        assert_eq!(admin.call(&["FAILOVER", "TO", "127.0.0.1", &port]), ok());
        wait_until("it is over", || admin.info_text("master_failover_state") == "no-failover" && admin.info_text("role") == "slave");
        wait_until("it follows", || admin.info_text("master_link_status") == "up");
        must_end.store(true, Ordering::Release);
    });
    let mut promoted = second.connect();
    assert_eq!(promoted.info_text("role"), "master");
    let last = acknowledged.load(Ordering::Acquire).to_string();
    assert_eq!(promoted.call(&["GET", "acknowledged"]), Value::Bulk(last.into()), "what was acknowledged, and no more");
    fill(&mut promoted);
    compare(second, first);
    assert_eq!((promoted.info("sync_full"), promoted.info("sync_partial_ok") > 0), (0, true));
    // Who followed the first one as well goes on behind it.
    compare(second, third);
    assert_eq!(promoted.call(&["SET", "a", "1"]), ok());
    assert_eq!(admin.info_text("paused_reason"), "none");
}

#[test]
fn a_primary_hands_over_to_a_replica() {
    let options = [&DEBUG[..], &LASTING].concat();
    let servers: Vec<Server> = (0..3).map(|_| Server::larder(&options)).collect();
    hand_over(&servers[0], &servers[1], &servers[2]);
    // And back.
    let mut client = servers[1].connect();
    assert_eq!(client.call(&["FAILOVER"]), ok());
    wait_until("it is over", || client.info_text("role") == "slave" && client.info_text("master_link_status") == "up");
    compare(&servers[0], &servers[1]);
}

#[test]
fn a_valkey_hands_over_to_us_and_we_to_it() {
    let test = "a_valkey_hands_over_to_us_and_we_to_it";
    let options = [&DEBUG[..], &LASTING, &["--repl-diskless-sync-delay", "0", "--repl-diskless-load", "disabled"]].concat();
    let Some(valkey) = Server::reference(test, &options) else { return };
    let (larder, third) = (Server::larder(&[&DEBUG[..], &LASTING].concat()), Server::larder(&DEBUG));
    hand_over(&valkey, &larder, &third);
    let mut client = larder.connect();
    wait_until("it follows", || client.info_text("slave0").contains("state=online"));
    let port = valkey.port().to_string();
    assert_eq!(client.call(&["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "60000"]), ok());
    wait_until("it is over", || client.info_text("role") == "slave" && client.info_text("master_link_status") == "up");
    fill(&mut valkey.connect());
    compare(&valkey, &larder);
}

#[test]
fn a_failover_that_cannot_be_is_given_up() {
    let server = Server::larder(&["--repl-ping-replica-period", "3600"]);
    let mut client = server.connect();
    for (words, expected) in [
        (&["FAILOVER"][..], "ERR FAILOVER requires connected replicas."),
        (&["FAILOVER", "ABORT"], "ERR No failover in progress."),
        (&["FAILOVER", "TIMEOUT", "0"], "ERR FAILOVER timeout must be greater than 0"),
        (&["FAILOVER", "TIMEOUT", "x"], "ERR value is not an integer or out of range"),
        (&["FAILOVER", "TO", "h"], "ERR syntax error"),
        (&["FAILOVER", "FORCE", "FORCE"], "ERR syntax error"),
        (&["PSYNC", "?", "-1", "FAILOVER"], "ERR PSYNC FAILOVER can't be sent to a master."),
    ] {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
    // A replica that never says that it has anything.
    let (_raw, _) = Raw::following(&server);
    for (words, expected) in [
        (&["FAILOVER", "FORCE"][..], "ERR FAILOVER with force option requires both a timeout and target HOST and IP."),
        (&["FAILOVER", "TO", "127.0.0.1", "1"], "ERR FAILOVER target HOST and PORT is not a replica."),
    ] {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
    client.call(&["SET", "a", "1"]);
    assert_eq!(client.call(&["FAILOVER"]), ok());
    assert_eq!(client.info_text("master_failover_state"), "waiting-for-sync");
    assert_eq!((client.info_text("paused_reason"), client.info_text("paused_actions")), ("failover_in_progress".into(), "write".into()));
    for (words, expected) in [
        (&["FAILOVER"][..], "ERR FAILOVER already in progress."),
        (&["REPLICAOF", "127.0.0.1", "1"], "ERR REPLICAOF not allowed while failing over."),
        (&["PSYNC", "?", "-1"], "NOMASTERLINK Can't SYNC while failing over"),
    ] {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
    let mut writer = server.connect();
    writer.send(&["SET", "a", "2"]);
    assert_eq!(client.call(&["GET", "a"]), Value::Bulk("1".into()));
    assert_eq!(client.call(&["FAILOVER", "ABORT"]), ok());
    assert_eq!(writer.receive(), ok());
    // By itself, when its time is over.
    assert_eq!(client.call(&["FAILOVER", "TIMEOUT", "50"]), ok());
    assert_eq!(writer.call(&["SET", "a", "3"]), ok());
    assert_eq!((client.info_text("role"), client.info_text("master_failover_state")), ("master".into(), "no-failover".into()));
    let replica = Server::larder(&["--replicaof", "127.0.0.1", &server.port().to_string()]);
    let mut other = replica.connect();
    wait_until("it follows", || other.info_text("master_link_status") == "up");
    let expected = "ERR FAILOVER is not valid when server is a replica.";
    assert_eq!(other.call(&["FAILOVER"]).as_error(), Some(expected.as_bytes()));
    let expected = "ERR PSYNC FAILOVER replid must match my replid.";
    assert_eq!(other.call(&["PSYNC", &"a".repeat(40), "1", "FAILOVER"]).as_error(), Some(expected.as_bytes()));
}

/// A target that says that it has everything, and then will not lead: the node leads again, and loses nothing.
#[test]
fn a_target_that_refuses_leaves_the_node_what_it_was() {
    let server = Server::larder(&["--repl-ping-replica-period", "3600"]);
    let mut client = server.connect();
    client.call(&["SET", "a", "1"]);
    // Another primary answers where the target should be.
    let other = Server::larder(&[]);
    let mut raw = Raw::new(&server, &["listening-port", &other.port().to_string()], &["PSYNC", "?", "-1"]);
    raw.full_resync();
    raw.snapshot();
    wait_until("it follows", || client.info_text("slave0").contains("state=online"));
    assert_eq!(client.call(&["FAILOVER", "TO", "127.0.0.1", &other.port().to_string()]), ok());
    let request = super::support::request(&["REPLCONF", "GETACK", "*"]);
    assert_eq!(raw.bytes(request.len()), request);
    let end = client.info("master_repl_offset").to_string();
    raw.send(&["REPLCONF", "ACK", &end]);
    wait_until("it is given up", || client.info_text("master_failover_state") == "no-failover");
    assert_eq!(client.info_text("role"), "master");
    assert_eq!(client.call(&["INCR", "a"]), Value::Integer(2));
}
