//! The files of the append only file: what is broken is named or mended, with a server and without, and a folder belongs to one server.

use std::fs;
use std::io::Write;
use std::path::Path;

use larder::persist::aof::header::HEADER_LEN;
use larder_proto::resp::Value;

use super::append_only::{digest, fill, kill, options, rewrite};
use super::support::{Connection, Server, request, run_to_end, wait_until};

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
    // But for its header: with a start begins another history, which this part is of from then on.
    assert_eq!([&after[HEADER_LEN..], &fs::read(kept).expect("what was cut off")].concat(), &before[HEADER_LEN..]);
    // What comes then is read with what was there.
    client.call(&["SET", "b", "4"]);
    kill(server);
    let server = Server::larder(&options(folder.path(), &[]));
    assert_eq!(server.connect().call(&["MGET", "a", "b"]), Value::Array(vec![Value::Bulk("1".into()), Value::Bulk("4".into())]));
}

/// Somebody lost it, or copied the folder without it.
#[test]
fn parts_without_a_manifest_are_kept() {
    let (folder, part) = folder_with(|_| ());
    let before = fs::read(&part).expect("the part");
    let manifest = part.with_file_name("appendonly.aof.manifest");
    let text = fs::read(&manifest).expect("the manifest");
    fs::remove_file(&manifest).expect("the manifest");
    let server = Server::larder(&options(folder.path(), &[]));
    assert_eq!(server.connect().call(&["SET", "new", "1"]), Value::Simple("OK".into()));
    kill(server);
    for name in ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"] {
        let kept = part.with_file_name(format!("{name}.unlisted-1"));
        fs::rename(kept, part.with_file_name(name)).expect("it was kept, and is put back");
    }
    assert_eq!(fs::read(&part).expect("the part"), before);
    fs::write(&manifest, text).expect("the manifest");
    let server = Server::larder(&options(folder.path(), &[]));
    assert_eq!(server.connect().call(&["MGET", "a", "c"]), Value::Array(vec![Value::Bulk("1".into()), Value::Bulk("3".into())]));
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
    let (folder, _) = folder_with(|bytes| bytes[HEADER_LEN] = b'x');
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

/// What is wrong is found out while clients are let in, and ends the node as well.
#[test]
fn what_is_broken_ends_a_node_that_lets_clients_in() {
    let (folder, _) = folder_with(|bytes| {
        let at = bytes.len() - 10;
        bytes.splice(at..at, b"!!!".iter().copied());
        bytes.splice(HEADER_LEN..HEADER_LEN, request(&["SET", "long", &"x".repeat(3000)]));
    });
    let options = options(folder.path(), &["--loading-process-events-interval-bytes", "1024", "--port", "0", "--unixsocket", "here"]);
    let ended = run_to_end(&options, "", folder.path());
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("Bad file format reading the append only file appendonly.aof.1.incr.aof at offset "), "{told}");
}

/// Times are written beside the log: whoever goes on behind them knows the offset all the same, and Valkey passes over them.
#[test]
fn times_are_noted_and_are_no_part_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), &["--aof-timestamp-enabled", "yes", "--aof-use-rdb-preamble", "no"]);
    let part = |name: &str| fs::read(folder.path().join("appendonlydir").join(name)).expect("the part");
    let times = |bytes: &[u8]| bytes.windows(4).filter(|word| word == b"#TS:").count();
    let mut server = Server::larder(&options);
    fill(&mut server.connect());
    assert!(part("appendonly.aof.1.base.aof").starts_with(b"#TS:") && times(&part("appendonly.aof.1.incr.aof")) > 0);
    for round in ["1", "2"] {
        let expected = digest(&server);
        kill(server);
        server = Server::larder(&options);
        assert_eq!(digest(&server), expected);
        server.connect().call(&["SET", "round", round]);
    }
    let mut client = server.connect();
    rewrite(&mut client);
    client.call(&["SET", "behind", "it"]);
    let expected = digest(&server);
    kill(server);
    let server = Server::larder(&options);
    assert_eq!(digest(&server), expected);
    let (log_len, file_len) = (server.connect().info("aof_current_size"), part("appendonly.aof.2.incr.aof").len() as u64);
    assert!(log_len > file_len, "{log_len} and {file_len}: a base and a part");
    kill(server);
    let Some(valkey) = Server::reference("times_are_noted_and_are_no_part_of_the_log", &options) else { return };
    assert_eq!(digest(&valkey), expected);
}

/// One folder, one server; and what is no folder, or none that can be used, is said in one line.
#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let told = |folder: &Path, more: &[&str]| {
        let ended = run_to_end(&[&options(folder, more)[..], &["--port", "0", "--unixsocket", "here"]].concat(), "", folder);
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &[]));
    let text = told(folder.path(), &[]);
    assert_eq!(
        text,
        "the append only file appendonly.aof in appendonlydir belongs to another server that runs: appendonlydir/appendonly.aof.lock is locked\n"
    );
    // As in Valkey, several share a folder if their files have other names.
    let other = Server::larder(&options(folder.path(), &["--appendfilename", "other.aof"]));
    assert_eq!(other.connect().call(&["SET", "a", "1"]), Value::Simple("OK".into()));
    kill(server);
    let again = Server::larder(&options(folder.path(), &[]));
    assert_eq!(again.connect().call(&["GET", "a"]), Value::Null);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("appendonlydir"), "a file").expect("a file");
    assert_eq!(told(folder.path(), &[]), "Can't open or create append-only dir appendonlydir: File exists\n");
    let (folder, part) = folder_with(|_| ());
    fs::remove_file(&part).expect("the part");
    let expected = "Fatal error: can't open the append log file appendonly.aof.1.incr.aof for reading: No such file or directory\n";
    assert_eq!(told(folder.path(), &[]), expected);
}

/// `larder-cli aof`, with this on its standard input. Returns whether it went well, and what it said.
fn check(args: &[&str], path: &Path, input: &str) -> (bool, String) {
    let mut client = std::process::Command::new(env!("CARGO_BIN_EXE_larder-cli"))
        .arg("aof")
        .args(args)
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the client runs");
    // It may end without having read it.
    let _ = client.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = client.wait_with_output().expect("it ends");
    (output.status.success(), [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

#[test]
fn files_are_checked_and_mended_without_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    fill(&mut client);
    rewrite(&mut client);
    for request in [&["SET", "a", "1"][..], &["MULTI"], &["SET", "b", "2"], &["SET", "c", "3"], &["EXEC"]] {
        client.call(request);
    }
    let expected = digest(&server);
    let manifest = folder.path().join("appendonlydir/appendonly.aof.manifest");
    let part = manifest.with_file_name("appendonly.aof.2.incr.aof");
    let (is_ok, told) = check(&["fix"], &manifest, "y\n");
    assert!(!is_ok && told.contains("a server writes to these files"), "{told}");
    kill(server);
    let (is_ok, told) = check(&["check"], &manifest, "");
    assert!(is_ok, "{told}");
    for text in [
        "Start checking Multi Part AOF\nStart to check BASE AOF (RDB format).\nRDB preamble is OK, proceeding with AOF tail...\n",
        "BASE AOF appendonly.aof.2.base.rdb is valid\nStart to check INCR files.\nAOF analyzed: filename=appendonly.aof.2.incr.aof, ",
        ", diff=0\nINCR AOF appendonly.aof.2.incr.aof is valid\nAll AOF files and manifest are valid\n",
    ] {
        assert!(told.contains(text), "{told}");
    }
    // Within a transaction: it goes as a whole, after somebody was asked.
    let bytes = fs::read(&part).expect("the part");
    let whole = bytes.windows(7).position(|word| word == b"*1\r\n$5\r").expect("MULTI is there");
    fs::write(&part, &bytes[..bytes.len() - 3]).expect("a file");
    let (is_ok, told) = check(&["check"], &manifest, "");
    assert!(!is_ok && told.contains(&format!("ok_up_to={whole}")) && told.contains("is not valid. Use the --fix option"), "{told}");
    let (is_ok, told) = check(&["check", "--fix"], &manifest, "n\n");
    assert!(!is_ok && told.contains("Continue? [y/N]: ") && told.contains("Aborting..."), "{told}");
    let (is_ok, told) = check(&["check", "--fix", "--yes"], &part, "");
    assert!(is_ok && told.contains("Successfully truncated AOF"), "{told}");
    let kept = fs::read(part.with_file_name(format!("appendonly.aof.2.incr.aof.cut-at-{whole}"))).expect("what was cut off");
    assert_eq!([fs::read(&part).expect("the part"), kept].concat(), bytes[..bytes.len() - 3]);
    let server = Server::larder(&options(folder.path(), &["--aof-load-truncated", "no"]));
    assert_eq!(server.connect().call(&["MGET", "a", "b"]), Value::Array(vec![Value::Bulk("1".into()), Value::Null]));
    kill(server);
    fs::write(&part, &bytes).expect("a file");
    assert_eq!(digest(&Server::larder(&options(folder.path(), &[]))), expected);
    // Something wrong in the middle, and in the base: no file but the last is cut off.
    let base = part.with_file_name("appendonly.aof.2.base.rdb");
    let mut bytes = fs::read(&base).expect("the base");
    bytes[50] ^= 1;
    fs::write(&base, bytes).expect("a file");
    let (is_ok, told) = check(&["fix", "--yes"], &manifest, "");
    assert!(!is_ok && told.contains("RDB preamble of AOF file is not sane, aborting."), "{told}");
    let (is_ok, told) = check(&["check"], &manifest.with_file_name("nothing"), "");
    assert!(!is_ok && told.contains("nothing: No such file or directory"), "{told}");
}

#[test]
fn what_was_written_after_a_time_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("old.aof");
    let set = |key: &str| request(&["SET", key, "1"]);
    let parts = [b"#TS:10\r\n".to_vec(), set("a"), b"#TS:11\r\n#TS:12\r\n".to_vec(), set("b"), b"#TS:13\r\n".to_vec()];
    let all = parts.concat();
    let lengths = [8 + parts[1].len() + 8, all.len() - 8, all.len()];
    for (until, len, text) in
        [("13", lengths[2], "Truncate nothing in AOF"), ("12", lengths[1], "to timestamp 12"), ("11", lengths[0], "to timestamp 11")]
    {
        fs::write(&file, &all).expect("a file");
        let (is_ok, told) = check(&["check", "--truncate-to-timestamp", until], &file, "");
        assert!(is_ok && told.contains(text), "{told}");
        assert_eq!(fs::read(&file).expect("the file"), all[..len], "{until}");
    }
    let (is_ok, told) = check(&["check", "--truncate-to-timestamp", "9"], &file, "");
    assert!(!is_ok && told.contains("has nothing before timestamp 9, aborting..."), "{told}");
}

/// CONFIG SET of `appendonly` says at once if there can be no file, and leaves the options as they were; so does BGREWRITEAOF.
#[test]
fn it_is_not_switched_on_where_it_cannot_be() {
    let taken = tempfile::tempdir().expect("a folder");
    let _owner = Server::larder(&options(taken.path(), &[]));
    let plain = tempfile::tempdir().expect("a folder");
    fs::write(plain.path().join("appendonlydir"), "a file").expect("a file");
    for folder in [&taken, &plain] {
        let options_off =
            ["--dir", folder.path().to_str().expect("a name"), "--appendfsync", "always", "--enable-protected-configs", "yes"];
        let server = Server::larder(&options_off);
        let mut client = server.connect();
        let refused = |reply: Value, text: &str| assert_eq!(reply.as_error(), Some(text.as_bytes()));
        // What was set with it is set back.
        let text = "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.";
        refused(client.call(&["CONFIG", "SET", "appendonly", "yes", "dir", folder.path().to_str().expect("a name")]), text);
        refused(client.call(&["CONFIG", "SET", "maxmemory", "100mb", "appendonly", "yes"]), text);
        for (option, value) in [("appendonly", "no"), ("maxmemory", "0")] {
            let pair = [option, value].map(|text| Value::Bulk(text.to_owned().into()));
            assert_eq!(client.call(&["CONFIG", "GET", option]), Value::Array(pair.to_vec()));
        }
        assert_eq!((client.info("aof_enabled"), client.info("aof_rewrite_in_progress")), (0, 0));
        let text = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
        refused(client.call(&["BGREWRITEAOF"]), text);
        assert_eq!(client.info_text("aof_last_bgrewrite_status"), "err");
        assert_eq!(client.call(&["SET", "a", "1"]), Value::Simple("OK".into()));
        if fs::remove_file(folder.path().join("appendonlydir")).is_ok() {
            client.config_set("appendonly", "yes");
            wait_until("it is on", || client.info("aof_rewrite_in_progress") == 0 && client.info("aof_enabled") == 1);
            kill(server);
            let again = Server::larder(&options(folder.path(), &[]));
            assert_eq!(again.connect().call(&["GET", "a"]), Value::Bulk("1".into()));
        }
    }
}

/// A rewrite that goes on until something else ends it.
fn rewrite_slowly(client: &mut Connection) {
    (0..1000).for_each(|number| _ = client.call(&["SET", &format!("key:{number}"), "1"]));
    client.config_set("rdb-key-save-delay", "1000000");
}

/// What rewrites have not finished.
fn temporaries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("appendonlydir")).expect("it is there");
    let names = names.map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("temp-rewriteaof")).collect()
}

#[test]
fn a_node_does_not_end_before_its_first_file_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut server = Server::larder(&["--dir", folder.path().to_str().expect("a name"), "--logfile", log.to_str().expect("a name")]);
    let mut client = server.connect();
    rewrite_slowly(&mut client);
    client.config_set("appendonly", "yes");
    for more in [&[][..], &["NOSAVE"], &["NOW"], &["SAVE"]] {
        let reply = client.call(&[&["SHUTDOWN"][..], more].concat());
        assert_eq!(reply.as_error(), Some(b"ERR Errors trying to SHUTDOWN. Check logs.".as_slice()));
    }
    server.terminate();
    let refusals = || fs::read_to_string(&log).expect("it is there").matches("Writing initial AOF, can't exit.").count();
    wait_until("it has refused", || refusals() == 5);
    assert_eq!(client.info("aof_rewrite_in_progress"), 1);
    client.send(&["SHUTDOWN", "FORCE"]);
    assert!(server.wait().success());
    assert_eq!(temporaries(folder.path()), [""; 0]);
}

#[test]
fn what_a_rewrite_has_not_finished_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::larder(&options(folder.path(), &[]));
    let mut client = server.connect();
    rewrite_slowly(&mut client);
    client.call(&["BGREWRITEAOF"]);
    wait_until("it is being written", || temporaries(folder.path()).len() == 1);
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(temporaries(folder.path()), [""; 0]);
    // Of a process that is gone, and of one that is not: it may share the folder.
    let names = [server.pid(), std::process::id()].map(|pid| format!("temp-rewriteaof-bg-{pid}.rdb"));
    names.iter().for_each(|name| fs::write(folder.path().join("appendonlydir").join(name), "a part").expect("a file"));
    let again = Server::larder(&options(folder.path(), &[]));
    assert_eq!(temporaries(folder.path()), names[1..]);
    assert_eq!(again.connect().call(&["DBSIZE"]), Value::Integer(1000));
}

#[test]
fn a_rewrite_that_was_cancelled_makes_way_for_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let server = Server::larder(&options(folder.path(), &["--logfile", log.to_str().expect("a name")]));
    let mut client = server.connect();
    rewrite_slowly(&mut client);
    client.call(&["BGREWRITEAOF"]);
    client.config_set("rdb-key-save-delay", "0");
    client.config_set("appendonly", "no");
    assert_eq!(client.call(&["BGREWRITEAOF"]), Value::Simple("Background append only file rewriting started".into()));
    let told = |text: &str| fs::read_to_string(&log).expect("it is there").matches(text).count();
    wait_until("the second has ended", || told("Background AOF rewrite finished successfully") == 1);
    assert_eq!(told("Background AOF rewrite terminated by a request to cancel it"), 1);
}

/// A rewrite writes to the folder that `dir` names now, if it gets that one's lock.
#[test]
fn it_moves_with_the_working_folder() {
    let [first, second, taken] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let owner = Server::larder(&options(taken.path(), &[]));
    assert_eq!(owner.connect().call(&["SET", "a", "of the other"]), Value::Simple("OK".into()));
    let name = |folder: &tempfile::TempDir| folder.path().to_str().expect("a name").to_owned();
    let server = Server::larder(&options(first.path(), &["--appendfsync", "always", "--enable-protected-configs", "yes"]));
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "a", "1"]), Value::Simple("OK".into()));
    client.config_set("dir", &name(&taken));
    let refused = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
    assert_eq!(client.call(&["BGREWRITEAOF"]).as_error(), Some(refused.as_bytes()));
    client.config_set("dir", &name(&second));
    rewrite(&mut client);
    assert_eq!(client.info_text("aof_last_bgrewrite_status"), "ok");
    client.call(&["SET", "b", "2"]);
    // Moved away while it is written to: it is made anew.
    fs::rename(second.path().join("appendonlydir"), second.path().join("away")).expect("it is there");
    rewrite(&mut client);
    assert_eq!(client.info_text("aof_last_bgrewrite_status"), "ok");
    client.call(&["SET", "c", "3"]);
    kill(server);
    kill(owner);
    let found = |folder: &tempfile::TempDir, keys: [&str; 3]| {
        let server = Server::larder(&options(folder.path(), &[]));
        let Value::Array(values) = server.connect().call(&[&["MGET"][..], &keys].concat()) else { panic!("there are values") };
        values
            .iter()
            .map(|value| value.as_bytes().map_or_else(String::new, |text| String::from_utf8_lossy(text).into_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&second, ["a", "b", "c"]), ["1", "2", "3"]);
    assert_eq!(found(&taken, ["a", "b", "c"]), ["of the other", "", ""]);
}
