//! Nodes that are killed under load, again and again on the same append only file: what a client was told of is there afterwards, of a transaction
//! all or nothing, and of a queue each element in one place.
//!
//! LARDER_KILL_ROUNDS is how often a node is killed with each of `appendfsync always` and `everysec` (by default a few times),
//! LARDER_KILL_SEED where the choice of moments begins.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use super::support::{Connection, Server, wait_until};

/// Clients that set keys of their own, and how many requests each has on their way.
const WRITERS: usize = 16;
const WRITES: u64 = 8;
/// Clients that run transactions, and how many each has on their way.
const TRANSACTION_CLIENTS: usize = 10;
const TRANSACTIONS: u64 = 3;
/// Queues. Each has four clients: one that pushes, two that pop, one that moves elements to another list.
const QUEUES: usize = 6;
const POPPERS: usize = 2;
/// Elements that are pushed at once.
const PUSHES: u64 = 2;
/// A node is killed after so many replies, and up to twice as many.
const REPLIES_MIN: u64 = 2000;
/// Keys that a rewrite has to write, and how long it waits after each: so that it is killed on its way.
const OLD_KEYS: u64 = 300;
const KEY_DELAY_US: &str = "3000";
const ROUNDS: u64 = 4;

/// What goes on when a node is killed.
#[derive(Debug, Clone, Copy)]
enum Rewrite {
    None,
    /// One that was asked for, on its way.
    OnItsWay,
    /// One that was asked for and has just ended.
    Ended,
    /// One after the other, as the file grows.
    ByGrowth,
}

/// How far a client has come that sends ascending numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    sent: u64,
    acknowledged: u64,
}

impl Progress {
    /// What may be there now.
    fn possible(self) -> RangeInclusive<u64> {
        self.acknowledged..=self.sent
    }
}

/// What the clients of a queue were told.
#[derive(Debug, Default)]
struct Queue {
    pushed: Progress,
    popped: Vec<u64>,
    moved: Vec<u64>,
}

/// What all clients were told.
#[derive(Debug)]
struct Told {
    writers: Vec<Progress>,
    transactions: Vec<Progress>,
    queues: Vec<Queue>,
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn number(value: &Value) -> Option<u64> {
    std::str::from_utf8(value.as_bytes()?).ok()?.parse().ok()
}

fn numbers(value: &Value) -> Vec<u64> {
    let Value::Array(elements) = value else { panic!("a list, not {value:?}") };
    elements.iter().map(|element| number(element).expect("only numbers were pushed")).collect()
}

/// Sends ascending numbers, `count` at once, each as the requests that `requests` makes of it, until the connection ends. `is_good` looks at the
/// last reply to each number.
fn ascend(
    mut client: Connection,
    count: u64,
    replies: &AtomicU64,
    requests: impl Fn(u64) -> Vec<Vec<String>>,
    is_good: impl Fn(u64, &Value) -> bool,
) -> Progress {
    let mut progress = Progress::default();
    loop {
        let batch: Vec<_> = (progress.sent + 1..=progress.sent + count).map(&requests).collect();
        let each = batch[0].len();
        progress.sent += count;
        if client.try_send_all(batch.into_iter().flatten()).is_err() {
            return progress;
        }
        for _ in 0..count {
            let mut last = None;
            for _ in 0..each {
                last = client.try_receive();
                if last.is_none() {
                    return progress;
                }
            }
            progress.acknowledged += 1;
            let last = last.expect("each number has a request");
            assert!(is_good(progress.acknowledged, &last), "{:?}: {last:?}", requests(progress.acknowledged));
            replies.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Sends the same request that waits for an element, until the connection ends. Returns the elements.
fn wait_for_elements(mut client: Connection, request: &str, replies: &AtomicU64, element: impl Fn(&Value) -> Option<u64>) -> Vec<u64> {
    let (request, mut elements) = (words(request), Vec::new());
    while client.try_send_all(std::iter::once(request.clone())).is_ok() {
        let Some(reply) = client.try_receive() else { break };
        elements.push(element(&reply).unwrap_or_else(|| panic!("{request:?}: {reply:?}")));
        replies.fetch_add(1, Ordering::AcqRel);
    }
    elements
}

fn transaction(client: usize, number: u64) -> Vec<Vec<String>> {
    [
        "MULTI".to_owned(),
        format!("SET transaction:{client}:first {number}"),
        format!("RPUSH transaction:{client}:list {number}"),
        format!("HSET transaction:{client}:hash field {number}"),
        format!("SET transaction:{client}:last {number}"),
        "EXEC".to_owned(),
    ]
    .iter()
    .map(|text| words(text))
    .collect()
}

/// Every second queue gets its elements in transactions, one at a time, so that those who pop wait for them; the others in a pipeline.
fn push(queue: usize, number: u64) -> Vec<Vec<String>> {
    let (first, second) = (number * PUSHES - 1, number * PUSHES);
    if queue.is_multiple_of(2) {
        return vec![words(&format!("RPUSH queue:{queue} {first} {second}"))];
    }
    ["MULTI".to_owned(), format!("RPUSH queue:{queue} {first}"), format!("RPUSH queue:{queue} {second}"), "EXEC".to_owned()]
        .iter()
        .map(|text| words(text))
        .collect()
}

/// Has all clients work until `until` has killed the node, and returns what they were told.
fn work(server: Server, until: impl FnOnce(Server, &AtomicU64)) -> Told {
    let replies = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (server_ref, replies) = (&server, &replies);
        let is_ok = |_: u64, reply: &Value| *reply == Value::Simple("OK".into());
        let writers: Vec<_> = (0..WRITERS)
            .map(|client| {
                let connection = server_ref.connect();
                let requests = move |number| vec![words(&format!("SET key:{client} {number}"))];
                scope.spawn(move || ascend(connection, WRITES, replies, requests, is_ok))
            })
            .collect();
        let transactions: Vec<_> = (0..TRANSACTION_CLIENTS)
            .map(|client| {
                let connection = server_ref.connect();
                let is_good =
                    |number: u64, reply: &Value| matches!(reply, Value::Array(all) if all.len() == 4 && all[1] == Value::Integer(number as i64));
                scope.spawn(move || ascend(connection, TRANSACTIONS, replies, move |number| transaction(client, number), is_good))
            })
            .collect();
        let queues: Vec<_> = (0..QUEUES)
            .map(|queue| {
                let connection = server_ref.connect();
                let count = if queue.is_multiple_of(2) { 4 } else { 1 };
                let is_good = |_: u64, reply: &Value| matches!(reply, Value::Integer(_) | Value::Array(_));
                let pusher = scope.spawn(move || ascend(connection, count, replies, move |number| push(queue, number), is_good));
                let poppers: Vec<_> = (0..POPPERS)
                    .map(|_| {
                        let connection = server_ref.connect();
                        let element = |reply: &Value| match reply {
                            Value::Array(pair) if pair.len() == 2 => number(&pair[1]),
                            _ => None,
                        };
                        scope.spawn(move || wait_for_elements(connection, &format!("BLPOP queue:{queue} 0"), replies, element))
                    })
                    .collect();
                let connection = server_ref.connect();
                let request = format!("BLMOVE queue:{queue} moved:{queue} LEFT RIGHT 0");
                let mover = scope.spawn(move || wait_for_elements(connection, &request, replies, number));
                (pusher, poppers, mover)
            })
            .collect();
        until(server, replies);
        let done = "a client looks at what it was told";
        Told {
            writers: writers.into_iter().map(|thread| thread.join().expect(done)).collect(),
            transactions: transactions.into_iter().map(|thread| thread.join().expect(done)).collect(),
            queues: queues
                .into_iter()
                .map(|(pusher, poppers, mover)| Queue {
                    pushed: pusher.join().expect(done),
                    popped: poppers.into_iter().flat_map(|thread| thread.join().expect(done)).collect(),
                    moved: mover.join().expect(done),
                })
                .collect(),
        }
    })
}

/// Compares what is there with what the clients were told.
fn check(client: &mut Connection, told: &Told, round: &str) {
    let mut get = |key: &str| number(&client.call(&["GET", key])).unwrap_or(0);
    for (number, progress) in told.writers.iter().enumerate() {
        let found = get(&format!("key:{number}"));
        assert!(progress.possible().contains(&found), "{round}: writer {number} has come to {progress:?}, and {found} is there");
    }
    for (number, progress) in told.transactions.iter().enumerate() {
        let found = get(&format!("transaction:{number}:first"));
        assert!(progress.possible().contains(&found), "{round}: transactions {number} have come to {progress:?}, and {found} is there");
        assert_eq!(get(&format!("transaction:{number}:last")), found, "{round}: all of a transaction, or nothing");
    }
    for (client_number, progress) in told.transactions.iter().enumerate() {
        let list = numbers(&client.call(&["LRANGE", &format!("transaction:{client_number}:list"), "0", "-1"]));
        let found = list.len() as u64;
        assert!(list.iter().copied().eq(1..=found), "{round}: transactions {client_number}, {progress:?}: {list:?}");
        let first = number(&client.call(&["GET", &format!("transaction:{client_number}:first")])).unwrap_or(0);
        let field = number(&client.call(&["HGET", &format!("transaction:{client_number}:hash"), "field"])).unwrap_or(0);
        assert_eq!((found, field), (first, first), "{round}: all of transaction {client_number}, or nothing");
    }
    for (number, queue) in told.queues.iter().enumerate() {
        let there = numbers(&client.call(&["LRANGE", &format!("queue:{number}"), "0", "-1"]));
        let moved = numbers(&client.call(&["LRANGE", &format!("moved:{number}"), "0", "-1"]));
        check_queue(queue, &there, &moved).unwrap_or_else(|wrong| panic!("{round}: queue {number}: {wrong}"));
        if !number.is_multiple_of(2) {
            assert!(
                there.last().is_none_or(|last| last.is_multiple_of(PUSHES)),
                "{round}: queue {number} has half of a transaction: {there:?}"
            );
        }
    }
}

/// What is wrong with a queue of which `there` is left, and of which `moved` is in the list to which elements are moved.
fn check_queue(queue: &Queue, there: &[u64], moved: &[u64]) -> Result<(), String> {
    if there.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
        return Err(format!("a gap in {there:?}"));
    }
    // One reply at most was on its way to who moves, and its element is in the other list all the same.
    if !moved.starts_with(&queue.moved) || moved.len() > queue.moved.len() + 1 {
        return Err(format!("moved were {:?}, and there is {moved:?}", queue.moved));
    }
    let mut places = BTreeSet::new();
    if let Some(twice) = queue.popped.iter().chain(moved).chain(there).find(|element| !places.insert(**element)) {
        return Err(format!("{twice} is in two places"));
    }
    let (acknowledged, sent) = (queue.pushed.acknowledged * PUSHES, queue.pushed.sent * PUSHES);
    let last = places.last().copied().unwrap_or(0).max(acknowledged);
    if last > sent {
        return Err(format!("{last} was never pushed"));
    }
    // Of those that were popped a reply each may have been on its way.
    let lost: Vec<_> = (1..=last).filter(|element| !places.contains(element)).collect();
    if lost.len() > POPPERS || there.first().is_some_and(|first| lost.iter().any(|element| element > first)) {
        return Err(format!("{lost:?} were pushed, and are nowhere"));
    }
    Ok(())
}

#[test]
fn what_a_queue_lost_or_doubled_is_found() {
    let queue = |popped: &[u64], moved: &[u64]| Queue {
        pushed: Progress { sent: 5, acknowledged: 4 },
        popped: popped.to_vec(),
        moved: moved.to_vec(),
    };
    for (popped, moved_told, there, moved, expected) in [
        (&[1, 3][..], &[2][..], &[4, 5, 6, 7, 8][..], &[2][..], ""),
        // Of three elements the replies were on their way.
        (&[1], &[], &[5, 6, 7, 8, 9, 10], &[2], ""),
        (&[1], &[], &[6, 7, 8], &[2], "[3, 4, 5] were pushed"),
        (&[1, 2, 3], &[], &[4, 5, 6, 7], &[], "[8] were pushed"),
        (&[1, 2, 3], &[], &[3, 4, 5, 6, 7, 8], &[], "3 is in two places"),
        (&[1, 2, 3], &[], &[4, 6, 7, 8], &[], "a gap"),
        (&[1], &[2, 3], &[4, 5, 6, 7, 8], &[2], "moved were"),
        (&[1, 2], &[], &[3, 4, 5, 6, 7, 8, 9, 10, 11], &[], "11 was never pushed"),
    ] {
        let found = check_queue(&queue(popped, moved_told), there, moved).err().unwrap_or_default();
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{popped:?} {there:?}: {found}");
    }
}

/// Waits for so many replies more.
fn wait_for_replies(replies: &AtomicU64, count: u64) {
    let enough = replies.load(Ordering::Acquire) + count;
    wait_until("more was answered", || replies.load(Ordering::Acquire) >= enough);
}

fn kill(mut server: Server) {
    server.signal(rustix::process::Signal::KILL);
    server.wait();
}

/// One node, until it is killed.
fn kill_one(server: Server, folder: &Path, rewrite: Rewrite, replies: &AtomicU64, count: u64) {
    let mut client = server.connect();
    let before = client.info("aof_rewrites");
    wait_for_replies(replies, count);
    match rewrite {
        Rewrite::None => {}
        Rewrite::OnItsWay | Rewrite::Ended => {
            if matches!(rewrite, Rewrite::OnItsWay) {
                client.config_set("rdb-key-save-delay", KEY_DELAY_US);
            }
            let reply = client.call(&["BGREWRITEAOF"]);
            assert!(matches!(reply, Value::Simple(_)), "{reply:?}");
            wait_until("it has begun", || client.info("aof_rewrites") > before);
            match rewrite {
                Rewrite::OnItsWay => {
                    wait_until("it writes its base", || half_a_base(folder).is_some());
                    wait_for_replies(replies, count / 8);
                }
                _ => wait_until("it has ended", || client.info("aof_rewrite_in_progress") == 0),
            }
        }
        Rewrite::ByGrowth => {
            client.config_set("auto-aof-rewrite-min-size", "1kb");
            client.config_set("auto-aof-rewrite-percentage", "1");
            wait_until("one has begun by itself", || client.info("aof_rewrites") > before);
            wait_for_replies(replies, count / 8);
        }
    }
    kill(server);
}

/// The file in which a rewrite writes what it has not ended yet.
fn half_a_base(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder.join("appendonlydir")).expect("it is there").map(|entry| entry.expect("a name"));
    names.map(|entry| entry.path()).find(|path| path.display().to_string().contains("temp-rewriteaof-bg-"))
}

/// How often something is killed, and where the choice of moments begins.
pub(super) fn from_environment(rounds: u64) -> (u64, u64) {
    let variable = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    (variable("LARDER_KILL_ROUNDS", rounds), variable("LARDER_KILL_SEED", 1))
}

fn kill_again_and_again(policy: &str) {
    let (rounds, seed) = from_environment(ROUNDS);
    let mut rng = Rng::new(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().display().to_string();
    let options = ["--dir", &dir, "--appendonly", "yes", "--appendfsync", policy, "--save", ""];
    let (mut within_rewrites, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        let server = Server::larder(&options);
        let mut client = server.connect();
        wait_until("it has loaded its data", || client.info("loading") == 0);
        assert_eq!(client.call(&["FLUSHALL"]), Value::Simple("OK".into()));
        let old: Vec<String> = (0..OLD_KEYS).flat_map(|number| [format!("old:{number}"), number.to_string()]).collect();
        assert_eq!(client.call(&[vec!["MSET".to_owned()], old].concat()), Value::Simple("OK".into()));
        let rewrite = [Rewrite::None, Rewrite::OnItsWay, Rewrite::Ended, Rewrite::ByGrowth][round as usize % 4];
        let count = REPLIES_MIN + rng.below(REPLIES_MIN);
        let told = work(server, |server, replies| {
            kill_one(server, folder.path(), rewrite, replies, count);
            acknowledged += replies.load(Ordering::Acquire);
        });
        if let Some(path) = half_a_base(folder.path()) {
            within_rewrites += 1;
            std::fs::remove_file(path).expect("nobody needs it");
        }
        let again = Server::larder(&options);
        let mut client = again.connect();
        wait_until("it has loaded its data", || client.info("loading") == 0);
        check(&mut client, &told, &format!("{policy}, seed {seed}, round {round}, {rewrite:?}"));
        for number in [0, OLD_KEYS - 1] {
            assert_eq!(client.call(&["GET", &format!("old:{number}")]), Value::Bulk(number.to_string().into()), "{policy}, round {round}");
        }
        kill(again);
    }
    eprintln!(
        "appendfsync {policy}: {rounds} kills, {within_rewrites} of them within rewrites, nothing lost of {acknowledged} replies and more"
    );
    // Of four rounds one kills a rewrite that is slow on purpose.
    assert!(rounds < 4 || within_rewrites > 0, "no kill came within a rewrite");
}

#[test]
fn always_keeps_what_was_acknowledged() {
    kill_again_and_again("always");
}

#[test]
fn everysec_keeps_what_was_acknowledged_unless_the_power_fails() {
    kill_again_and_again("everysec");
}
