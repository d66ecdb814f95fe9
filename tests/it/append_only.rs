//! The append only file: what was acknowledged is there after a kill, Valkey's folders load here and ours there, and what is broken is named.
//! (`kills.rs` kills under more load, and more often.)

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_proto::resp::Value;

use super::replication_load::End;
use super::support::{Connection, Server, request, wait_until};

/// Clients that write.
const CLIENTS: usize = 8;
/// Requests that each has on their way.
const PIPELINE: usize = 8;
/// Acknowledged writes that are some.
const WRITES_MIN: u64 = 2000;

pub(super) fn options<'a>(folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let folder = folder.to_str().expect("a name");
    [&["--dir", folder, "--appendonly", "yes", "--enable-debug-command", "yes"], more].concat()
}

pub(crate) fn digest(server: &Server) -> Value {
    let mut client = server.connect();
    wait_until("it has loaded its data", || client.info("loading") == 0);
    let digest = client.call(&["DEBUG", "DIGEST"]);
    assert!(matches!(digest, Value::Simple(_)), "{digest:?}");
    digest
}

/// Some of every type.
pub(crate) fn fill(client: &mut Connection) {
    for request in [
        "FLUSHALL",
        "SET string text",
        "SET number 17",
        "SET short lived EX 1000",
        "SETRANGE long 20000 end",
        "RPUSH list a b c 1 2 3",
        "SADD set a b c",
        "SADD integers 1 2 3",
        "ZADD zset 1 a 2.5 b -inf c",
        "HSET hash a 1 b 2",
        "HPEXPIRE hash 1000000 FIELDS 1 a",
        "XADD stream * a 1",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group consumer STREAMS stream >",
        "SPOP set",
        "PFADD hll a b c",
        "SELECT 3",
        "MSET a 1 b 2",
        "MULTI",
        "INCR a",
        "RENAME b c",
        "EXEC",
        "SELECT 0",
        "INCRBYFLOAT number 0.25",
        "DEL string",
    ] {
        let reply = client.call(&request.split(' ').collect::<Vec<_>>());
        assert!(reply.as_error().is_none(), "{request}: {reply:?}");
    }
}

/// Some of every type that is in many pieces, or has something that a base of requests has to say in a way of its own.
fn fill_large(client: &mut Connection) {
    let number = |n: u32| n.to_string();
    let mut requests: Vec<Vec<String>> = Vec::new();
    for n in 0..1500 {
        requests.extend([
            vec!["RPUSH".into(), "long list".into(), number(n)],
            vec!["SADD".into(), "large set".into(), format!("member:{n}")],
            vec!["ZADD".into(), "large zset".into(), format!("{}", f64::from(n) / 7.0), format!("member:{n}")],
            vec!["HSET".into(), "large hash".into(), format!("field:{n}"), number(n)],
            vec!["XADD".into(), "long stream".into(), format!("{}-1", n + 1), "n".into(), number(n)],
        ]);
    }
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    requests.extend(
        [
            "HPEXPIRE large_hash 1000000 FIELDS 2 field:1 field:2",
            "PEXPIRE large_set 1000000",
            "XGROUP CREATE long_stream group 0 ENTRIESREAD 3",
            "XGROUP CREATECONSUMER long_stream group idle",
            "XREADGROUP GROUP group consumer COUNT 400 STREAMS long_stream >",
            "XREADGROUP GROUP group other COUNT 3 STREAMS long_stream >",
            "XDEL long_stream 1500-1",
            "XADD empty_stream 5-5 a 1",
            "XDEL empty_stream 5-5",
            "ZADD infinite inf a -inf b -0.1 c 1e300 d",
            "SET empty_string_ x",
        ]
        .map(|text| words(text).into_iter().map(|word| if word.contains(':') { word } else { word.replace('_', " ") }).collect()),
    );
    requests.push(vec!["SET".into(), "empty".into(), String::new()]);
    requests.push(vec!["SETRANGE".into(), "very long".into(), "1000000".into(), "end".into()]);
    let count = requests.len();
    client.send_all(requests.into_iter());
    for _ in 0..count {
        let reply = client.receive();
        assert!(reply.as_error().is_none(), "{reply:?}");
    }
}

/// What DEBUG DIGEST does not tell of streams, but for when consumers were seen.
fn pending(client: &mut Connection) -> Vec<Value> {
    let requests =
        ["XPENDING long_stream group - + 10000", "XPENDING long_stream group", "XINFO GROUPS long_stream", "XPENDING stream group"];
    requests.iter().map(|request| client.call(&request.split(' ').map(|word| word.replace("long_", "long ")).collect::<Vec<_>>())).collect()
}

pub(super) fn kill(mut server: Server) {
    server.signal(rustix::process::Signal::KILL);
    server.wait();
}

#[test]
fn what_was_written_is_there_after_a_kill() {
    for policy in ["always", "everysec", "no"] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(folder.path(), &["--appendfsync", policy]);
        let mut before = Server::larder(&options);
        fill(&mut before.connect());
        // A second time, so that a part that is there already is written on.
        for more in ["1", "2", "3"] {
            let expected = digest(&before);
            kill(before);
            before = Server::larder(&options);
            assert_eq!(digest(&before), expected, "{policy}");
            assert_eq!(before.connect().call(&["SET", "more", more]), Value::Simple("OK".into()));
        }
        let mut names: Vec<_> = fs::read_dir(folder.path().join("appendonlydir")).expect("it was made").collect();
        names.sort_by_key(|entry| entry.as_ref().expect("a name").file_name());
        assert_eq!(names.len(), 4, "a manifest, an empty base, one part, and the lock: {names:?}");
    }
}

/// One client: sets its keys to ascending numbers, several requests at once, and notes the last number that was acknowledged.
fn load(mut socket: TcpStream, client: usize, acknowledged: &AtomicU64, total: &AtomicU64) {
    let mut number = 0;
    loop {
        let mut batch = Vec::new();
        for _ in 0..PIPELINE {
            number += 1;
            batch.extend(request(&["SET", &format!("key:{client}"), &number.to_string()]));
        }
        if socket.write_all(&batch).is_err() {
            return;
        }
        for _ in 0..PIPELINE {
            let mut reply = [0; 5];
            if socket.read_exact(&mut reply).is_err() || &reply != b"+OK\r\n" {
                return;
            }
            acknowledged.fetch_add(1, Ordering::AcqRel);
            total.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[test]
fn a_valkey_loads_our_folder_and_we_load_its() {
    exchange_folders("no");
    exchange_folders("yes");
}

/// Has it rewritten, and waits for that.
pub(super) fn rewrite(client: &mut Connection) {
    let before = client.info("aof_rewrites");
    let reply = client.call(&["BGREWRITEAOF"]);
    assert!(matches!(reply, Value::Simple(_)), "{reply:?}");
    wait_until("it is rewritten", || client.info("aof_rewrites") > before && client.info("aof_rewrite_in_progress") == 0);
}

fn exchange_folders(preamble: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), &["--aof-use-rdb-preamble", preamble]);
    let name = "a_valkey_loads_our_folder_and_we_load_its";
    let larder = Server::larder(&options);
    let mut client = larder.connect();
    fill(&mut client);
    fill_large(&mut client);
    rewrite(&mut client);
    client.call(&["SET", "behind the base", "1"]);
    let expected = digest(&larder);
    kill(larder);
    let Some(valkey) = Server::reference(name, &options) else { return };
    assert_eq!(digest(&valkey), expected, "ours, read by Valkey");
    let mut client = valkey.connect();
    fill(&mut client);
    fill_large(&mut client);
    client.call(&["BGREWRITEAOF"]);
    wait_until("Valkey has rewritten it", || client.info("aof_rewrite_in_progress") == 0);
    assert_eq!(client.call(&["SET", "written by", "valkey"]), Value::Simple("OK".into()));
    let expected = digest(&valkey);
    kill(valkey);
    let larder = Server::larder(&options);
    assert_eq!(digest(&larder), expected, "what Valkey has written on, read by us");
    larder.connect().call(&["SET", "written by", "larder"]);
    let expected = digest(&larder);
    kill(larder);
    let valkey = Server::reference(name, &options).expect("it was there before");
    assert_eq!(digest(&valkey), expected, "and by Valkey again");
}

/// Nothing is written between them: so the second begins while the first one's part is still to be gone on in.
#[test]
fn a_node_that_is_idle_is_rewritten_again_and_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for policy in ["always", "everysec", "no"] {
        let server = Server::larder(&options(folder.path(), &["--appendfsync", policy]));
        let mut client = server.connect();
        wait_until("it has loaded its data", || client.info("loading") == 0);
        client.call(&["SET", "key", policy]);
        for _ in 0..4 {
            rewrite(&mut client);
        }
        assert_eq!(client.call(&["GET", "key"]), Value::Bulk(policy.to_owned().into()));
        kill(server);
    }
    let server = Server::larder(&options(folder.path(), &[]));
    assert_eq!(server.connect().call(&["GET", "key"]), Value::Bulk("no".into()));
}

/// A node with a file in this folder, and some of every type.
fn filled(folder: &Path) -> (Server, Connection) {
    let server = Server::larder(&options(folder, &[]));
    let mut client = server.connect();
    fill(&mut client);
    (server, client)
}

/// Loading a snapshot is no change, also where changes are logged. What is loaded waits for no write.
#[test]
fn what_is_loaded_again_changes_nothing_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, mut client) = filled(folder.path());
    let expected = digest(&server);
    for policy in ["always", "everysec", "no"] {
        assert_eq!(client.call(&["DEBUG", "RELOAD"]), Value::Simple("OK".into()));
        assert_eq!(client.call(&["GET", "number"]), Value::Bulk("17.25".into()));
        assert_eq!(digest(&server), expected);
        kill(server);
        server = Server::larder(&options(folder.path(), &["--appendfsync", policy]));
        client = server.connect();
        assert_eq!(digest(&server), expected);
    }
}

/// While clients write, and what they were told of is there after a kill.
#[test]
fn it_is_rewritten_and_switched_while_clients_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, mut client) = filled(folder.path());
    let (acknowledged, total): (Vec<AtomicU64>, AtomicU64) = ((0..CLIENTS).map(|_| AtomicU64::new(0)).collect(), AtomicU64::new(0));
    let some_more = || {
        let enough = total.load(Ordering::Acquire) + WRITES_MIN;
        wait_until("more was written", || total.load(Ordering::Acquire) > enough);
    };
    std::thread::scope(|scope| {
        for (number, acknowledged) in acknowledged.iter().enumerate() {
            let (socket, total) = (server.connect_raw(), &total);
            scope.spawn(move || load(socket, number, acknowledged, total));
        }
        some_more();
        for _ in 0..3 {
            rewrite(&mut client);
            some_more();
        }
        client.config_set("appendonly", "no");
        wait_until("it is off", || client.info("aof_enabled") == 0);
        some_more();
        let before = client.info("aof_rewrites");
        client.config_set("appendonly", "yes");
        wait_until("it is there again", || client.info("aof_rewrites") > before && client.info("aof_rewrite_in_progress") == 0);
        some_more();
        kill(server);
    });
    let again = Server::larder(&options(folder.path(), &[]));
    let mut connection = again.connect();
    for (number, acknowledged) in acknowledged.iter().enumerate() {
        let reply = connection.call(&["GET", &format!("key:{number}")]);
        let found: u64 = reply.as_bytes().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).unwrap_or(0);
        let acknowledged = acknowledged.load(Ordering::Acquire);
        assert!(found >= acknowledged, "client {number} was told of {acknowledged}, and {found} is there");
    }
    let text = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.manifest")).expect("it is there");
    // It begins with a base, and four rewrites were asked for. One that fails, or that growth began, takes a number as well.
    let is_of = |number: u32| {
        text == format!(
            "file appendonly.aof.{number}.base.rdb seq {number} type b\nfile appendonly.aof.{number}.incr.aof seq {number} type i\n"
        )
    };
    assert!((5..9).any(is_of), "{text}");
    let files = fs::read_dir(folder.path().join("appendonlydir")).expect("it is there").count();
    assert_eq!(files, 4, "what is history is removed");
}

/// One that is long enough is loaded while clients are let in: they are told how far it is, and see nothing of it before its end.
#[test]
fn clients_are_told_that_it_is_being_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    client.call(&["SET", "in the base", "1"]);
    rewrite(&mut client);
    client.call(&["SET", "long", &"x".repeat(3000)]);
    (0..100).for_each(|number| _ = client.call(&["SET", &format!("key:{number}"), "1"]));
    let expected = digest(&server);
    kill(server);
    let slow = ["--loading-process-events-interval-bytes", "1024", "--key-load-delay", "1000000"];
    let server = Server::larder(&options(folder.path(), &slow));
    let mut client = server.connect();
    wait_until("some of it was loaded", || client.info("loading_loaded_bytes") > 3000);
    let (loaded, total) = (client.info("loading_loaded_bytes"), client.info("loading_total_bytes"));
    assert!(client.info("loading") == 1 && loaded < total, "{loaded} of {total}");
    assert_eq!(client.call(&["GET", "long"]).as_error(), Some(b"LOADING Valkey is loading the dataset in memory".as_slice()));
    assert_eq!(
        client.call(&["CONFIG", "SET", "appendonly", "no"]).as_error(),
        Some(b"LOADING Valkey is loading the dataset in memory".as_slice())
    );
    client.config_set("key-load-delay", "0");
    kill(server);
    let server = Server::larder(&options(folder.path(), &slow[..2]));
    assert_eq!(digest(&server), expected);
    server.connect().call(&["SET", "behind", "it"]);
    let expected = digest(&server);
    kill(server);
    assert_eq!(digest(&Server::larder(&options(folder.path(), &slow[..2]))), expected);
}

/// XPENDING says for how long each entry was not delivered: time goes on.
fn without_idle_times(reply: &Value) -> Value {
    match reply {
        Value::Array(items) => match &items[..] {
            [id, consumer, Value::Integer(_), count] => Value::Array(vec![id.clone(), consumer.clone(), count.clone()]),
            items => Value::Array(items.iter().map(without_idle_times).collect()),
        },
        other => other.clone(),
    }
}

/// DEBUG LOADAOF: with an append only file that is on, one that is off, and one that has a base of requests.
#[test]
fn it_can_be_loaded_again() {
    for preamble in ["yes", "no"] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::larder(&options(folder.path(), &["--aof-use-rdb-preamble", preamble]));
        let mut client = server.connect();
        fill(&mut client);
        fill_large(&mut client);
        let (expected, expected_pending) = (digest(&server), pending(&mut client));
        let load = |client: &mut Connection| assert_eq!(client.call(&["DEBUG", "LOADAOF"]), Value::Simple("OK".into()));
        load(&mut client);
        assert_eq!(digest(&server), expected);
        rewrite(&mut client);
        load(&mut client);
        assert_eq!(digest(&server), expected);
        for (now, expected) in pending(&mut client).iter().zip(&expected_pending) {
            assert_eq!(without_idle_times(now), without_idle_times(expected));
        }
        client.config_set("appendonly", "no");
        wait_until("it is off", || client.info("aof_enabled") == 0);
        client.call(&["SET", "not", "there"]);
        load(&mut client);
        assert_eq!(digest(&server), expected, "what was written since is not in it");
        client.call(&["SET", "there", "now"]);
        let expected = digest(&server);
        rewrite(&mut client);
        load(&mut client);
        assert_eq!(digest(&server), expected, "it is rewritten though it is off");
        let text = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.manifest")).expect("it is there");
        let format = if preamble == "yes" { "rdb" } else { "aof" };
        assert_eq!(text, format!("file appendonly.aof.3.base.{format} seq 3 type b\n"));
    }
}

/// `WAITAOF`: a number is one of disks.
#[test]
fn waitaof_waits_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    let counts = |local, others| Value::Array(vec![Value::Integer(local), Value::Integer(others)]);
    assert_eq!(client.call(&["WAITAOF", "0", "0", "0"]), counts(1, 0), "it has written nothing");
    client.call(&["SET", "a", "1"]);
    assert_eq!(client.call(&["WAITAOF", "1", "0", "0"]), counts(1, 0));
    // Sent with what it waits for, and behind something else.
    let requests = [vec!["SET", "a", "2"], vec!["WAITAOF", "1", "0", "0"], vec!["GET", "a"]];
    client.send_all(requests.into_iter());
    assert_eq!([client.receive(), client.receive(), client.receive()], [Value::Simple("OK".into()), counts(1, 0), Value::Bulk("2".into())]);
    assert_eq!(client.call(&["WAITAOF", "1", "1", "10"]), counts(1, 0), "there is no replica, ever");
    client.call(&["MULTI"]);
    client.call(&["SET", "a", "3"]);
    client.call(&["WAITAOF", "1", "1", "0"]);
    let Value::Array(replies) = client.call(&["EXEC"]) else { panic!("it was run") };
    assert!(replies[1] == counts(1, 0), "nothing waits within a transaction, whose own writes come at its end: {replies:?}");
    for (request, error) in [
        (["WAITAOF", "2", "0", "0"], "ERR value is out of range, value must between 0 and 1"),
        (["WAITAOF", "x", "0", "0"], "ERR value is not an integer or out of range"),
        (["WAITAOF", "0", "x", "0"], "ERR value is out of range, must be positive"),
        (["WAITAOF", "0", "-1", "0"], "ERR value is out of range, must be positive"),
        (["WAITAOF", "0", "0", "-1"], "ERR timeout is negative"),
        (["WAITAOF", "0", "0", "x"], "ERR timeout is not an integer or out of range"),
    ] {
        assert_eq!(client.call(&request).as_error(), Some(error.as_bytes()));
    }
    client.config_set("appendfsync", "no");
    client.call(&["SET", "a", "4"]);
    assert_eq!(client.call(&["WAITAOF", "1", "0", "10"]), counts(0, 0), "nobody flushes it");
    let mut other = server.connect();
    client.send(&["WAITAOF", "1", "0", "0"]);
    wait_until("it waits", || other.info("blocked_clients") == 1);
    other.config_set("appendonly", "no");
    let told = client.receive();
    assert_eq!(told.as_error(), Some(b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.".as_slice()));
    assert_eq!(client.call(&["WAITAOF", "0", "0", "0"]), counts(0, 0));
}

/// Rewrites without anything written in between, and what became history, which stays as long as the options want it.
#[test]
fn history_is_kept_if_the_options_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, mut client) = filled(folder.path());
    let expected = digest(&server);
    client.config_set("aof-disable-auto-gc", "yes");
    rewrite(&mut client);
    rewrite(&mut client);
    let manifest = || fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.manifest")).expect("it is there");
    let lines = |lines: &[(&str, u32, char)]| {
        let line = |(kind, number, letter): &(&str, u32, char)| format!("file appendonly.aof.{number}.{kind} seq {number} type {letter}\n");
        lines.iter().map(line).collect::<String>()
    };
    let history = [("incr.aof", 2, 'h'), ("base.rdb", 2, 'h'), ("incr.aof", 1, 'h'), ("base.rdb", 1, 'h')];
    assert_eq!(manifest(), lines(&[&[("base.rdb", 3, 'b')][..], &history, &[("incr.aof", 3, 'i')]].concat()));
    client.config_set("aof-disable-auto-gc", "no");
    assert_eq!(manifest(), lines(&[("base.rdb", 3, 'b'), ("incr.aof", 3, 'i')]));
    assert_eq!(fs::read_dir(folder.path().join("appendonlydir")).expect("it is there").count(), 4, "both, the manifest and the lock");
    kill(server);
    assert_eq!(digest(&Server::larder(&options(folder.path(), &[]))), expected);
}

/// What was allowed when it was written is loaded, also where the longest string is shorter by now.
#[test]
fn long_values_are_loaded_whatever_may_be_written_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = ["--aof-use-rdb-preamble", "no", "--proto-max-bulk-len", "8mb"];
    let server = Server::larder(&options(folder.path(), &more));
    let mut client = server.connect();
    let value = "v".repeat(900_000);
    client.call(&["SET", "set", &value.repeat(5)]);
    client.call(&["APPEND", "appended", &value]);
    client.call(&["APPEND", "appended", &value]);
    client.call(&["SETRANGE", "range", "3000000", "x"]);
    let expected = digest(&server);
    kill(server);
    let server = Server::larder(&options(folder.path(), &[more[0], more[1], "--proto-max-bulk-len", "1mb"]));
    assert_eq!(digest(&server), expected);
    let mut client = server.connect();
    assert!(
        matches!(client.call(&["APPEND", "appended", "x"]), Value::Error(error) if String::from_utf8_lossy(&error).contains("maximum allowed size"))
    );
    for how in ["LOADAOF", "RELOAD"] {
        assert_eq!(client.call(&["DEBUG", how]), Value::Simple("OK".into()));
        assert_eq!(digest(&server), expected, "{how}");
    }
}

/// Whoever loads waits for those who do so already, and has all that was acknowledged before.
#[test]
fn who_loads_at_once_and_who_writes_meanwhile_lose_nothing() {
    const KEYS: i64 = 3000;
    const LOADS: usize = 6;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &["--appendfsync", "always"]));
    let mut client = server.connect();
    (0..KEYS).for_each(|number| _ = client.call(&["SET", &format!("key:{number}"), "value"]));
    let must_end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = End(&must_end);
        let writers: Vec<_> = (0..2)
            .map(|number| {
                let (mut client, must_end) = (server.connect(), &must_end);
                scope.spawn(move || {
                    let (name, mut count) = (format!("counter:{number}"), 0);
                    while !must_end.load(Ordering::Acquire) {
                        match client.call(&["INCR", &name]) {
                            Value::Integer(now) => {
                                assert_eq!(now, count + 1);
                                count = now;
                            }
                            other => assert!(matches!(&other, Value::Error(error) if error.starts_with(b"LOADING")), "{other:?}"),
                        }
                    }
                    (name, count)
                })
            })
            .collect();
        let loaders: Vec<_> = ["RELOAD", "LOADAOF", "RELOAD"]
            .map(|how| {
                let mut client = server.connect();
                scope.spawn(move || (0..LOADS).for_each(|_| assert_eq!(client.call(&["DEBUG", how]), Value::Simple("OK".into()), "{how}")))
            })
            .into_iter()
            .collect();
        loaders.into_iter().for_each(|loader| loader.join().expect("it has loaded"));
        must_end.store(true, Ordering::Release);
        for writer in writers {
            let (name, count) = writer.join().expect("it has counted");
            assert_eq!(client.call(&["GET", &name]), Value::Bulk(count.to_string().into()));
        }
    });
    assert_eq!(client.call(&["DBSIZE"]), Value::Integer(KEYS + 2));
}
