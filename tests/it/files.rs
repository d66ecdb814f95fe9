//! Files of other servers (tests/data/files, which says how they were made): what they hold is here after they were loaded.

use std::path::{Path, PathBuf};

use larder_proto::resp::Value;

use crate::support::{Connection, Server, wait_until};

const SERVERS: [&str; 4] = ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-9.1"];
/// When what expires in these files does.
const LATER_MS: i64 = 4_102_444_800_000;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/files")
}

/// What Valkey computes of what the file of this name holds.
fn digest_of(name: &str) -> String {
    let digests = std::fs::read_to_string(files().join("digests")).expect("it is there");
    let digest =
        digests.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_else(|| panic!("no digest of {name}"));
    digest.to_owned()
}

fn call(client: &mut Connection, words: &str) -> Value {
    client.call(&words.split(' ').collect::<Vec<_>>())
}

/// A server that has loaded this file.
fn loaded(server: &str, file: &str, options: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(files().join(server).join(file), folder.path().join("dump.rdb")).expect("it can be copied");
    let dir = folder.path().display().to_string();
    let node = Server::larder(&[&["--dir", &dir, "--enable-debug-command", "yes", "--save", ""], options].concat());
    wait_until("it is loaded", || matches!(call(&mut node.connect(), "GET absent"), Value::Null));
    (folder, node)
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.to_owned().into())
}

#[test]
fn values_of_every_type_and_encoding_are_here() {
    for server in SERVERS {
        let (_folder, node) = loaded(server, "dump.rdb", &[]);
        let mut client = node.connect();
        assert_eq!(call(&mut client, "DEBUG DIGEST"), Value::Simple(digest_of("dump.rdb").into()), "{server}");
        assert_eq!(call(&mut client, "PEXPIRETIME expires"), Value::Integer(LATER_MS), "{server}");
        // Redis 7.0 has no expiries of fields.
        let field_expiry = if server == "redis-7.0" { -1 } else { LATER_MS };
        for (hash, field) in [("hash:small:expires", "goes"), ("hash:large:expires", "field 2")] {
            let words = ["HPEXPIRETIME", hash, "FIELDS", "1", field];
            assert_eq!(client.call(&words), Value::Array(vec![Value::Integer(field_expiry)]), "{server}: {hash}");
        }
        for (key, encoding) in [
            ("integer:127", "int"),
            ("short", "embstr"),
            ("long", "raw"),
            ("list:small", "listpack"),
            ("list:large", "quicklist"),
            ("set:integers", "intset"),
            ("set:small", "listpack"),
            ("set:large", "hashtable"),
            ("zset:small", "listpack"),
            ("zset:large", "skiplist"),
            ("hash:small", "listpack"),
            ("hash:large", "hashtable"),
            ("stream", "stream"),
        ] {
            assert_eq!(call(&mut client, &format!("OBJECT ENCODING {key}")), bulk(encoding), "{server}: {key}");
        }
        let Value::Array(pending) = call(&mut client, "XPENDING stream group") else { panic!("{server}: XPENDING is an array") };
        assert_eq!(pending[0], Value::Integer(14), "{server}: fifteen were read and one of them acknowledged");
        assert_eq!(call(&mut client, "XLEN stream:empty"), Value::Integer(0), "{server}");
    }
}

#[test]
fn how_often_and_how_long_ago_keys_were_read_is_here() {
    for server in SERVERS {
        for (file, policy, of) in [("lfu.rdb", "allkeys-lfu", "FREQ"), ("lru.rdb", "allkeys-lru", "IDLETIME")] {
            let (_folder, node) = loaded(server, file, &["--maxmemory-policy", policy]);
            let mut client = node.connect();
            assert_eq!(call(&mut client, "DEBUG DIGEST"), Value::Simple(digest_of(file).into()), "{server}: {file}");
            let Value::Integer(seen) = call(&mut client, &format!("OBJECT {of} a")) else { panic!("{server}: OBJECT {of} is a number") };
            assert!(if of == "FREQ" { seen > 0 } else { seen < 60 }, "{server}: {seen}");
        }
    }
}

#[test]
fn a_stream_that_knows_its_producers_is_here_without_them() {
    let (_folder, node) = loaded("redis-8.6", "producers.rdb", &[]);
    assert_eq!(call(&mut node.connect(), "XLEN stream"), Value::Integer(1));
}

#[test]
fn append_only_files_are_read_as_they_are() {
    for server in SERVERS {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("appendonlydir");
        std::fs::create_dir(&to).expect("it is new");
        for part in std::fs::read_dir(files().join(server).join("appendonlydir")).expect("it is there") {
            let part = part.expect("its name");
            std::fs::copy(part.path(), to.join(part.file_name())).expect("it can be copied");
        }
        let dir = folder.path().display().to_string();
        let options = ["--dir", &dir, "--enable-debug-command", "yes", "--save", "", "--appendonly", "yes"];
        // The second time there is a part that this server began.
        for _ in 0..2 {
            let node = Server::larder(&options);
            wait_until("it is loaded", || matches!(call(&mut node.connect(), "GET absent"), Value::Null));
            let mut client = node.connect();
            assert_eq!(call(&mut client, "DEBUG DIGEST"), Value::Simple(digest_of("appendonlydir").into()), "{server}");
        }
    }
}
