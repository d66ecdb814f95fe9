//! Snapshots on disk: what was saved is there after a restart, here and in a real Valkey; what goes wrong is told and mends itself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::snapshot;
use crate::support::{Connection, Server, free_port, run_to_end, wait_until};

const WRITERS: u64 = 3;
const ROUNDS: usize = if cfg!(debug_assertions) { 3 } else { 12 };

fn text(value: &Value) -> String {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Error(text) | Value::Verbatim { text, .. } => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn line(client: &mut Connection, words: &str) -> String {
    text(&client.call(&words.split(' ').collect::<Vec<_>>()))
}

pub(crate) fn call(client: &mut Connection, words: &str) -> Value {
    let reply = client.call(&words.split(' ').collect::<Vec<_>>());
    assert!(!matches!(reply, Value::Error(_)), "{words}: {reply:?}");
    reply
}

pub(crate) fn digest(client: &mut Connection) -> String {
    line(client, "DEBUG DIGEST")
}

fn info(client: &mut Connection, field: &str) -> String {
    let info = line(client, "INFO persistence");
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap_or_else(|| panic!("INFO has no {field}"));
    value.trim().to_owned()
}

fn wait_for_info(client: &mut Connection, field: &str, value: &str) {
    wait_until(&format!("{field} is {value}"), || info(client, field) == value);
}

/// A server whose data is in this folder, and is loaded. `options` go last.
pub(crate) fn server(dir: &Path, options: &[&str]) -> Server {
    let server = loading(dir, options);
    wait_for_info(&mut server.connect(), "loading", "0");
    server
}

/// As [`server`], whose data may still be on its way.
fn loading(dir: &Path, options: &[&str]) -> Server {
    Server::larder(&[&["--dir", &dir.display().to_string(), "--enable-debug-command", "yes", "--logfile", "log"], options].concat())
}

fn valkey(test: &str, dir: &Path) -> Option<Server> {
    let server = Server::reference(test, &["--dir", &dir.display().to_string(), "--enable-debug-command", "yes"])?;
    wait_for_info(&mut server.connect(), "loading", "0");
    Some(server)
}

/// Values of every type and size. Fields with expiries only if the format has something for them.
pub(crate) fn fill(client: &mut Connection, with_field_expiries: bool) {
    for number in 0..200_i64 {
        let n = number * number * number - 40 * number;
        call(client, &format!("SET text:{number} {}", "v".repeat(number as usize * 3)));
        call(client, &format!("SET number:{number} {}", n * 1_000_003));
        call(client, &format!("HSET hash:{number} a {n} b {}", "w".repeat(number as usize)));
        call(client, &format!("SADD set:{number} {n} member:{n} {}", number % 7));
        call(client, &format!("SADD integers:{number} {n} {} {number}", n * 1_000_000_007));
        call(client, &format!("ZADD zset:{number} {n} one {}.5 two inf three -inf four 1e-300 five", n));
        call(client, &format!("RPUSH list:{number} {n} {} x", "l".repeat(number as usize)));
        for seq in 1..4 {
            call(client, &format!("XADD stream:{number} {}-{seq} field {n} other{seq} value", number + 1));
        }
        if number % 3 == 0 {
            call(client, &format!("EXPIRE text:{number} {}", 100_000 + number));
            call(client, &format!("XGROUP CREATE stream:{number} group 0"));
            call(client, &format!("XREADGROUP GROUP group one COUNT 2 STREAMS stream:{number} >"));
            call(client, &format!("XREADGROUP GROUP group two STREAMS stream:{number} >"));
            call(client, &format!("XACK stream:{number} group {}-1", number + 1));
            call(client, &format!("XDEL stream:{number} {}-3", number + 1));
        }
    }
    call(client, "SELECT 5");
    client.call(&["SET", "", ""]);
    client.call(&["SET", "\0\r\n binary \u{ff}", "\0\u{1}\u{2}"]);
    client.call(&["SET", "long", &"abc ".repeat(700_000)]);
    call(client, "SETRANGE hole 9000000 end");
    call(client, &format!("RPUSH large:elements {} {} y", "x".repeat(100_000), "z".repeat(9000)));
    for number in 0..3000_u32 {
        call(client, &format!("HSET large:hash field:{number} {number}"));
        call(client, &format!("SADD large:set member:{number}"));
        call(client, &format!("SADD large:integers {}", number * 3));
        call(client, &format!("ZADD large:zset {} member:{number}", f64::from(number) / 7.0));
        call(client, &format!("RPUSH large:list element:{number}"));
        call(client, &format!("XADD large:stream {}-0 number {number}", number + 1));
    }
    call(client, "XGROUP CREATE large:stream group 0");
    call(client, "XREADGROUP GROUP group one COUNT 1000 STREAMS large:stream >");
    call(client, "XREADGROUP GROUP group two COUNT 900 STREAMS large:stream >");
    call(client, "PFADD visitors a b c d");
    if with_field_expiries {
        call(client, "HEXPIRE large:hash 100000 FIELDS 2 field:1 field:2");
        call(client, "HEXPIRE hash:1 100000 FIELDS 1 a");
    }
    call(client, "SELECT 0");
}

/// Everything about a group, whose pending entries DEBUG DIGEST does not look at.
pub(crate) fn groups(client: &mut Connection) -> Vec<Value> {
    call(client, "SELECT 5");
    let replies = ["XINFO GROUPS large:stream", "XPENDING large:stream group - + 3000", "XPENDING large:stream group"]
        .map(|words| call(client, words));
    call(client, "SELECT 0");
    let replies = replies.into_iter().chain(["XPENDING stream:3 group", "XINFO GROUPS stream:3"].map(|words| call(client, words)));
    // How long ago an entry was delivered goes on.
    replies.map(without_times).collect()
}

fn without_times(value: Value) -> Value {
    match value {
        Value::Array(items) if matches!(&items[..], [Value::Bulk(_), Value::Bulk(_), Value::Integer(_), Value::Integer(_)]) => {
            Value::Array(items.into_iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, item)| item).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_times).collect()),
        other => other,
    }
}

#[test]
fn what_is_saved_loads_here_and_in_valkey_and_back() {
    // Each target, whether it knows expiries of fields, and whether it may be loaded by Valkey, which refuses Redis' later versions.
    for (format, knows_expiries, is_valkeys) in
        [("auto", true, true), ("redis10", false, true), ("redis11", false, true), ("redis12", true, false), ("valkey80", true, true)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ["--rdb-format", format, "--databases", "16"];
        let larder = server(folder.path(), &options);
        let mut client = larder.connect();
        fill(&mut client, knows_expiries);
        let (before, pending) = (digest(&mut client), groups(&mut client));
        assert_eq!(line(&mut client, "DEBUG RELOAD"), "OK");
        assert_eq!((digest(&mut client), groups(&mut client)), (before.clone(), pending.clone()), "{format}");
        assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
        drop(larder);
        let larder = server(folder.path(), &options);
        assert_eq!((digest(&mut larder.connect()), groups(&mut larder.connect())), (before.clone(), pending.clone()), "{format}");
        if !is_valkeys {
            continue;
        }
        let Some(valkey) = valkey("what_is_saved_loads_here_and_in_valkey_and_back", folder.path()) else { return };
        let mut client = valkey.connect();
        assert_eq!((digest(&mut client), groups(&mut client)), (before.clone(), pending.clone()), "{format}");
        call(&mut client, "SAVE");
        let larder = server(folder.path(), &options);
        assert_eq!((digest(&mut larder.connect()), groups(&mut larder.connect())), (before, pending), "{format}, from Valkey");
    }
}

#[test]
fn a_version_without_something_for_a_value_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &["--rdb-format", "redis11"]);
    let mut client = larder.connect();
    call(&mut client, "HSET hash field value");
    call(&mut client, "HEXPIRE hash 1000 FIELDS 1 field");
    assert_eq!(line(&mut client, "SAVE"), "ERR");
    let log = std::fs::read_to_string(folder.path().join("log")).expect("its log");
    assert!(log.contains("a hash with expiries of fields cannot be written in version 11 of the format"), "{log}");
    client.config_set("rdb-format", "auto");
    assert_eq!(line(&mut client, "SAVE"), "OK");
}

#[test]
fn what_changes_after_the_answer_is_not_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &[]);
    let mut client = larder.connect();
    // Where the answer comes too early it is a matter of moments which of the two is first.
    for _ in 0..30 {
        call(&mut client, "SET mark there");
        call(&mut client, "BGSAVE");
        call(&mut client, "DEL mark");
        wait_until("it is saved", || info(&mut client, "rdb_bgsave_in_progress") == "0");
        call(&mut client, "DEBUG RELOAD NOSAVE");
        assert_eq!(line(&mut client, "GET mark"), "there");
    }
}

#[test]
fn a_save_is_the_data_at_its_beginning_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &["--io-threads", "2", "--list-max-listpack-size", "20", "--hash-max-listpack-entries", "4"]);
    let mut client = larder.connect();
    let mut seed = 1;
    for _ in 0..ROUNDS {
        call(&mut client, "FLUSHALL");
        snapshot::fill(&mut client);
        let mut before = digest(&mut client);
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Once it has answered everything may change.
            call(&mut client, "BGSAVE");
            for _ in 0..WRITERS {
                seed += 1;
                let (larder, is_done) = (&larder, &is_done);
                scope.spawn(move || {
                    let (mut rng, mut writer) = (Rng::new(seed), larder.connect());
                    while !is_done.load(Ordering::Relaxed) {
                        writer.send_all((0..16).map(|_| snapshot::request(&mut rng)));
                        (0..16).for_each(|_| drop(writer.receive()));
                    }
                });
            }
            wait_for_info(&mut client, "rdb_bgsave_in_progress", "0");
            is_done.store(true, Ordering::Relaxed);
        });
        assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
        let loaded = server(folder.path(), &[]);
        // Limits of this one are others, which the digest does not see.
        assert_eq!(digest(&mut loaded.connect()), std::mem::take(&mut before));
    }
}

#[test]
fn what_was_acknowledged_before_the_end_is_there_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut expected = vec![0_u64; WRITERS as usize];
    for round in 0..ROUNDS {
        let mut larder = server(folder.path(), &["--save", "3600", "1", "--io-threads", "2"]);
        let mut client = larder.connect();
        for (number, expected) in expected.iter().enumerate() {
            let found: u64 = match client.call(&["GET", &format!("counter:{number}")]) {
                Value::Bulk(text) => String::from_utf8_lossy(&text).parse().expect("a number"),
                _ => 0,
            };
            assert!(found >= *expected && found <= *expected + 1, "{found} of {expected}, in round {round}");
        }
        call(&mut client, "DEBUG POPULATE 20000 filler 100");
        let acknowledged: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            for (number, acknowledged) in acknowledged.iter().enumerate() {
                let stream = larder.connect_raw();
                scope.spawn(move || {
                    use std::io::{Read, Write};
                    let (mut stream, mut answer) = (stream, [0; 64]);
                    let request = format!("INCR counter:{number}\r\n");
                    loop {
                        let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.read(&mut answer));
                        let Ok(len @ 1..) = sent else { return };
                        let value = String::from_utf8_lossy(&answer[1..len]).trim().parse().expect("a number");
                        acknowledged.store(value, Ordering::Relaxed);
                    }
                });
            }
            wait_until("all write", || acknowledged.iter().all(|count| count.load(Ordering::Relaxed) > 100));
            if round % 2 == 0 {
                larder.terminate();
            } else {
                client.send(&["SHUTDOWN"]);
            }
            assert!(larder.wait().success());
        });
        expected = acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    }
}

#[test]
fn a_kill_while_it_saves_leaves_the_old_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut larder = server(folder.path(), &[]);
    let mut client = larder.connect();
    call(&mut client, "DEBUG POPULATE 1000");
    call(&mut client, "SAVE");
    let before = digest(&mut client);
    client.config_set("rdb-key-save-delay", "1000");
    call(&mut client, "DEBUG POPULATE 2000 other");
    call(&mut client, "BGSAVE");
    wait_until("some keys are written", || info(&mut client, "current_save_keys_processed").parse::<u64>().is_ok_and(|keys| keys > 10));
    larder.signal(rustix::process::Signal::KILL);
    larder.wait();
    let again = server(folder.path(), &[]);
    assert_eq!(digest(&mut again.connect()), before);
}

#[test]
fn saves_are_asked_for_ended_and_told_of_as_in_valkey() {
    let steps = |client: &mut Connection| -> Vec<String> {
        let mut seen = Vec::new();
        let mut note = |client: &mut Connection, words: &str| seen.push(format!("{words}: {}", line(client, words)));
        note(client, "BGSAVE CANCEL");
        note(client, "BGSAVE LATER");
        note(client, "BGSAVE SCHEDULE NOW");
        (0..100).for_each(|number| _ = call(client, &format!("SET key:{number} value")));
        client.config_set("rdb-key-save-delay", "100000");
        note(client, "BGSAVE");
        note(client, "BGSAVE");
        note(client, "BGSAVE SCHEDULE");
        note(client, "SAVE");
        wait_for_info(client, "rdb_bgsave_in_progress", "1");
        note(client, "BGSAVE CANCEL");
        wait_for_info(client, "rdb_bgsave_in_progress", "0");
        seen.push(format!("{} {}", info(client, "rdb_last_bgsave_status"), info(client, "rdb_changes_since_last_save")));
        client.config_set("rdb-key-save-delay", "0");
        call(client, "MULTI");
        call(client, "BGSAVE");
        seen.push(format!("{:?}", client.call(&["SAVE"])));
        seen.push(format!("{:?}", client.call(&["EXEC"])));
        call(client, "MULTI");
        call(client, "BGSAVE");
        seen.push(format!("{:?}", call(client, "EXEC")));
        wait_until("the save that was scheduled is done", || info(client, "rdb_changes_since_last_save") == "0");
        call(client, "SET key value");
        seen.push(info(client, "rdb_changes_since_last_save"));
        seen.push(format!("SAVE: {}", line(client, "SAVE")));
        seen.push(info(client, "rdb_changes_since_last_save"));
        let last: u64 = info(client, "rdb_last_save_time").parse().expect("a time");
        assert_eq!(call(client, "LASTSAVE"), Value::Integer(last as i64));
        for words in ["DEBUG RELOAD NOW", "DEBUG RELOAD MERGE NOFLUSH", "DEBUG RELOAD NOSAVE"] {
            seen.push(format!("{words}: {}", line(client, words)));
        }
        seen
    };
    let Some(valkey) = Server::reference("saves_are_asked_for_ended_and_told_of_as_in_valkey", &["--enable-debug-command", "yes"]) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &[]);
    assert_eq!(steps(&mut larder.connect()), steps(&mut valkey.connect()));
}

#[test]
fn writes_are_refused_while_they_cannot_be_saved_and_taken_again_when_they_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    std::fs::create_dir(&dir).expect("a folder in it");
    let larder = Server::larder(&["--dir", &dir.display().to_string(), "--save", "3600", "100000"]);
    let mut client = larder.connect();
    call(&mut client, "SET key value");
    std::fs::remove_dir(&dir).expect("nothing was saved yet");
    assert_eq!(line(&mut client, "SAVE"), "ERR");
    call(&mut client, "SET key value");
    call(&mut client, "BGSAVE");
    wait_for_info(&mut client, "rdb_last_bgsave_status", "err");
    for words in ["SET key other", "PING", "DEL key"] {
        let refused = line(&mut client, words);
        assert!(
            refused.starts_with("MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk."),
            "{refused}"
        );
    }
    assert_eq!(line(&mut client, "GET key"), "value");
    // Nor does the node end and lose it.
    assert_eq!(line(&mut client, "SHUTDOWN"), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(line(&mut client, "GET key"), "value");
    client.config_set("stop-writes-on-bgsave-error", "no");
    call(&mut client, "SET key 1");
    client.config_set("stop-writes-on-bgsave-error", "yes");
    std::fs::create_dir(&dir).expect("the folder is back");
    // A save point becomes due.
    client.config_set("save", "1 1");
    wait_for_info(&mut client, "rdb_last_bgsave_status", "ok");
    call(&mut client, "SET key 2");
}

#[test]
fn while_data_is_loaded_nobody_sees_a_part_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &["--rdbcompression", "no"]);
    let mut client = larder.connect();
    call(&mut client, "DEBUG POPULATE 2000 key 100");
    call(&mut client, "SAVE");
    let before = digest(&mut client);
    drop(larder);
    let larder = loading(folder.path(), &["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"]);
    let mut client = larder.connect();
    assert_eq!(info(&mut client, "loading"), "1");
    let total: u64 = info(&mut client, "loading_total_bytes").parse().expect("a number");
    assert!(total > 200_000, "{total}");
    for words in ["GET key:1", "DBSIZE", "PING", "SAVE", "EVAL x 0", "FLUSHALL"] {
        let refused = line(&mut client, words);
        assert!(refused == "LOADING Valkey is loading the dataset in memory" || words == "EVAL x 0", "{words}: {refused}");
    }
    // What is asked of the node itself is answered.
    call(&mut client, "CONFIG GET dir");
    call(&mut client, "CONFIG SET key-load-delay 0");
    wait_for_info(&mut client, "loading", "0");
    assert_eq!((digest(&mut client), info(&mut client, "rdb_last_load_keys_loaded").as_str()), (before, "2000"));
}

#[test]
fn a_node_that_ends_while_it_loads_keeps_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &[]);
    let mut client = larder.connect();
    call(&mut client, "DEBUG POPULATE 2000 key 100");
    call(&mut client, "SAVE");
    let before = digest(&mut client);
    drop(larder);
    let mut larder =
        loading(folder.path(), &["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024", "--save", "3600", "1"]);
    larder.terminate();
    assert!(larder.wait().success());
    assert_eq!(digest(&mut server(folder.path(), &[]).connect()), before);
}

#[test]
fn a_file_that_cannot_be_loaded_ends_the_start_with_its_offset() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &[]);
    let mut client = larder.connect();
    call(&mut client, "SET key value");
    call(&mut client, "SAVE");
    drop(larder);
    let path = folder.path().join("dump.rdb");
    let good = std::fs::read(&path).expect("it was saved");
    let mut changed = good.clone();
    *changed.last_mut().expect("it is long") ^= 1;
    let at_value = good.windows(5).position(|part| part == b"value").expect("it is there");
    let mut unknown = good.clone();
    unknown[at_value - 6] = 99;
    let mut version = good.clone();
    version[5..9].copy_from_slice(b"0099");
    let cases: [(&[u8], &str); 6] = [
        (&changed, "RDB CRC error"),
        (&good[..good.len() - 20], "it ends early"),
        (&unknown, "Can't handle foreign type or opcode 99 in RDB with version 10"),
        (&version, "Can't handle RDB format version 99"),
        (b"no snapshot at all", "it does not begin as a snapshot does"),
        (b"", "it ends early"),
    ];
    for (content, reason) in cases {
        std::fs::write(&path, content).expect("a file");
        let port = free_port().to_string();
        let ended = run_to_end(&["--port", &port, "--bind", "127.0.0.1"], "", folder.path());
        let log = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(log.contains(reason) && log.contains("dump.rdb") && log.contains("Fatal error loading the DB"), "{reason}: {log}");
        assert_eq!(ended.status.code(), Some(1));
        assert_eq!(std::fs::read(&path).expect("it is there"), content, "the file stays as it was");
    }
}

#[test]
fn the_client_looks_at_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let larder = server(folder.path(), &[]);
    let mut client = larder.connect();
    for words in [
        "SET text value",
        "SET expiring 1 PXAT 4102444800000",
        "RPUSH list a 2",
        "ZADD zset 1.5 member inf other",
        "HSET hash field value",
        "XADD stream 1-1 field value",
    ] {
        call(&mut client, words);
    }
    client.call(&[&b"SADD"[..], b"set", b"\xff\x00"]);
    call(&mut client, "SAVE");
    let path = folder.path().join("dump.rdb");
    let look = |wish: &str| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_larder-cli")).args(["rdb", wish]).arg(&path).output().expect("the client runs");
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.code(), texts)
    };
    let (status, [check, _]) = look("check");
    assert!(status == Some(0) && check.contains("7 keys: it can be loaded"), "{check}");
    let (_, [info, _]) = look("info");
    for line in ["version: 11", "db0: 7 keys, 1 expire, 0 have expired", "zset: 1 keys, 2 elements, ", "larder-ver: "] {
        assert!(info.contains(line), "{line}: {info}");
    }
    let (_, [export, _]) = look("export");
    let mut lines: Vec<&str> = export.lines().collect();
    lines.sort_unstable();
    let expected = [
        r#"{"db":0,"expiry_ms":4102444800000,"key":"expiring","type":"string","value":"1"}"#,
        r#"{"db":0,"expiry_ms":null,"key":"hash","type":"hash","value":[["field","value"]]}"#,
        r#"{"db":0,"expiry_ms":null,"key":"list","type":"list","value":["a","2"]}"#,
        r#"{"db":0,"expiry_ms":null,"key":"set","type":"set","value":[{"hex":"ff00"}]}"#,
        r#"{"db":0,"expiry_ms":null,"key":"stream","type":"stream","value":[{"fields":["field","value"],"id":"1-1"}]}"#,
        r#"{"db":0,"expiry_ms":null,"key":"text","type":"string","value":"value"}"#,
        r#"{"db":0,"expiry_ms":null,"key":"zset","type":"zset","value":[["member",1.5],["other","inf"]]}"#,
    ];
    assert_eq!(lines, expected);
    let good = std::fs::read(&path).expect("it was saved");
    std::fs::write(&path, &good[..good.len() / 2]).expect("a file");
    let (status, [_, error]) = look("check");
    assert!(status == Some(1) && error.contains("at offset") && error.contains("it ends early"), "{error}");
}
