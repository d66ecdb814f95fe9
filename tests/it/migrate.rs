//! `larder-cli migrate-from` with a real Valkey: data moves in while it is written to, and nothing that was acknowledged is lost.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::resp::Value;

use super::append_only::{digest, fill};
use super::support::{Connection, Server, wait_until};

const WRITERS: usize = 4;
const COUNTERS: u64 = 50;

/// Runs it on `larder`.
fn migrate(larder: &Server, words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_larder-cli");
    let port = larder.port().to_string();
    Command::new(program).args(["-p", &port, "migrate-from"]).args(words).output().expect("the client starts")
}

/// Runs it, and returns what it says. `succeeds` says how it ends.
fn told(larder: &Server, words: &[&str], succeeds: bool) -> String {
    let output = migrate(larder, words);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), succeeds, "{words:?}: {text}");
    text
}

/// Counts until the server takes no writes any more. Returns what it acknowledged.
fn count(mut client: Connection, number: usize, written: &AtomicU64, must_end: &AtomicBool) -> BTreeMap<String, i64> {
    let mut acknowledged = BTreeMap::new();
    for turn in 0.. {
        let key = format!("counter:{number}:{}", turn % COUNTERS);
        match client.call(&["INCR", &key]) {
            Value::Integer(value) => _ = acknowledged.insert(key, value),
            reply => {
                assert!(reply.as_error().is_some_and(|text| text.starts_with(b"READONLY")), "{reply:?}");
                return acknowledged;
            }
        }
        written.fetch_add(1, Ordering::Relaxed);
        assert!(!must_end.load(Ordering::Relaxed), "writes are refused after the cut-over");
    }
    acknowledged
}

#[test]
fn data_moves_in_while_it_is_written_to_and_back() {
    let options = ["--enable-debug-command", "yes", "--requirepass", "first"];
    let Some(valkey) = Server::reference("data_moves_in_while_it_is_written_to_and_back", &options) else { return };
    let larder = Server::larder(&["--enable-debug-command", "yes"]);
    let login = |server: &Server| {
        let mut client = server.connect();
        assert_eq!(client.call(&["AUTH", "first"]), Value::Simple("OK".into()));
        client
    };
    fill(&mut login(&valkey));
    let uri = format!("redis://:first@127.0.0.1:{}", valkey.port());
    let text = told(&larder, &[&uri], true);
    assert!(text.contains("The copy is here.") && text.contains("This server goes on following."), "{text}");
    let (written, must_end) = (AtomicU64::new(0), AtomicBool::new(false));
    let acknowledged: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (client, written, must_end) = (login(&valkey), &written, &must_end);
                scope.spawn(move || count(client, number, written, must_end))
            })
            .collect();
        wait_until("clients write", || written.load(Ordering::Relaxed) > 1000);
        let text = told(&larder, &[&uri, "--cut-over"], true);
        assert!(text.contains("This server is the primary. Writes waited for "), "{text}");
        must_end.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("it ends in order")).collect()
    });
    let (mut ours, mut theirs) = (larder.connect(), login(&valkey));
    for (key, value) in &acknowledged {
        assert_eq!(ours.call(&["GET", key]), Value::Bulk(value.to_string().into()), "{key}");
    }
    assert_eq!(ours.call(&["SET", "later", "here"]), Value::Simple("OK".into()));
    wait_until("the other server follows", || theirs.call(&["GET", "later"]) == Value::Bulk("here".into()));
    assert_eq!(theirs.call(&["DEBUG", "DIGEST"]), digest(&larder));
    assert_eq!((ours.info("sync_full"), ours.info("sync_partial_ok")), (0, 1), "it goes on where it was");
    assert_eq!(theirs.call(&["REPLICAOF", "NO", "ONE"]), Value::Simple("OK".into()));
    assert_eq!(theirs.call(&["INCR", "counter:0:0"]).as_error(), None, "the way back");
}

#[test]
fn what_would_be_lost_is_told_before() {
    let Some(valkey) = Server::reference("what_would_be_lost_is_told_before", &[]) else { return };
    let larder = Server::larder(&["--databases", "2"]);
    let (mut ours, mut theirs) = (larder.connect(), valkey.connect());
    let uri = format!("redis://127.0.0.1:{}", valkey.port());
    let own = format!("redis://127.0.0.1:{}", larder.port());
    ours.call(&["SET", "key", "ours"]);
    theirs.call(&["SELECT", "5"]);
    theirs.call(&["SET", "key", "theirs"]);
    theirs.call(&["FUNCTION", "LOAD", "#!lua name=lib\nserver.register_function('f', function() return 1 end)"]);
    let text = told(&larder, &[&uri], false);
    for part in ["has functions", "keys in database 5, and this server has 2", "This server has 1 keys, which would go"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(told(&larder, &[&own, "--replace"], false).contains("The two are the same server."));
    assert!(told(&larder, &["redis://127.0.0.1:1"], false).contains("Could not connect"));
    assert!(told(&larder, &["rediss://127.0.0.1"], false).contains("needs TLS"));
    assert_eq!(ours.call(&["GET", "key"]), Value::Bulk("ours".into()), "nothing has changed");
    theirs.call(&["FUNCTION", "FLUSH"]);
    theirs.call(&["SWAPDB", "5", "0"]);
    told(&larder, &[&uri, "--replace"], true);
    assert_eq!(ours.call(&["GET", "key"]), Value::Bulk("theirs".into()));
    let other = Server::larder(&[]);
    let text = told(&other, &[&own], false);
    assert!(text.contains(&format!("Name its primary: 127.0.0.1:{}.", valkey.port())), "{text}");
}
