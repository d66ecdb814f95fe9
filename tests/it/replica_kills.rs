//! A primary and its replica, either of which is killed under load, again and again: what a replica has at its offset is what the primary's log says up
//! to there, and who comes back goes on without a copy if it can.
//!
//! LARDER_KILL_ROUNDS is how often one of them is killed (by default a few times), LARDER_KILL_SEED where the choice of moments begins.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::base::rng::Rng;
use larder::persist::aof::header::HEADER_LEN;
use larder_proto::resp::Value;

use super::append_only::{digest, kill};
use super::kills::from_environment;
use super::replication::{DEBUG, LASTING, compare, follow};
use super::replication_load::End;
use super::support::{Connection, Server, wait_until};

const ROUNDS: u64 = 6;
const CLIENTS: usize = 6;
/// Requests on their way of each client.
const BATCH: usize = 8;
/// One of them is killed after so many replies.
const REPLIES: std::ops::Range<u64> = 50..1500;

fn node(folder: &Path, more: &[&str]) -> Server {
    let folder = folder.to_str().expect("a name");
    let options = ["--dir", folder, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--repl-ping-replica-period", "1"];
    Server::larder(&[&DEBUG[..], &LASTING, &options, more].concat())
}

/// Changes keys of all types until the node is killed, or it is told to end.
fn load(mut client: Connection, number: usize, must_end: &AtomicBool, replies: &AtomicU64) {
    let mut rng = Rng::new(number as u64);
    while !must_end.load(Ordering::Acquire) {
        let batch: Vec<Vec<String>> = (0..BATCH)
            .map(|_| {
                let (key, value) = (rng.below(200), rng.below(1_000_000));
                let text = match rng.below(10) {
                    0 => format!("APPEND string:{key} {value}"),
                    1 => format!("LPUSH list:{key} {value}"),
                    2 => format!("LTRIM list:{key} 0 20"),
                    3 => format!("ZADD zset:{key} {value} {}", value % 30),
                    4 => format!("HINCRBY hash:{key} {} {value}", value % 10),
                    // Nothing ends between two looks at the same data.
                    5 => format!("PEXPIRE string:{key} {}", 1_000_000_000 + value),
                    6 => format!("SELECT {}", value % 3),
                    7 => format!("XADD stream:{key} MAXLEN 10 * field {value}"),
                    8 => format!("SPOP set:{key}"),
                    _ => format!("SADD set:{key} {value}"),
                };
                text.split(' ').map(str::to_owned).collect()
            })
            .collect();
        if client.try_send_all(batch.into_iter()).is_err() || (0..BATCH).any(|_| client.try_receive().is_none()) {
            return;
        }
        replies.fetch_add(BATCH as u64, Ordering::AcqRel);
    }
}

fn offset(server: &Server) -> u64 {
    server.connect().info("master_repl_offset")
}

/// The last part of the log in a folder.
fn part(folder: &Path) -> PathBuf {
    let folder = folder.join("appendonlydir");
    let manifest = std::fs::read_to_string(folder.join("appendonly.aof.manifest")).expect("the manifest");
    let last = manifest.lines().rev().find(|line| line.ends_with("type i")).expect("a part");
    folder.join(last.split(' ').nth(1).expect("its name"))
}

/// Where the last part of the log in a folder begins, and where it ends.
fn log_of(folder: &Path) -> (u64, u64) {
    let bytes = std::fs::read(part(folder)).expect("the part");
    let name = bytes.windows(4).position(|window| window == b"LDR1").expect("a header");
    let field = bytes[name + 52..name + 60].try_into().expect("eight bytes");
    let from = u64::from_be_bytes(field);
    (from, from + (bytes.len() - HEADER_LEN) as u64)
}

/// The digest of what a folder says up to an offset.
fn replayed(folder: &Path, offset: u64) -> Value {
    let (from, _) = log_of(folder);
    loaded(folder, Some(HEADER_LEN as u64 + offset - from), "no").0
}

/// The digest of what a folder says, whose last part is cut to a length if there is one, and the offset up to which that is. A process that is killed
/// within a write leaves the beginning of a record behind, which `yes` passes over.
fn loaded(folder: &Path, len: Option<u64>, may_be_cut: &str) -> (Value, u64) {
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(copy.path().join("appendonlydir")).expect("it is ours");
    for entry in std::fs::read_dir(folder.join("appendonlydir")).expect("its parts") {
        let entry = entry.expect("a part");
        std::fs::copy(entry.path(), copy.path().join("appendonlydir").join(entry.file_name())).expect("there is room");
    }
    if let Some(len) = len {
        let part = std::fs::File::options().write(true).open(part(copy.path())).expect("it was copied");
        part.set_len(len).expect("it is ours");
    }
    let server = node(copy.path(), &["--aof-load-truncated", may_be_cut]);
    (digest(&server), offset(&server))
}

/// What all of the rounds came to.
#[derive(Debug, Default)]
struct Totals {
    partial: u64,
    full: u64,
    ahead: u64,
}

#[test]
fn what_a_replica_has_is_what_the_log_says_up_to_its_offset() {
    let (rounds, seed) = from_environment(ROUNDS);
    let mut rng = Rng::new(seed);
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut primary = node(first.path(), &[]);
    let mut replica = node(second.path(), &["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    wait_until("it follows", || replica.connect().info_text("master_link_status") == "up");
    wait_until("it has a file", || replica.connect().info("aof_rewrites") == 1 && replica.connect().info("aof_rewrite_in_progress") == 0);
    let mut totals = Totals::default();
    for round in 0..rounds {
        let (kills_primary, enough) = (rng.below(2) == 0, rng.below(REPLIES.end - REPLIES.start) + REPLIES.start);
        let context = format!("round {round} of seed {seed}: the {} is killed", if kills_primary { "primary" } else { "replica" });
        let (must_end, replies) = (AtomicBool::new(false), AtomicU64::new(0));
        let before = primary.connect().info("sync_full");
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (client, must_end, replies) = (primary.connect(), &must_end, &replies);
                scope.spawn(move || load(client, round as usize * CLIENTS + number, must_end, replies));
            }
            // Also if it is waited for in vain: the scope waits for the others.
            let _end = End(&must_end);
            wait_until("clients are served", || replies.load(Ordering::Acquire) >= enough);
            let victim = if kills_primary { &primary } else { &replica };
            victim.signal(rustix::process::Signal::KILL);
        });
        if kills_primary {
            primary.wait();
            wait_until("the replica knows", || replica.connect().info_text("master_link_status") == "down");
            let (has, (_, end)) = (offset(&replica), log_of(first.path()));
            let is_ahead = has > end;
            if is_ahead {
                totals.ahead += 1;
            } else {
                assert_eq!(digest(&replica), replayed(first.path(), has), "{context}");
            }
            primary = node(first.path(), &[]);
            follow(&replica, &primary);
            compare(&primary, &replica);
            let full = primary.connect().info("sync_full");
            assert!(full == u64::from(is_ahead), "{context}: {full} copies, ahead: {is_ahead}");
            totals.full += full;
        } else {
            replica.wait();
            let copy = second.path();
            let (expected, has) = loaded(copy, None, "yes");
            wait_until("the primary's file has that as well", || log_of(first.path()).1 >= has);
            assert_eq!(expected, replayed(first.path(), has), "{context}");
            replica = node(copy, &["--replicaof", "127.0.0.1", &primary.port().to_string()]);
            compare(&primary, &replica);
            assert_eq!(primary.connect().info("sync_full"), before, "{context}");
        }
        totals.partial += primary.connect().info("sync_partial_ok");
    }
    eprintln!("{rounds} rounds: {totals:?}");
    kill(primary);
}
