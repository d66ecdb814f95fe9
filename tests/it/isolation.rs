//! A slow command holds the stripe of its key, and nobody waits for it who wants something else.
//!
//! Without a clock: what counts is the order in which replies come. A busy machine can reverse it by chance, so each thing is tried
//! until it comes right; where a worker stands still it never does.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder::keyspace::Keyspace;
use larder::keyspace::hash::KeyHasher;
use larder_proto::resp::Value;

use crate::support::{Connection, Server, wait_until};

/// The server's `hash-seed`, from which follows in which stripe a key lies.
const HASH_SEED: &str = "isolation";
const STRIPES: usize = 256;
const WORKERS: usize = 2;
/// Length of the string that slow commands work on: they take about a thousand times as long as a GET.
const SLOW_LEN: usize = if cfg!(debug_assertions) { 32 } else { 512 } * 1024 * 1024;
/// Requests that must be answered while slow commands run. The first few also give those the time to begin.
const CALLS: usize = 10;
/// How often something is tried until the replies come in the right order.
const TRIES_MAX: usize = 60;
/// Slow commands that may come to an end before one who wants their stripe gets it.
const TURNS_MAX: u64 = 6;

/// Names of keys in the stripe of the key "slow", and of keys elsewhere.
fn keys() -> (Vec<String>, Vec<String>) {
    let keyspace = Keyspace::new(STRIPES, 1, false, KeyHasher::new(0).hash(HASH_SEED.as_bytes()).0);
    let held = keyspace.place(b"slow").stripe;
    let names = (0..20_000).map(|number| format!("key:{number}"));
    names.partition(|key| keyspace.place(key.as_bytes()).stripe == held)
}

fn server() -> Server {
    let (stripes, workers) = (STRIPES.to_string(), WORKERS.to_string());
    let server = Server::larder(&["--io-threads", &workers, "--hash-seed", HASH_SEED, "--keyspace-stripes", &stripes]);
    let mut client = server.connect();
    let last = (SLOW_LEN - 1).to_string();
    assert_eq!(client.call(&["SETRANGE", "slow", &last, "x"]), Value::Integer(SLOW_LEN as i64));
    server
}

/// A client of which the test knows whether a reply is there.
struct Client {
    connection: Connection,
    socket: TcpStream,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let socket = server.connect_raw();
        Client { connection: Connection::new(socket.try_clone().expect("a second handle")), socket }
    }

    fn has_reply(&self) -> bool {
        self.socket.set_nonblocking(true).expect("a socket");
        let seen = self.socket.peek(&mut [0]);
        self.socket.set_nonblocking(false).expect("a socket");
        seen.is_ok()
    }

    fn send(&mut self, request: &[&str]) {
        self.connection.send(request);
    }

    fn receive(&mut self) {
        let reply = self.connection.receive();
        assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
    }

    fn call(&mut self, request: &[&str]) {
        self.send(request);
        self.receive();
    }

    fn call_often(&mut self, request: &[&str]) {
        (0..CALLS).for_each(|_| self.call(request));
    }
}

/// Clients that send the same slow request over and over.
struct Slow<'r> {
    clients: Vec<Client>,
    /// What comes before the request each time.
    before: &'r [&'r [&'r str]],
    request: &'r [&'r str],
}

impl Slow<'_> {
    fn send(client: &mut Client, before: &[&[&str]], request: &[&str]) {
        before.iter().for_each(|request| client.call(request));
        client.send(request);
    }

    /// True if `work` ends before the first of the slow commands does that were sent ahead of it.
    fn is_outrun_by(&mut self, work: impl FnOnce()) -> bool {
        self.clients.iter_mut().for_each(|client| Self::send(client, self.before, self.request));
        work();
        let has_ended = self.clients.iter().any(Client::has_reply);
        self.clients.iter_mut().for_each(Client::receive);
        !has_ended
    }

    /// Runs `work` while each client sends its requests again as soon as they are answered. It gets the count of the answers.
    fn go_on_during(&mut self, work: impl FnOnce(&AtomicU64)) {
        let (ended, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (ended, stop, before, request) = (&ended, &stop, self.before, self.request);
            for client in &mut self.clients {
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        Self::send(client, before, request);
                        client.receive();
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
}

/// True if it succeeds after some tries.
fn succeeds(attempt: impl FnMut(usize) -> bool) -> bool {
    (0..TRIES_MAX).any(attempt)
}

/// Who wants something else is answered while slow commands run.
fn is_served(slow: &mut Slow<'_>, client: &mut Client, free: &[&str]) -> bool {
    succeeds(|_| slow.is_outrun_by(|| client.call_often(free)))
}

/// What needs the stripe has to wait for it, but not for ever, and none of the other clients waits with the one that sent it.
fn waits_alone(slow: &mut Slow<'_>, clients: &mut [Client], request: &[&str], free: &[&str]) {
    let (waiting, others) = clients.split_first_mut().expect("there are several");
    for other in others {
        let is_served = succeeds(|_| {
            let is_served = slow.is_outrun_by(|| {
                other.call_often(free);
                waiting.send(request);
                other.call_often(free);
            });
            waiting.receive();
            is_served
        });
        assert!(is_served, "{free:?} is never answered while {request:?} waits");
    }
    // And it gets the stripe after a bounded number of slow commands, however many there are.
    slow.go_on_during(|ended| {
        let gets_a_turn = succeeds(|_| {
            let before = ended.load(Ordering::Relaxed);
            waiting.call(request);
            ended.load(Ordering::Relaxed) - before <= TURNS_MAX
        });
        assert!(gets_a_turn, "{request:?} has to let too many pass");
    });
}

#[test]
fn slow_commands_on_one_stripe_hold_up_nobody_elsewhere() {
    let server = server();
    let (here, elsewhere) = keys();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(&server)).collect();
    let free: &[&[&str]] = &[
        &["GET", &elsewhere[0]],
        &["SET", &elsewhere[1], "value"],
        &["MSET", &elsewhere[2], "value", &elsewhere[3], "value"],
        &["BITCOUNT", &elsewhere[1]],
    ];
    let held: &[&[&str]] = &[
        &["GET", &here[0]],
        &["SET", &here[1], "value"],
        &["MGET", &elsewhere[0], &here[0]],
        &["INFO", "everything"],
        &["DBSIZE"],
        &["SCAN", "0", "COUNT", "1000"],
        &["KEYS", "none"],
    ];
    for slow in [&["BITCOUNT", "slow"][..], &["BITPOS", "slow", "1"]] {
        // As many as there are workers, so that each of them gets to do with it.
        let mut slow = Slow { clients: (0..WORKERS).map(|_| Client::connect(&server)).collect(), before: &[], request: slow };
        for request in free {
            for client in &mut clients {
                assert!(is_served(&mut slow, client, request), "{request:?} beside {:?}", slow.request);
            }
        }
        for request in held {
            waits_alone(&mut slow, &mut clients, request, &["GET", &elsewhere[0]]);
        }
    }
}

/// Keys with long names, and a part of a pattern that is compared with each byte of them: a walk over all takes about a second.
const LONG_NAMES: usize = if cfg!(debug_assertions) { 10_000 } else { 80_000 };
const LONG_NAME_LEN: usize = 1000;
const LONG_PATTERN_LEN: usize = 900;
/// Few, so that it is not enough to let others have their turns between two stripes.
const WALK_STRIPES: usize = 16;
/// Requests that must be answered during one walk, one after the other.
const WALK_CALLS: usize = 3 * WALK_STRIPES;
/// How often that is tried.
const WALK_TRIES_MAX: usize = 5;

/// Who walks over all keys lets the others of its worker have their turns, by what the keys cost and not by how many there are.
#[test]
fn a_walk_over_keys_serves_the_others_of_its_worker() {
    let server = Server::larder(&["--io-threads", "1", "--keyspace-stripes", &WALK_STRIPES.to_string()]);
    let (mut slow, mut client) = (Client::connect(&server), Client::connect(&server));
    let name = "a".repeat(LONG_NAME_LEN);
    for chunk in 0..LONG_NAMES / 1000 {
        let pairs = (0..1000).flat_map(|number| [format!("{name}{chunk}:{number}"), "v".to_owned()]);
        let words: Vec<String> = std::iter::once("MSET".to_owned()).chain(pairs).collect();
        slow.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let pattern = format!("*{}c*", "[ab]".repeat(LONG_PATTERN_LEN));
    for walk in [&["KEYS", &pattern][..], &["SCAN", "0", "MATCH", &pattern, "COUNT", "1000000000"]] {
        let mut slow = Slow { clients: vec![Client::connect(&server)], before: &[], request: walk };
        let is_shared = (0..WALK_TRIES_MAX).any(|_| slow.is_outrun_by(|| (0..WALK_CALLS).for_each(|_| client.call(&["GET", "other"]))));
        assert!(is_shared, "{} keeps its worker to itself", walk[0]);
    }
}

/// Requests of one pipeline that each take long, but not too long for a worker: they come in a few reads.
const COSTLY_REQUESTS: usize = 4000;
const COSTLY_ELEMENTS: usize = if cfg!(debug_assertions) { 1000 } else { 4000 };
/// Requests that must be answered meanwhile, one after the other: a few for each read.
const COSTLY_CALLS: usize = 12;

/// A pipeline has its turns by the time that its requests take, not by how many came at once.
#[test]
fn a_pipeline_of_costly_requests_serves_the_others_of_its_worker() {
    let server = Server::larder(&["--io-threads", "1"]);
    let (mut slow, mut client) = (Client::connect(&server), Client::connect(&server));
    let elements = (0..COSTLY_ELEMENTS).map(|number| number.to_string());
    let words: Vec<String> = ["RPUSH", "list"].map(str::to_owned).into_iter().chain(elements).collect();
    slow.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let is_shared = (0..WALK_TRIES_MAX).any(|_| {
        let costly = (0..COSTLY_REQUESTS).map(|_| vec!["LREM", "list", "0", "none"]);
        slow.connection.send_all(costly.chain([vec!["SET", "done", "yes"]]));
        let calls = std::iter::repeat_with(|| client.connection.call(&["GET", "done"])).take_while(|reply| *reply == Value::Null).count();
        (0..=COSTLY_REQUESTS).for_each(|_| slow.receive());
        slow.call(&["DEL", "done"]);
        calls >= COSTLY_CALLS
    });
    assert!(is_shared, "a pipeline keeps its worker to itself");
}

/// A transaction runs on the worker of its client. It keeps that worker busy, and no other one.
#[test]
fn slow_transactions_hold_up_no_other_worker() {
    let server = server();
    let (here, elsewhere) = keys();
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(&server)).collect();
    let mut slow = Slow { clients: vec![Client::connect(&server)], before: &[&["MULTI"], &["BITCOUNT", "slow"]], request: &["EXEC"] };
    // Those of the busy worker wait for each transaction.
    let free = ["GET", elsewhere[0].as_str()];
    clients.retain_mut(|client| is_served(&mut slow, client, &free));
    assert!(clients.len() >= 2, "only {} of the clients are served", clients.len());
    for request in [&["GET", here[0].as_str()][..], &["SET", &here[1], "value"], &["INFO", "everything"], &["SCAN", "0", "COUNT", "1000"]] {
        waits_alone(&mut slow, &mut clients, request, &free);
    }
}
