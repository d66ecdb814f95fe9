//! Replication with a real Valkey: what a primary has its replica has, through writes, disconnects and everything that clients may send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_proto::resp::Value;

use super::append_only::{digest, fill};
use super::replication_load::under_load;
use super::support::{Server, request, wait_until};

pub(super) const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn replica_options(primary: &Server) -> Vec<String> {
    let port = primary.port().to_string();
    let options = ["--enable-debug-command", "yes", "--replicaof", "127.0.0.1", &port, "--repl-diskless-load", "disabled"];
    options.map(str::to_owned).to_vec()
}

/// However far a replica falls behind on a slow machine, it needs no second copy.
pub(super) const LASTING: [&str; 4] = ["--repl-backlog-size", "1gb", "--client-output-buffer-limit", "replica 0 0 0"];

/// A Valkey that follows `primary`.
pub(super) fn valkey_replica(test: &str, primary: &Server) -> Option<Server> {
    let options = replica_options(primary);
    Server::reference(test, &options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A Larder that follows `primary`.
pub(super) fn larder_replica(primary: &Server) -> Server {
    let replica = Server::larder(&DEBUG);
    follow(&replica, primary);
    replica
}

/// Waits until the replica has all that the primary has, and compares. Nobody writes.
pub(super) fn compare(primary: &Server, replica: &Server) {
    catch_up(primary, replica);
    assert_eq!(digest(primary), digest(replica));
}

/// Waits until the replica has all that the primary has.
pub(super) fn catch_up(primary: &Server, replica: &Server) {
    let (mut first, mut second) = (primary.connect(), replica.connect());
    wait_until("the replica has caught up", || {
        second.info_text("master_link_status") == "up"
            && first.info_text("master_replid") == second.info_text("master_replid")
            && first.info("master_repl_offset") == second.info("master_repl_offset")
    });
}

#[test]
fn a_valkey_follows_us() {
    let larder = Server::larder(&DEBUG);
    let mut client = larder.connect();
    fill(&mut client);
    let Some(valkey) = valkey_replica("a_valkey_follows_us", &larder) else { return };
    compare(&larder, &valkey);
    fill(&mut client);
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1));
    compare(&larder, &valkey);
    let mut listener = valkey.connect();
    listener.call(&["SUBSCRIBE", "news"]);
    assert_eq!(client.call(&["PUBLISH", "news", "arrive"]), Value::Integer(0));
    let message = ["message", "news", "arrive"].map(|word| Value::Bulk(word.into()));
    assert_eq!(listener.receive(), Value::Array(message.to_vec()));
    let port = i64::from(valkey.port()).to_string();
    let Value::Array(role) = client.call(&["ROLE"]) else { panic!("an array") };
    let Value::Array(replicas) = &role[2] else { panic!("replicas") };
    let Value::Array(replica) = &replicas[0] else { panic!("one of them") };
    assert_eq!(replica[..2], [Value::Bulk("127.0.0.1".into()), Value::Bulk(port.clone().into())]);
    let line = client.info_text("slave0");
    assert!(line.starts_with(&format!("ip=127.0.0.1,port={port},state=online,offset=")), "{line}");
    assert_eq!((client.info("connected_slaves"), client.info("sync_full"), client.info("sync_partial_ok")), (1, 1, 0));
}

#[test]
fn a_valkey_that_loses_us_goes_on_where_it_was() {
    let larder = Server::larder(&[&DEBUG[..], &LASTING].concat());
    let mut client = larder.connect();
    fill(&mut client);
    let Some(valkey) = valkey_replica("a_valkey_that_loses_us_goes_on_where_it_was", &larder) else { return };
    wait_until("it follows", || client.info("connected_slaves") == 1 && client.info_text("slave0").contains("state=online"));
    under_load(&larder, |some_more| {
        for times in 1..4 {
            assert_eq!(client.call(&["CLIENT", "KILL", "TYPE", "replica"]), Value::Integer(1));
            wait_until("it is there again", || client.info("sync_partial_ok") == times);
            some_more();
        }
    });
    compare(&larder, &valkey);
    assert_eq!((client.info("sync_full"), client.info("sync_partial_err")), (1, 0));
}

#[test]
fn a_valkey_that_comes_under_load_gets_all() {
    let larder = Server::larder(&[&DEBUG[..], &["--appendonly", "yes"]].concat());
    fill(&mut larder.connect());
    let mut valkeys = Vec::new();
    under_load(&larder, |some_more| {
        for _ in 0..2 {
            valkeys.extend(valkey_replica("a_valkey_that_comes_under_load_gets_all", &larder));
            some_more();
        }
    });
    valkeys.iter().for_each(|valkey| compare(&larder, valkey));
}

/// A connection on which the test itself is the replica.
pub(super) struct Raw(TcpStream);

impl Raw {
    /// One that says what it is and can, and then what it wants.
    pub(super) fn new(server: &Server, says: &[&str], wants: &[&str]) -> Raw {
        let mut raw = Raw(server.connect_raw());
        if !says.is_empty() {
            raw.send(&[&["REPLCONF"], says].concat());
            assert_eq!(raw.line(), "+OK");
        }
        raw.send(wants);
        raw
    }

    /// One that has all, and follows.
    pub(super) fn following(server: &Server) -> (Raw, String) {
        let mut raw = Raw::new(server, &[], &["PSYNC", "?", "-1"]);
        let (id, _) = raw.full_resync();
        raw.snapshot();
        (raw, id)
    }

    pub(super) fn send(&mut self, words: &[&str]) {
        self.0.write_all(&request(words)).expect("it is connected");
    }

    /// The next line without its end. Empty lines say that all is well.
    fn line(&mut self) -> String {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                line.extend_from_slice(&self.bytes(1));
            }
            let text = String::from_utf8(line).expect("a text").trim().to_owned();
            if !text.is_empty() {
                return text;
            }
        }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).expect("the server sends it");
        bytes
    }

    /// The history and the offset of a full copy.
    pub(super) fn full_resync(&mut self) -> (String, u64) {
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        let ["+FULLRESYNC", id, offset] = words[..] else { panic!("{line}") };
        (id.to_owned(), offset.parse().expect("a number"))
    }

    /// A snapshot whose length is announced.
    pub(super) fn snapshot(&mut self) -> Vec<u8> {
        let len = self.line().strip_prefix('$').and_then(|len| len.parse().ok()).expect("a length");
        self.bytes(len)
    }

    /// A snapshot that ends with a mark, without it. Nothing may follow.
    pub(super) fn marked_snapshot(&mut self) -> Vec<u8> {
        let mark = self.line().strip_prefix("$EOF:").expect("a mark").to_owned();
        let (mut snapshot, mut part) = (Vec::new(), vec![0; 256 * 1024]);
        while !snapshot.ends_with(mark.as_bytes()) {
            let len = self.0.read(&mut part).expect("the server sends it");
            assert!(len > 0, "the connection ended after {} bytes", snapshot.len());
            snapshot.extend_from_slice(&part[..len]);
        }
        snapshot.truncate(snapshot.len() - mark.len());
        snapshot
    }
}

#[test]
fn a_replica_gets_what_it_can_read() {
    let larder = Server::larder(&["--repl-ping-replica-period", "1000000"]);
    let mut client = larder.connect();
    client.call(&["SET", "a", "1"]);
    // Without the capability to find a mark, and without any word about its version.
    let mut old = Raw::new(&larder, &[], &["PSYNC", "?", "-1"]);
    let (id, offset) = old.full_resync();
    assert_eq!((id.len(), offset), (40, 0));
    assert!(old.snapshot().starts_with(b"REDIS0010"));
    client.call(&["SET", "b", "2"]);
    let expected = [request(&["SELECT", "0"]), request(&["SET", "b", "2"])].concat();
    let found = old.bytes(expected.len());
    assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
    // With a mark: nothing follows until it has said that it has found it.
    let mut new = Raw::new(&larder, &["capa", "eof", "capa", "psync2", "version", "9.1.0"], &["PSYNC", "?", "-1"]);
    let (same, offset) = new.full_resync();
    assert_eq!((same, offset), (id.clone(), expected.len() as u64));
    assert!(new.marked_snapshot().starts_with(b"VALKEY080"));
    client.call(&["SET", "c", "3"]);
    new.send(&["REPLCONF", "ACK", &offset.to_string()]);
    let expected = [request(&["SELECT", "0"]), request(&["SET", "c", "3"])].concat();
    assert_eq!(new.bytes(expected.len()), expected);
    // Who names what is kept goes on, others begin anew.
    let next = (offset + 1).to_string();
    let mut partial = Raw::new(&larder, &["capa", "psync2"], &["PSYNC", &id, &next]);
    assert_eq!(partial.line(), format!("+CONTINUE {id}"));
    assert_eq!(partial.bytes(expected.len()), expected);
    for wish in [["PSYNC", &id, "1000000"], ["PSYNC", &"a".repeat(40), "1"], ["PSYNC", &id, "-5"]] {
        let mut again = Raw::new(&larder, &[], &wish);
        assert_eq!(again.full_resync().0, id, "{wish:?}");
    }
    let mut oldest = Raw::new(&larder, &[], &["SYNC"]);
    assert!(oldest.snapshot().starts_with(b"REDIS0010"));
    assert_eq!(client.info("sync_partial_ok"), 1);
    // Who wants nothing but a snapshot is told by the end of the connection that this was all.
    let mut once = Raw::new(&larder, &["rdb-only", "1"], &["SYNC"]);
    assert!(once.snapshot().starts_with(b"REDIS0010"));
    client.call(&["SET", "d", "4"]);
    let mut rest = Vec::new();
    once.0.read_to_end(&mut rest).expect("it ends");
    assert_eq!(rest, b"");
}

#[test]
fn what_no_replica_says_is_refused() {
    let larder = Server::larder(&[]);
    let mut client = larder.connect();
    for (words, expected) in [
        (&["PSYNC", "?", "x"][..], "ERR value is not an integer or out of range"),
        (&["PSYNC", "?"], "ERR wrong number of arguments for 'psync' command"),
        (&["REPLCONF", "capa"], "ERR syntax error"),
        (&["REPLCONF", "rdb-only", "2"], "ERR value is out of range, must be between 0 and 1"),
        (&["REPLCONF", "rdb-filter-only", ""], "ERR REPLCONF rdb-filter-only is not there yet"),
        (&["REPLCONF", "version", "nine"], "ERR Unrecognized version format: nine"),
        (&["WAIT", "x", "0"], "ERR value is not an integer or out of range"),
        (&["WAIT", "1", "-1"], "ERR timeout is negative"),
    ] {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
    assert_eq!(client.call(&["WAIT", "1", "10"]), Value::Integer(0));
    assert_eq!(client.call(&["WAIT", "0", "0"]), Value::Integer(0));
    // Garbage ends a replica's connection, and nothing else.
    let (mut raw, _) = Raw::following(&larder);
    raw.0.write_all(b"*1\r\n$-5\r\n").expect("it is connected");
    let mut rest = Vec::new();
    raw.0.read_to_end(&mut rest).expect("it ends");
    wait_until("it is gone", || client.info("connected_slaves") == 0);
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
}

#[test]
fn a_replica_that_lies_about_what_it_has_is_not_believed() {
    let larder = Server::larder(&["--repl-ping-replica-period", "1000000"]);
    let mut client = larder.connect();
    let (mut raw, _) = Raw::following(&larder);
    client.call(&["SET", "a", "1"]);
    let written = [request(&["SELECT", "0"]), request(&["SET", "a", "1"])].concat();
    assert_eq!(raw.bytes(written.len()), written);
    raw.send(&["REPLCONF", "ACK", "9000000000"]);
    wait_until("it has spoken", || !client.info_text("slave0").contains("offset=0,"));
    let line = client.info_text("slave0");
    assert!(line.contains(&format!("offset={},", written.len())), "it was sent no more: {line}");
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1));
}

#[test]
fn a_replica_that_does_not_read_is_given_up() {
    let options = ["--client-output-buffer-limit", "replica 1mb 0 0", "--repl-backlog-size", "64kb"];
    let larder = Server::larder(&options);
    let mut client = larder.connect();
    let (_raw, _) = Raw::following(&larder);
    let value = "x".repeat(100_000);
    wait_until("it is given up", || {
        client.call(&["SET", "a", &value]);
        client.info("connected_slaves") == 0
    });
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), 1);
    // Nor does what it did not read stay.
    wait_until("the backlog is short again", || client.info("repl_backlog_histlen") <= 64 * 1024);
}

#[test]
fn writes_wait_for_replicas_that_are_asked_for() {
    let larder = Server::larder(&["--min-replicas-to-write", "1"]);
    let mut client = larder.connect();
    let refused = "NOREPLICAS Not enough good replicas to write.";
    assert_eq!(client.call(&["SET", "a", "1"]).as_error(), Some(refused.as_bytes()));
    let (raw, _) = Raw::following(&larder);
    wait_until("it counts", || client.call(&["SET", "a", "1"]) == Value::Simple("OK".into()));
    drop(raw);
    wait_until("it has gone", || client.call(&["SET", "a", "1"]).as_error() == Some(refused.as_bytes()));
}

#[test]
fn a_backlog_ends_when_nobody_comes_back() {
    let larder = Server::larder(&["--repl-backlog-ttl", "1"]);
    let mut client = larder.connect();
    let (raw, id) = Raw::following(&larder);
    assert_eq!(client.info("repl_backlog_active"), 1);
    drop(raw);
    wait_until("it ends", || client.info("repl_backlog_active") == 0);
    assert_ne!(client.info_text("master_replid"), id, "what changes from now on is in no log");
    let offset = client.info("master_repl_offset");
    client.call(&["SET", "a", "1"]);
    assert_eq!(client.info("master_repl_offset"), offset);
}

/// Has `replica` follow `primary`.
pub(super) fn follow(replica: &Server, primary: &Server) {
    let reply = replica.connect().call(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    assert_eq!(reply, Value::Simple("OK".into()));
}

/// We follow a Valkey that sends its copies in this way.
fn follow_valkey(test: &str, options: &[&str]) {
    let Some(valkey) = Server::reference(test, &[&DEBUG[..], &["--repl-diskless-sync-delay", "0"], &LASTING, options].concat()) else {
        return;
    };
    let mut client = valkey.connect();
    fill(&mut client);
    let larder = Server::larder(&DEBUG);
    let mut own = larder.connect();
    own.call(&["SET", "of before", "1"]);
    follow(&larder, &valkey);
    compare(&valkey, &larder);
    fill(&mut client);
    compare(&valkey, &larder);
    assert_eq!(own.call(&["GET", "of before"]), Value::Null);
    assert_eq!(own.info_text("role"), "slave");
    let refused = "READONLY You can't write against a read only replica.";
    assert_eq!(own.call(&["SET", "a", "1"]).as_error(), Some(refused.as_bytes()));
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1), "it is told at once how far we are");
    let line = client.info_text("slave0");
    assert!(line.starts_with(&format!("ip=127.0.0.1,port={},state=online", larder.port())), "{line}");
    under_load(&valkey, |some_more| {
        for times in 1..4 {
            assert_eq!(client.call(&["CLIENT", "KILL", "TYPE", "replica"]), Value::Integer(1));
            wait_until("we are there again", || client.info("sync_partial_ok") == times);
            some_more();
        }
    });
    // The link is a client to those who look here, and is made anew when they end it.
    assert_eq!(own.call(&["CLIENT", "KILL", "TYPE", "primary"]), Value::Integer(1));
    wait_until("we are there again", || client.info("sync_partial_ok") == 4);
    compare(&valkey, &larder);
    assert_eq!(client.info("sync_full"), 1);
    // What has ended is hidden here, and goes when the primary says so.
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.call(&["SET", "short", "lived", "PX", "1"]);
    compare_offsets(&valkey, &larder);
    wait_until("its time is over", || own.call(&["GET", "short"]) == Value::Null);
    assert_eq!(own.call(&["DBSIZE"]), client.call(&["DBSIZE"]), "it is there, and hidden");
    let mut listener = larder.connect();
    listener.call(&["SUBSCRIBE", "news"]);
    client.call(&["PUBLISH", "news", "arrive"]);
    let message = ["message", "news", "arrive"].map(|word| Value::Bulk(word.into()));
    assert_eq!(listener.receive(), Value::Array(message.to_vec()));
}

pub(super) fn compare_offsets(primary: &Server, replica: &Server) {
    let (mut first, mut second) = (primary.connect(), replica.connect());
    wait_until("the replica has caught up", || first.info("master_repl_offset") == second.info("master_repl_offset"));
}

#[test]
fn we_follow_a_valkey_that_marks_the_end_of_its_copy() {
    follow_valkey("we_follow_a_valkey_that_marks_the_end_of_its_copy", &["--repl-diskless-sync", "yes"]);
}

#[test]
fn we_follow_a_valkey_that_announces_the_length_of_its_copy() {
    follow_valkey("we_follow_a_valkey_that_announces_the_length_of_its_copy", &["--repl-diskless-sync", "no"]);
}

#[test]
fn a_replica_is_promoted_and_the_others_join_it() {
    let servers: Vec<Server> = (0..3).map(|_| Server::larder(&DEBUG)).collect();
    let [first, second, third] = &servers[..] else { unreachable!("three") };
    fill(&mut first.connect());
    follow(second, first);
    follow(third, first);
    under_load(first, |_| ());
    compare(first, second);
    compare(first, third);
    let id = first.connect().info_text("master_replid");
    let mut promoted = second.connect();
    assert_eq!(promoted.call(&["REPLICAOF", "NO", "ONE"]), Value::Simple("OK".into()));
    assert_eq!((promoted.info_text("role"), promoted.info_text("master_replid2")), ("master".into(), id.clone()));
    // Nothing has been written to it beside what the first had: both go on from there.
    fill(&mut promoted);
    follow(third, second);
    compare(second, third);
    assert_eq!((promoted.info("sync_partial_ok"), promoted.info("sync_full")), (1, 0));
    under_load(second, |_| ());
    compare(second, third);
    assert_eq!(third.connect().info_text("master_replid2"), id);
}

#[test]
fn who_waits_is_told_when_the_role_changes() {
    let primary = Server::larder(&[]);
    let server = Server::larder(&[]);
    let mut waiting = server.connect();
    waiting.send(&["BLPOP", "list", "0"]);
    let mut client = server.connect();
    wait_until("it waits", || client.info("blocked_clients") == 1);
    follow(&server, &primary);
    let told = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    assert_eq!(waiting.receive().as_error(), Some(told.as_bytes()));
    assert!(waiting.read_to_end().is_empty(), "and its connection ends");
}

#[test]
fn who_cannot_follow_says_why() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    for (words, expected) in
        [(&["REPLICAOF", "127.0.0.1", "70000"][..], "ERR Invalid master port"), (&["REPLICAOF", "a b", "1"], "ERR Invalid master host")]
    {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
    let cluster = Server::larder(&["--cluster-enabled", "yes"]);
    let reply = cluster.connect().call(&["SLAVEOF", "127.0.0.1", "1"]);
    assert_eq!(reply.as_error(), Some(&b"ERR REPLICAOF not allowed in cluster mode."[..]));
    let primary = Server::larder(&[]);
    let replica = Server::larder(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let mut client = replica.connect();
    wait_until("it follows", || client.info_text("master_link_status") == "up");
    assert_eq!(
        client.call(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]),
        Value::Simple("OK Already connected to specified master".into())
    );
    let Value::Array(role) = client.call(&["ROLE"]) else { panic!("an array") };
    assert_eq!((&role[0], &role[3]), (&Value::Bulk("slave".into()), &Value::Bulk("connected".into())));
}

#[test]
fn a_password_is_asked_for_and_given() {
    let primary = Server::larder(&["--requirepass", "secret"]);
    let replica = Server::larder(&["--replicaof", "127.0.0.1", &primary.port().to_string(), "--masterauth", "wrong"]);
    let mut client = replica.connect();
    client.call(&["SET", "a", "1"]);
    // It tries, and goes on serving.
    let mut admin = primary.connect();
    admin.call(&["AUTH", "secret"]);
    wait_until("it has tried", || admin.info("acl_access_denied_auth") > 2);
    assert_eq!(client.info_text("master_link_status"), "down");
    client.config_set("masterauth", "secret");
    wait_until("it follows", || client.info_text("master_link_status") == "up");
}

/// A primary that the test plays: it agrees to all that a replica says of itself, and answers PSYNC with `rest`. Its port, and how often it
/// was asked.
pub(super) fn play_primary(rest: Vec<u8>) -> (u16, Arc<AtomicU64>) {
    let asked = Arc::<AtomicU64>::default();
    let count = Arc::clone(&asked);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let read = |socket: &mut TcpStream| socket.read(&mut [0; 4096]).unwrap_or(0);
            for answer in ["+PONG\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"] {
                if read(&mut socket) == 0 || socket.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
            read(&mut socket);
            let _ = socket.write_all(&rest);
            count.fetch_add(1, Ordering::AcqRel);
            while read(&mut socket) > 0 {}
        }
    });
    (port, asked)
}

#[test]
fn what_no_primary_sends_costs_nothing() {
    let id = "a".repeat(40);
    let full = |rest: &[u8]| [format!("+FULLRESYNC {id} 7\r\n").as_bytes(), rest].concat();
    let broken = [&b"REDIS0010\xff"[..], &[1; 8]].concat();
    let mark = "m".repeat(40);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        // The first one, since later this node has a history of its own to go on from.
        ("it goes on from nothing", format!("+CONTINUE {id}\r\n").into_bytes()),
        ("no answer to PSYNC", b"*3\r\n".to_vec()),
        ("an error", b"-ERR no\r\n".to_vec()),
        ("an offset that is none", format!("+FULLRESYNC {id} -7\r\n").into_bytes()),
        ("no length", full(b"+OK\r\n")),
        ("a length that is none", full(b"$-1\r\n")),
        ("a line without an end", vec![b'x'; 10_000]),
        ("a copy that is none", full(b"$12\r\nREDIS0010no!")),
        ("a broken checksum", full(&[format!("${}\r\n", broken.len()).as_bytes(), &broken].concat())),
        ("a short one with a mark", full(format!("$EOF:{mark}\r\n{mark}").as_bytes())),
    ];
    let larder = Server::larder(&[]);
    let mut client = larder.connect();
    client.call(&["SET", "a", "1"]);
    for (what, rest) in cases {
        let (port, asked) = play_primary(rest);
        assert_eq!(client.call(&["REPLICAOF", "127.0.0.1", &port.to_string()]), Value::Simple("OK".into()), "{what}");
        wait_until(&format!("{what}: it tries again"), || asked.load(Ordering::Acquire) >= 2);
        assert_eq!(client.info_text("master_link_status"), "down", "{what}");
        assert_eq!(client.call(&["GET", "a"]), Value::Bulk("1".into()), "{what}: what was here is here");
        client.call(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(client.call(&["SET", "a", "1"]), Value::Simple("OK".into()));
    }
    let files = std::fs::read_dir(larder.folder()).expect("its folder").count();
    assert_eq!(files, 0, "no file is left behind");
}

#[test]
fn a_copy_that_is_received_has_no_name() {
    // Half of one, and then silence.
    let half = [&b"$1000000\r\nREDIS0010"[..], &[b'x'; 1000]].concat();
    let (port, _) = play_primary([format!("+FULLRESYNC {} 7\r\n", "a".repeat(40)).as_bytes(), &half].concat());
    let larder = Server::larder(&["--replicaof", "127.0.0.1", &port.to_string()]);
    let mut client = larder.connect();
    wait_until("half of it has come", || client.info("master_sync_in_progress") == 1 && client.info("master_sync_read_bytes") > 1000);
    let files = std::fs::read_dir(larder.folder()).expect("its folder").count();
    assert_eq!(files, 0, "whatever ends the process leaves nothing");
}
