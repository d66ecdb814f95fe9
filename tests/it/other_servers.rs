//! Larder's files in the servers that they are written for: snapshots of each `rdb-format`, and append only folders. What such a server has loaded
//! it saves itself, and that is loaded here again: so values are compared by one server's digest, since others compute some in another way.
//!
//! LARDER_OTHER_SERVERS names further programs, separated by colons, beside VALKEY_SERVER and what is in PATH: `scripts/durability` says which.
//! Those that are not there are named as skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use larder_proto::resp::Value;

use super::rdb::{call, digest, fill, groups, server};
use super::support::{Connection, Server, find, free_port, skipped, wait_until};

/// The versions that files are written for.
const SERVERS: [(&str, u32, u32); 4] = [("Redis", 7, 0), ("Redis", 8, 0), ("Redis", 8, 6), ("Valkey", 9, 1)];
/// Formats, and whether they have something for expiries of fields.
const FORMATS: [(&str, bool); 6] =
    [("auto", false), ("auto", true), ("redis10", false), ("redis11", false), ("redis12", true), ("valkey80", true)];

/// Another server's program.
#[derive(Debug, Clone)]
pub(super) struct Other {
    program: PathBuf,
    kind: &'static str,
    version: (u32, u32),
}

impl Other {
    /// What a program says it is.
    fn of(program: &Path) -> Option<Other> {
        let said = Command::new(program).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let kind = ["Redis", "Valkey"].into_iter().find(|kind| said.starts_with(kind))?;
        let mut numbers = said.split_once("v=")?.1.split('.').map(|number| number.parse().ok());
        Some(Other { program: program.to_owned(), kind, version: (numbers.next()??, numbers.next()??) })
    }

    /// True if it is to load what was written in this format, with expiries of fields or without. What it is to refuse is all else.
    fn takes(&self, format: &str, has_field_expiries: bool) -> bool {
        let is_redis_since = |version| self.kind == "Redis" && self.version >= version;
        match format {
            // The lowest version that holds the data: of expiries of fields there is Valkey's form alone, and when a stream's consumer was active
            // is told since Redis 7.2.
            "auto" if has_field_expiries => self.kind == "Valkey",
            "redis10" => true,
            "auto" | "redis11" => self.kind == "Valkey" || is_redis_since((7, 2)),
            "redis12" => is_redis_since((7, 4)),
            "valkey80" => self.kind == "Valkey",
            other => panic!("no format {other}"),
        }
    }

    fn options<'a>(&self, dir: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["--dir", dir, "--enable-debug-command", "yes"], more].concat()
    }

    /// It, without data.
    pub(super) fn start_empty(&self, more: &[&str]) -> Server {
        Server::of(&self.program, &[&["--enable-debug-command", "yes"], more].concat())
    }

    /// It, with the data of this folder.
    fn start(&self, dir: &Path, more: &[&str]) -> Server {
        let server = Server::of(&self.program, &self.options(&dir.display().to_string(), more));
        let mut client = server.connect();
        wait_until("it has loaded its data", || client.info("loading") == 0);
        server
    }

    /// What it says as it ends, since it cannot load the data of this folder.
    fn refusal(&self, dir: &Path) -> String {
        let dir = dir.display().to_string();
        let mut child = Command::new(&self.program)
            .args(["--port", &free_port().to_string(), "--bind", "127.0.0.1"])
            .args(self.options(&dir, &[]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it has told its version");
        wait_until(&format!("{self:?} refuses what it has no form for"), || child.try_wait().expect("our child").is_some());
        let said = child.wait_with_output().expect("our child");
        String::from_utf8_lossy(&said.stdout).into_owned()
    }
}

/// All that are here. Tells of the others.
pub(super) fn others(test: &str) -> Vec<Other> {
    let named = std::env::var_os("LARDER_OTHER_SERVERS").unwrap_or_default();
    let mut programs: Vec<PathBuf> = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
    programs.extend(std::env::var_os("VALKEY_SERVER").map(PathBuf::from));
    programs.extend(["valkey-server", "redis-server"].into_iter().filter_map(find));
    let found: Vec<Other> = programs.iter().filter_map(|program| Other::of(program)).collect();
    let wanted = SERVERS.iter().filter_map(|(kind, major, minor)| {
        let other = found.iter().find(|other| other.kind == *kind && other.version == (*major, *minor));
        if other.is_none() {
            skipped(test, &format!("no {kind} {major}.{minor} among LARDER_OTHER_SERVERS, VALKEY_SERVER and PATH"));
        }
        other.cloned()
    });
    wanted.collect()
}

/// What a server has, as [`content`] says it of the snapshot that it saves: some compute a digest in another way.
pub(super) fn saved_content(theirs: &Server) -> (String, Vec<Value>) {
    call(&mut theirs.connect(), "SAVE");
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::copy(theirs.folder().join("dump.rdb"), copy.path().join("dump.rdb")).expect("it was saved");
    content(&mut server(copy.path(), &[]).connect())
}

/// What is there, by this server's digest and by what that does not see.
fn content(client: &mut Connection) -> (String, Vec<Value>) {
    (digest(client), groups(client))
}

#[test]
fn snapshots_load_in_the_servers_they_are_written_for() {
    let others = others("snapshots_load_in_the_servers_they_are_written_for");
    for (format, has_field_expiries) in FORMATS {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ["--rdb-format", format];
        let larder = server(folder.path(), &options);
        let mut client = larder.connect();
        fill(&mut client, has_field_expiries);
        let expected = content(&mut client);
        call(&mut client, "SAVE");
        for other in &others {
            let copy = tempfile::tempdir().expect("a folder");
            std::fs::copy(folder.path().join("dump.rdb"), copy.path().join("dump.rdb")).expect("it was saved");
            if !other.takes(format, has_field_expiries) {
                let said = other.refusal(copy.path());
                let is_told = ["Can't handle RDB format version", "Wrong signature"].iter().any(|text| said.contains(text));
                assert!(is_told, "{other:?}, {format}: {said}");
                continue;
            }
            let theirs = other.start(copy.path(), &[]);
            let mut client = theirs.connect();
            assert_eq!(groups(&mut client), expected.1, "{other:?}, {format}");
            if other.kind == "Valkey" {
                assert_eq!(digest(&mut client), expected.0, "{other:?}, {format}");
            }
            call(&mut client, "SAVE");
            drop(theirs);
            let back = server(copy.path(), &[]);
            assert_eq!(content(&mut back.connect()), expected, "{other:?}, {format}: what it saved of ours");
        }
    }
}

#[test]
fn append_only_folders_load_in_the_servers_they_are_written_for() {
    for other in others("append_only_folders_load_in_the_servers_they_are_written_for") {
        // The base in the newest form that it takes. The others are those of snapshots.
        if let Some((format, has_field_expiries)) = FORMATS.into_iter().rfind(|(format, has)| other.takes(format, *has)) {
            let folder = tempfile::tempdir().expect("a folder");
            let options = ["--rdb-format", format, "--appendonly", "yes"];
            let larder = server(folder.path(), &options);
            let mut client = larder.connect();
            // A base, and everything once more behind it.
            fill(&mut client, has_field_expiries);
            let before = client.info("aof_rewrites");
            call(&mut client, "BGREWRITEAOF");
            wait_until("it is rewritten", || client.info("aof_rewrites") > before && client.info("aof_rewrite_in_progress") == 0);
            call(&mut client, "SET behind it");
            call(&mut client, "DEL list:7");
            call(&mut client, "MULTI");
            call(&mut client, "RPUSH list:8 one more");
            call(&mut client, "SPOP large:set 5");
            call(&mut client, "EXEC");
            if has_field_expiries {
                call(&mut client, "HPEXPIRE hash:2 1000000 FIELDS 1 a");
            }
            let expected = content(&mut client);
            drop(larder);
            let theirs = other.start(folder.path(), &["--appendonly", "yes"]);
            let mut client = theirs.connect();
            assert_eq!(groups(&mut client), expected.1, "{other:?}, {format}");
            call(&mut client, "SET written there");
            call(&mut client, "BGREWRITEAOF");
            wait_until("they have rewritten it", || client.info("aof_rewrite_in_progress") + client.info("aof_rewrite_scheduled") == 0);
            drop(theirs);
            let back = server(folder.path(), &options);
            let mut client = back.connect();
            assert_eq!(call(&mut client, "DEL written"), Value::Integer(1), "{other:?}, {format}");
            assert_eq!(content(&mut client), expected, "{other:?}, {format}: what it wrote of ours");
        }
    }
}
