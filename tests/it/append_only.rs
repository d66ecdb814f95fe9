//! The append only file: what was acknowledged is there after a kill, Valkey's folders load here and ours there, and what is broken is named.
//! (`kills.rs` kills under more load, and more often.)

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_proto::resp::Value;

use super::support::{Connection, Server, request, run_to_end, wait_until};

/// Clients that write.
const CLIENTS: usize = 8;
/// Requests that each has on their way.
const PIPELINE: usize = 8;
/// Acknowledged writes that are some.
const WRITES_MIN: u64 = 2000;

fn options<'a>(folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
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

fn kill(mut server: Server) {
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
        assert_eq!(names.len(), 2, "a manifest, and one part: {names:?}");
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
fn rewrite(client: &mut Connection) {
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
    fill(&mut larder.connect());
    if preamble == "yes" {
        let mut client = larder.connect();
        rewrite(&mut client);
        client.call(&["SET", "behind the base", "1"]);
    }
    let expected = digest(&larder);
    kill(larder);
    let Some(valkey) = Server::reference(name, &options) else { return };
    assert_eq!(digest(&valkey), expected, "ours, read by Valkey");
    let mut client = valkey.connect();
    fill(&mut client);
    if preamble == "yes" {
        client.call(&["BGREWRITEAOF"]);
        wait_until("Valkey has rewritten it", || client.info("aof_rewrite_in_progress") == 0);
    }
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

/// Loading a snapshot is no change, also where changes are logged.
#[test]
fn what_is_loaded_again_changes_nothing_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), &[]);
    let server = Server::larder(&options);
    let mut client = server.connect();
    fill(&mut client);
    let expected = digest(&server);
    assert_eq!(client.call(&["DEBUG", "RELOAD"]), Value::Simple("OK".into()));
    assert_eq!(digest(&server), expected);
    kill(server);
    assert_eq!(digest(&Server::larder(&options)), expected);
}

/// While clients write, and what they were told of is there after a kill.
#[test]
fn it_is_rewritten_and_switched_while_clients_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), &[]);
    let server = Server::larder(&options);
    let mut client = server.connect();
    fill(&mut client);
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
    let again = Server::larder(&options);
    let mut connection = again.connect();
    for (number, acknowledged) in acknowledged.iter().enumerate() {
        let reply = connection.call(&["GET", &format!("key:{number}")]);
        let found: u64 = reply.as_bytes().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).unwrap_or(0);
        let acknowledged = acknowledged.load(Ordering::Acquire);
        assert!(found >= acknowledged, "client {number} was told of {acknowledged}, and {found} is there");
    }
    let text = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.manifest")).expect("it is there");
    // Four rewrites were asked for. One that fails, or that growth began, takes a number as well.
    let is_of = |base: u32| {
        let incr = base + 1;
        text == format!("file appendonly.aof.{base}.base.rdb seq {base} type b\nfile appendonly.aof.{incr}.incr.aof seq {incr} type i\n")
    };
    assert!((4..8).any(is_of), "{text}");
    let files = fs::read_dir(folder.path().join("appendonlydir")).expect("it is there").count();
    assert_eq!(files, 3, "what is history is removed");
}

/// A folder with one part, whose bytes `change` changes. With the part's path.
fn folder_with(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    for request in [&["SET", "a", "1"][..], &["MULTI"], &["SET", "b", "2"], &["SET", "c", "3"], &["EXEC"]] {
        client.call(request);
    }
    kill(server);
    let part = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut bytes = fs::read(&part).expect("the part");
    change(&mut bytes);
    fs::write(&part, &bytes).expect("the part");
    (folder, part)
}

#[test]
fn a_last_record_that_was_cut_short_is_cut_off_and_kept() {
    // Within EXEC: the transaction did not happen.
    let (folder, part) = folder_with(|bytes| bytes.truncate(bytes.len() - 3));
    let before = fs::read(&part).expect("the part");
    let server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    assert_eq!(client.call(&["MGET", "a", "b", "c"]), Value::Array(vec![Value::Bulk("1".into()), Value::Null, Value::Null]));
    let after = fs::read(&part).expect("the part");
    let kept = part.with_file_name(format!("appendonly.aof.1.incr.aof.cut-at-{}", after.len()));
    assert_eq!([after, fs::read(kept).expect("what was cut off")].concat(), before);
    // What comes then is read with what was there.
    client.call(&["SET", "b", "4"]);
    kill(server);
    let server = Server::larder(&options(folder.path(), &[]));
    assert_eq!(server.connect().call(&["MGET", "a", "b"]), Value::Array(vec![Value::Bulk("1".into()), Value::Bulk("4".into())]));
}

#[test]
fn what_is_broken_is_named() {
    let broken = |folder: &Path, more: &[&str]| {
        let ended = run_to_end(&[&options(folder, more)[..], &["--port", "0"]].concat(), "", folder);
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let (folder, _) = folder_with(|bytes| bytes.truncate(bytes.len() - 3));
    let told = broken(folder.path(), &["--aof-load-truncated", "no"]);
    assert!(told.contains("Unexpected end of file reading the append only file appendonly.aof.1.incr.aof"), "{told}");
    // The first record takes 81 bytes.
    let (folder, _) = folder_with(|bytes| bytes[81] = b'x');
    let told = broken(folder.path(), &[]);
    assert!(told.contains("Bad file format reading the append only file appendonly.aof.1.incr.aof at offset "), "{told}");
    let (folder, _) = folder_with(|bytes| {
        let at = bytes.windows(3).position(|word| word == b"SET").expect("it was logged");
        bytes[at..at + 3].copy_from_slice(b"XYZ");
    });
    let told = broken(folder.path(), &[]);
    assert!(told.contains("error: unknown command 'XYZ'"), "{told}");
    let (folder, _) = folder_with(|_| ());
    fs::write(folder.path().join("appendonlydir/appendonly.aof.manifest"), "file a seq 1\n").expect("a file");
    let told = broken(folder.path(), &[]);
    assert!(told.contains("Invalid AOF manifest file format (line 1)"), "{told}");
}

#[test]
fn an_append_only_file_of_old_becomes_the_base() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = [request(&["SELECT", "2"]), b"#TS:1700000000\r\n".to_vec(), request(&["SET", "a", "1"])].concat();
    fs::write(folder.path().join("appendonly.aof"), old).expect("a file");
    let options = options(folder.path(), &[]);
    for _ in 0..2 {
        let server = Server::larder(&options);
        let mut client = server.connect();
        client.call(&["SELECT", "2"]);
        assert_eq!(client.call(&["GET", "a"]), Value::Bulk("1".into()));
        kill(server);
    }
    let manifest = fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.manifest")).expect("it was made");
    assert_eq!(manifest, "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
}
