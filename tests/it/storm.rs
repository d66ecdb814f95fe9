//! A storm of writes against `maxmemory`: under every policy memory stays near the limit, before and after, and what is refused is
//! refused in Valkey's words. And one of clients that take more than they may: they go before keys have to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server, request, wait_until};

const MIB: u64 = 1024 * 1024;
const LIMIT: u64 = 100 * MIB;
/// What may be in use in the storm.
const MOST: u64 = LIMIT / 100 * 105;
/// Storms that evict must get there.
const LEAST: u64 = LIMIT / 100 * 90;

const WRITERS: u64 = 4;
/// What each writer writes: together twice the limit.
const VOLUME: u64 = 50 * MIB;
/// Writes that a writer sends at once.
const PIPELINE: usize = 50;
/// Keys that each writer writes again and again, without a time to live.
const LASTING_KEYS: u64 = 100;

/// Writes of 1 KiB with which the limit is reached once more.
const FILL_MAX: usize = 10_000;

const REFUSAL: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// The times to live that keys of a storm have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ttl {
    /// Most have one, some a very short one; what lasts is little.
    Most,
    /// A third have one.
    Some,
    /// None has one.
    None,
}

/// Policy, times to live, and whether there comes a point from which on writes are refused.
const STORMS: &[(&str, Ttl, bool)] = &[
    ("allkeys-lru", Ttl::Some, false),
    ("allkeys-lfu", Ttl::Some, false),
    ("allkeys-random", Ttl::Some, false),
    ("volatile-lru", Ttl::Most, false),
    ("volatile-lfu", Ttl::Most, false),
    ("volatile-random", Ttl::Most, false),
    ("volatile-ttl", Ttl::Most, false),
    ("noeviction", Ttl::None, true),
    ("volatile-lru", Ttl::None, true),
    ("volatile-lfu", Ttl::None, true),
    ("volatile-random", Ttl::None, true),
    ("volatile-ttl", Ttl::None, true),
];

/// Writes until its volume is reached. Returns how many writes were stored and how many refused.
fn write(mut stream: TcpStream, writer: u64, ttl: Ttl) -> (u64, u64) {
    let mut replies = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut rng = Rng::new(writer);
    let (mut written, mut stored, mut refused, mut number) = (0, 0, 0, 0);
    let value = vec![b'x'; 64 * 1024];
    let mut line = String::new();
    while written < VOLUME {
        let mut requests = Vec::new();
        for _ in 0..PIPELINE {
            number += 1;
            // As many between 16 and 32 bytes as between 32 and 64 KiB.
            let scale = 16 << rng.below(12);
            let len = scale + rng.below(scale);
            let chance = rng.below(100);
            let (key, expiry) = match ttl {
                Ttl::Most if chance < 5 => (format!("lasting:{writer}:{}", rng.below(LASTING_KEYS)), None),
                Ttl::Most if chance < 15 => (format!("short:{writer}:{number}"), Some(1 + rng.below(50))),
                Ttl::Some if chance >= 33 => (format!("key:{writer}:{number}"), None),
                Ttl::None => (format!("key:{writer}:{number}"), None),
                Ttl::Most | Ttl::Some => (format!("key:{writer}:{number}"), Some(1_000_000 + rng.below(1_000_000))),
            };
            let mut words = vec![b"SET".to_vec(), key.into_bytes(), value[..len as usize].to_vec()];
            words.extend(expiry.into_iter().flat_map(|ms| [b"PX".to_vec(), ms.to_string().into_bytes()]));
            requests.extend(request(&words));
        }
        written += requests.len() as u64;
        stream.write_all(&requests).expect("the server reads");
        for _ in 0..PIPELINE {
            line.clear();
            replies.read_line(&mut line).expect("the server answers in time");
            match line.as_str() {
                "+OK\r\n" => stored += 1,
                REFUSAL => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    (stored, refused)
}

/// Runs all writers at once. Returns what was stored and refused, and the most memory seen meanwhile.
fn storm(server: &Server, watcher: &mut Connection, ttl: Ttl) -> (u64, u64, u64) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stream = server.connect_raw();
                scope.spawn(move || write(stream, writer, ttl))
            })
            .collect();
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(watcher.info("used_memory"));
            }
            most
        });
        let counts: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let most = watching.join().expect("the server answers");
        let counts = counts.into_iter().map(|count| count.expect("each write is stored or refused"));
        counts.fold((0, 0, most), |sum, count| (sum.0 + count.0, sum.1 + count.1, most))
    })
}

#[test]
fn every_policy_keeps_memory_near_its_limit_in_a_storm_of_writes() {
    let server = Server::larder(&["--maxmemory", &LIMIT.to_string(), "--io-threads", "2"]);
    let mut client = server.connect();
    for &(policy, ttl, is_refused) in STORMS {
        client.config_set("maxmemory-policy", policy);
        let mut watcher = server.connect();
        let (stored, refused, most) = storm(&server, &mut watcher, ttl);
        let (after, evicted) = (client.info("used_memory"), client.info("evicted_keys"));
        eprintln!(
            "{policy}, {ttl:?}: {stored} stored, {refused} refused, {evicted} evicted, {:.1} % in use at most, {:.1} % after",
            most as f64 * 100.0 / LIMIT as f64,
            after as f64 * 100.0 / LIMIT as f64
        );
        assert!(most.max(after) <= MOST, "{policy}: {most} in the storm, {after} after it");
        assert!(most >= LEAST, "{policy}: no more than {most}, so that nothing was tried");
        assert_eq!(refused > 0, is_refused, "{policy}");
        assert_eq!(evicted > 0, !is_refused, "{policy}");
        assert!(stored > 0, "{policy}");
        if is_refused {
            // What the storm's connections took has come free since.
            let mut replies = (0..FILL_MAX).map(|number| client.call(&["SET", &format!("new:{number}"), &"x".repeat(1024)]));
            let refused = replies.find(|reply| *reply != Value::Simple("OK".into()));
            assert_eq!(refused, Some(Value::Error(REFUSAL[1..REFUSAL.len() - 2].into())), "{policy}");
            assert_eq!(client.call(&["GET", "none"]), Value::Null, "{policy}: reading goes on");
        } else {
            assert_eq!(client.call(&["SET", "new", "value"]), Value::Simple("OK".into()), "{policy}");
            assert_eq!(client.call(&["GET", "new"]), Value::Bulk("value".into()), "{policy}");
        }
        assert_eq!(client.call(&["FLUSHALL", "SYNC"]), Value::Simple("OK".into()), "{policy}: room can be made");
        assert_eq!(client.call(&["SET", "new", "value"]), Value::Simple("OK".into()), "{policy}: and then be used");
        assert_eq!(client.call(&["CONFIG", "RESETSTAT"]), Value::Simple("OK".into()));
    }
}

/// Keys that must not go for what waits to be freed, their length, and the elements of the list that is copied and deleted: many more bytes in
/// all than are left below the limit.
const COPIES_KEYS: u64 = 1000;
const COPIES_VALUE_LEN: usize = 1000;
const COPIES_ELEMENTS: usize = 100_000;
const COPIES: usize = 100;

/// What a large value took is as good as free from its deletion on: it only waits for the thread that frees.
#[test]
fn keys_stay_while_large_copies_come_and_go() {
    let server = Server::larder(&["--maxmemory-policy", "allkeys-lru", "--io-threads", "1"]);
    let mut client = server.connect();
    let value = "v".repeat(COPIES_VALUE_LEN);
    for key in 0..COPIES_KEYS {
        assert_eq!(client.call(&["SET", &key.to_string(), &value]), Value::Simple("OK".into()));
    }
    let before = client.info("used_memory");
    for chunk in 0..COPIES_ELEMENTS / 1000 {
        let elements = (0..1000).map(|number| format!("element:{chunk}:{number}"));
        let words: Vec<String> = ["RPUSH", "list"].map(str::to_owned).into_iter().chain(elements).collect();
        client.call(&words);
    }
    // Room for two copies more, and a little for who sends and what is in between.
    let used = client.info("used_memory");
    client.config_set("maxmemory", &(used + 2 * (used - before) + 2 * MIB).to_string());
    client.send_all((0..COPIES).flat_map(|_| [vec!["COPY", "list", "copy"], vec!["DEL", "copy"]]));
    let made = (0..2 * COPIES).filter(|_| client.receive() == Value::Integer(1)).count();
    assert_eq!((client.info("evicted_keys"), made), (0, 2 * COPIES));
    assert_eq!(client.call(&["DBSIZE"]), Value::Integer(COPIES_KEYS as i64 + 1));
}

/// Keys that must not go for clients, each of [`CLIENTS_VALUE_LEN`] bytes: so short that replies copy them.
const CLIENTS_KEYS: u64 = 500;
const CLIENTS_VALUE_LEN: u64 = 10_000;
/// What clients may take together.
const CLIENTS_LIMIT: u64 = 3 * MIB;
/// What is left for all else: what two workers may do between two reports of theirs, and little more.
const CLIENTS_SLACK: u64 = 3 * MIB;
/// Clients that ask and never read, and how often each asks.
const CLIENTS: u64 = 20;
const CLIENTS_REQUESTS: usize = 10_000;
/// How often all of them come.
const CLIENTS_ROUNDS: usize = 5;

#[test]
fn clients_go_before_keys_have_to() {
    let limit = CLIENTS_KEYS * (CLIENTS_VALUE_LEN + CLIENTS_VALUE_LEN / 5) + CLIENTS_LIMIT + CLIENTS_SLACK;
    let options = ["--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", &CLIENTS_LIMIT.to_string(), "--io-threads", "2"];
    let server = Server::larder(&options);
    let mut watcher = server.connect();
    for key in 0..CLIENTS_KEYS {
        watcher.call(&["SETRANGE", &key.to_string(), &(CLIENTS_VALUE_LEN - 1).to_string(), "x"]);
    }
    watcher.config_set("maxmemory", &limit.to_string());
    let requests = request(&["MGET", "1"]).repeat(CLIENTS_REQUESTS);
    for round in 1..=CLIENTS_ROUNDS {
        let clients: Vec<_> = (0..CLIENTS).map(|_| server.connect_raw()).collect();
        for mut client in &clients {
            // It may be gone before it has asked for everything.
            let _ = client.write_all(&requests);
        }
        let evicted = CLIENTS * round as u64;
        wait_until("every client was evicted", || watcher.info("evicted_clients") == evicted);
        assert_eq!((watcher.info("evicted_keys"), watcher.call(&["DBSIZE"])), (0, Value::Integer(CLIENTS_KEYS as i64)), "round {round}");
    }
}
