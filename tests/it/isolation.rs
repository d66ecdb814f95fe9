//! A slow command holds the stripe of its key, and nobody waits for it who wants something else.
//!
//! Without a clock: what is counted is how many slow commands come to an end while another client waits for its reply. For one that is
//! not held up that is hardly ever one; for one that is, it is one nearly every time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::keyspace::Keyspace;
use larder::keyspace::hash::KeyHasher;
use larder_proto::resp::Value;

use crate::support::{Connection, Server, request, wait_until};

/// The server's `hash-seed`, from which follows in which stripe a key lies.
const HASH_SEED: &str = "isolation";
const STRIPES: usize = 256;
/// Length of the string that slow commands work on: they take about a thousand times as long as a GET.
const SLOW_LEN: usize = if cfg!(debug_assertions) { 48 } else { 512 } * 1024 * 1024;
/// Requests of a client that nothing should hold up.
const FREE_ROUNDS: u64 = 40;
/// Requests of a client that has to wait for the stripe.
const WAITING_ROUNDS: u64 = 4;
/// Slow commands that may come to an end on average before one who wants their stripe gets it.
const TURNS_MAX: u64 = 6;

/// Names of keys in the stripe of the key "slow", and of keys elsewhere.
fn keys() -> (Vec<String>, Vec<String>) {
    let keyspace = Keyspace::new(STRIPES, 1, false, KeyHasher::new(0).hash(HASH_SEED.as_bytes()).0);
    let held = keyspace.place(b"slow").stripe;
    let names = (0..20_000).map(|number| format!("key:{number}"));
    names.partition(|key| keyspace.place(key.as_bytes()).stripe == held)
}

fn server() -> Server {
    let stripes = STRIPES.to_string();
    let server = Server::larder(&["--io-threads", "2", "--hash-seed", HASH_SEED, "--keyspace-stripes", &stripes]);
    let mut client = server.connect();
    let last = (SLOW_LEN - 1).to_string();
    assert_eq!(client.call(&["SETRANGE", "slow", &last, "x"]), Value::Integer(SLOW_LEN as i64));
    server
}

/// Runs `work` while slow commands run on as many connections as there are requests. It gets their count.
fn beside_slow_commands(server: &Server, requests: &[Vec<u8>], replies: usize, work: impl FnOnce(&AtomicU64)) {
    let (ended, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (ended, stop) = (&ended, &stop);
        for request in requests {
            let mut stream = server.connect_raw();
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(request).expect("the server reads");
                    read_lines(&mut stream, replies);
                    ended.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_until("slow commands run", || ended.load(Ordering::Relaxed) > 0);
        // A failed assertion must not leave the threads running.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(ended)));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn read_lines(stream: &mut TcpStream, count: usize) {
    let mut byte = [0];
    for _ in 0..count {
        while byte[0] != b'\n' {
            stream.read_exact(&mut byte).expect("the server answers in time");
        }
        byte[0] = 0;
    }
}

/// What happened while a client waited for its replies.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    rounds: u64,
    /// Rounds in which at least one slow command came to an end.
    held_up: u64,
    /// Slow commands that did.
    ended: u64,
}

impl Seen {
    /// Some rounds see a slow command end by chance, or because the machine is busy; of one that is held up, every second one or more.
    fn is_free(self) -> bool {
        self.held_up <= self.rounds / 8 + 1
    }

    fn round(&mut self, client: &mut Connection, ended: &AtomicU64, request: &[&str]) {
        let before = ended.load(Ordering::Relaxed);
        let reply = client.call(request);
        assert!(!matches!(reply, Value::Error(_)), "{request:?}: {reply:?}");
        let more = ended.load(Ordering::Relaxed) - before;
        self.rounds += 1;
        self.held_up += u64::from(more > 0);
        self.ended += more;
    }
}

fn rounds(count: u64, client: &mut Connection, ended: &AtomicU64, request: &[&str]) -> Seen {
    let mut seen = Seen::default();
    (0..count).for_each(|_| seen.round(client, ended, request));
    seen
}

/// What needs the stripe has to wait for it, but not for ever, and no other client of its worker waits with it.
fn waits_alone(clients: &mut [Connection], ended: &AtomicU64, request: &[&str], free: &[&str]) {
    let (first, others) = clients.split_at_mut(1);
    let done = AtomicBool::new(false);
    let (waited, beside) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let seen = rounds(WAITING_ROUNDS, &mut first[0], ended, request);
            done.store(true, Ordering::Relaxed);
            seen
        });
        let mut beside = Seen::default();
        while !done.load(Ordering::Relaxed) && !waiting.is_finished() {
            others.iter_mut().for_each(|client| beside.round(client, ended, free));
        }
        (waiting.join().expect("it gets its replies"), beside)
    });
    assert!(beside.is_free(), "{free:?} beside {request:?}: {beside:?}");
    assert!(waited.ended <= TURNS_MAX * waited.rounds, "{request:?}: {waited:?}");
}

#[test]
fn slow_commands_on_one_stripe_hold_up_nobody_elsewhere() {
    let server = server();
    let (here, elsewhere) = keys();
    let slow = [request(&["BITCOUNT", "slow"]), request(&["BITPOS", "slow", "1"])];
    let mut clients: Vec<Connection> = (0..4).map(|_| server.connect()).collect();
    let free: &[&[&str]] = &[
        &["GET", &elsewhere[0]],
        &["SET", &elsewhere[1], "value"],
        &["MSET", &elsewhere[2], "value", &elsewhere[3], "value"],
        &["BITCOUNT", &elsewhere[1]],
    ];
    let waiting: &[&[&str]] = &[
        &["GET", &here[0]],
        &["SET", &here[1], "value"],
        &["MGET", &elsewhere[0], &here[0]],
        &["INFO", "everything"],
        &["DBSIZE"],
        &["SCAN", "0", "COUNT", "1000"],
        &["KEYS", "none"],
    ];
    beside_slow_commands(&server, &slow, 1, |ended| {
        for request in free {
            for client in &mut clients {
                let seen = rounds(FREE_ROUNDS, client, ended, request);
                assert!(seen.is_free(), "{request:?}: {seen:?}");
            }
        }
        for request in waiting {
            waits_alone(&mut clients, ended, request, &["GET", &elsewhere[0]]);
        }
    });
}

/// A transaction runs on the worker of its client. It keeps that worker busy, and no other one.
#[test]
fn slow_transactions_hold_up_no_other_worker() {
    let server = server();
    let (here, elsewhere) = keys();
    let slow = [request(&["MULTI"]), request(&["BITCOUNT", "slow"]), request(&["EXEC"])].concat();
    let mut clients: Vec<Connection> = (0..6).map(|_| server.connect()).collect();
    let requests: &[&[&str]] = &[&["GET", &here[0]], &["SET", &here[1], "value"], &["INFO", "everything"], &["SCAN", "0", "COUNT", "1000"]];
    // Replies to MULTI and to the queued command, the array of EXEC and what is in it.
    beside_slow_commands(&server, &[slow], 4, |ended| {
        // A client of the busy worker is held up every time.
        clients.retain_mut(|client| rounds(WAITING_ROUNDS, client, ended, &["GET", &elsewhere[0]]).is_free());
        assert!(clients.len() >= 2, "only {} of the clients are served", clients.len());
        for request in requests {
            waits_alone(&mut clients, ended, request, &["GET", &elsewhere[0]]);
        }
    });
}
