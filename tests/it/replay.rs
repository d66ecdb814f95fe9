//! The write log, applied to an empty keyspace, makes the same data: random commands of the whole command table, with time passing,
//! transactions, clients that wait, expiry and eviction; read again by this server, and by a real Valkey as its append only file.
//!
//! LARDER_REPLAY_SEEDS is how many histories are tried (by default a few), LARDER_REPLAY_SEED the one to begin with. A history that fails
//! prints its seed, what differs, and what the log says of it.

#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../differential/catalog.rs"]
mod catalog;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../differential/compare.rs"]
mod compare;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../differential/contents.rs"]
mod contents;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../differential/generate.rs"]
mod generate;
#[allow(dead_code, reason = "shared with the fuzz targets")]
#[path = "../differential/in_process.rs"]
mod in_process;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../differential/values.rs"]
mod values;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use larder::base::clock::{self, Now};
use larder::base::rng::Rng;
use larder::engine::replay::{Came, Replay};
use larder::engine::replication_state::LogUser;
use larder::engine::shared::Shared;
use larder::keyspace::access::Moment;
use larder::keyspace::evict::{World, make_room};
use larder::keyspace::expire::{Effort, Sweep};
use larder::persist::write_log::LogReader;
use larder::server::in_process::{Peer, plain_node};
use larder_proto::resp::{ReplyDecoder, Value};

use self::catalog::{Command, catalog};
use self::generate::{CONNECTIONS, Generator};
use self::values::Choices;
use super::support::{Connection, Server, wait_until};

/// Commands of a history.
const COMMANDS: usize = 1500;
/// Histories that are tried unless LARDER_REPLAY_SEEDS says otherwise.
const SEEDS: u64 = 12;
/// How many of a hundred steps let time pass, take what has ended, evict a key, or have a client wait.
const PAUSE_PERCENT: u64 = 4;
const EVICT_PERCENT: u64 = 1;
const WAIT_PERCENT: u64 = 4;
/// And how many send a request of [`UNLIKE`], in histories that take turns.
const UNLIKE_PERCENTS: [u64; 3] = [10, 40, 100];
/// Passes over all keys after which nothing is left that has ended.
const LAST_SWEEPS: usize = 20;
const PAUSE: Duration = Duration::from_millis(4);
/// Longer than any of the short times to live that are made.
const ALL_ENDED: Duration = Duration::from_millis(values::SHORT_MS_MAX + 30);

const OPTIONS: &[&str] = &[
    "--proto-max-bulk-len",
    "1mb",
    "--maxmemory-policy",
    "allkeys-random",
    "--latency-tracking",
    "no",
    "--stream-node-max-entries",
    "4",
    "--enable-debug-command",
    "yes",
];

/// What a client waits with; `K` stands for a key of the type.
const WAITING: &[(&str, &str)] = &[
    ("list", "BLPOP K L 0"),
    ("list", "BRPOP L K 0"),
    ("list", "BLMOVE K L LEFT RIGHT 0"),
    ("list", "BRPOPLPUSH K L 0"),
    ("list", "BLMPOP 0 2 K L LEFT COUNT 2"),
    ("zset", "BZPOPMIN K L 0"),
    ("zset", "BZPOPMAX K 0"),
    ("zset", "BZMPOP 0 1 K MAX COUNT 3"),
    ("stream", "XREADGROUP GROUP g1 c1 COUNT 2 BLOCK 0 STREAMS K >"),
    ("stream", "XREADGROUP GROUP g1 c2 NOACK BLOCK 0 STREAMS K >"),
];

/// Requests that the generator does not make, since no two servers answer them alike: by the clock, by chance, and what ends while others
/// look at it. `F` stands for a field, `T` for some milliseconds.
const UNLIKE: &[&str] = &[
    "XADD stream1 * f v",
    "XADD stream1 NOMKSTREAM MAXLEN ~ 3 * f v",
    "XADD stream2 MINID ~ 5 LIMIT 4 * a b c d",
    "XTRIM stream1 MAXLEN ~ 2",
    "XTRIM stream2 MINID ~ 9999999999999",
    "XGROUP CREATE stream1 g1 $ MKSTREAM",
    "XGROUP CREATE stream2 g1 0 MKSTREAM",
    "XGROUP SETID stream1 g1 0",
    "XREADGROUP GROUP g1 c1 COUNT 3 STREAMS stream1 >",
    "XREADGROUP GROUP g1 c2 STREAMS stream2 0",
    "XREADGROUP GROUP g1 c3 STREAMS stream1 stream2 > >",
    "XAUTOCLAIM stream1 g1 c2 0 0 COUNT 2",
    "XAUTOCLAIM stream2 g1 c4 1 0 JUSTID",
    "XDEL stream1 1-1",
    "HSET hash1 F 1 F 2",
    "HSET hash2 F 1",
    "HPEXPIRE hash1 T FIELDS 1 F",
    "HPEXPIRE hash1 T NX FIELDS 2 F F",
    "HPEXPIRE hash2 100000 XX FIELDS 2 F F",
    "HPEXPIRE hash2 T FIELDS 1 F",
    "HSETEX hash1 PX T FIELDS 2 F 1 F 2",
    "HSETEX hash2 FXX EX 100 FIELDS 1 F 5",
    "HSETEX hash1 KEEPTTL FIELDS 2 F 8 F 9",
    "HSETEX hash1 FNX KEEPTTL FIELDS 1 F 3",
    "HSETEX hash2 PXAT 5 FIELDS 1 F 1",
    "HGETEX hash1 PX T FIELDS 2 F F",
    "HGETEX hash1 PERSIST FIELDS 2 F F",
    "HPERSIST hash1 FIELDS 2 F F",
    "HPERSIST hash2 FIELDS 1 F",
    "HINCRBY hash1 F 3",
    "HINCRBYFLOAT hash1 F 0.5",
    "HINCRBYFLOAT hash2 F 1",
    "HSETNX hash1 F 4",
    "HDEL hash1 F F",
    "HGETDEL hash1 FIELDS 2 F F",
    "HGETDEL hash2 FIELDS 1 F",
    "COPY hash1 hash2 REPLACE",
    "COPY hash2 hash1 DB 1 REPLACE",
    "SADD set1 1 2 F",
    "RPUSH list1 1 2 1",
    "SORT list1 BY hash*->f1 GET # GET hash*->f2 STORE list2",
    "SORT set1 BY nosort GET hash*->f3 STORE list1",
    "SPOP set1",
    "SPOP set2 3",
    "PEXPIRE hash1 T",
    "PEXPIRE set1 T",
    "EXPIRE hash2 -1",
    "SET string1 v PX T",
    "SET string1 w EX 100 GET",
    "SET number 5 GET",
    "SET number 6 KEEPTTL GET",
    "SET string2 x PXAT 5",
    "GETEX string1 PX T",
    "GETEX string1 PXAT 5",
    "MSETEX 2 string1 a string2 b PX T",
    "PFADD string2 F",
    "PFCOUNT string2",
];

struct Random(Rng);

impl Choices for Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }
}

fn call(peer: &mut Peer, words: &[&[u8]]) -> Option<Value> {
    let bytes = peer.call(words)?;
    let mut pending = BytesMut::from(bytes.as_slice());
    ReplyDecoder::default().decode(&mut pending).expect("replies are sound")
}

fn ask(peer: &mut Peer, request: &str) -> Value {
    let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    call(peer, &words).unwrap_or_else(|| panic!("{request} does not run at once"))
}

/// A request that does not run at once by itself does so in a transaction.
fn call_in_transaction(peer: &mut Peer, words: &[&[u8]]) -> Option<Value> {
    let Value::Simple(_) = call(peer, &[b"MULTI"])? else { return None };
    call(peer, words);
    match call(peer, &[b"EXEC"])? {
        Value::Array(mut replies) => replies.pop(),
        error => Some(error),
    }
}

struct History {
    node: Arc<Shared>,
    reader: LogReader,
    peers: Vec<Peer>,
    waiting: Peer,
    generator: Generator<Random>,
    sweep: Sweep,
    unlike_percent: u64,
    /// What has ended and was not met by anybody is there until the end.
    leaves_ended: bool,
    /// What was asked for, to be shown if it comes out wrong.
    told: Vec<String>,
}

impl History {
    fn new(seed: u64, commands: &Rc<[Command]>) -> History {
        let node = plain_node(OPTIONS);
        let reader = node.set_logging(LogUser::Aof, true, |log| log.read_from_end(true).0);
        let mut history = History {
            peers: (0..CONNECTIONS).map(|_| Peer::new(&node)).collect(),
            waiting: Peer::new(&node),
            generator: Generator::new(Random(Rng::new(seed)), Rc::clone(commands)),
            sweep: Sweep::new(node.keyspace.databases()),
            unlike_percent: UNLIKE_PERCENTS[(seed % 3) as usize],
            leaves_ended: false,
            told: Vec::new(),
            reader,
            node,
        };
        call(&mut history.peers[1], &[b"HELLO", b"3"]);
        history
    }

    fn step(&mut self) {
        let choose = &mut self.generator.choose;
        if choose.chance(PAUSE_PERCENT) {
            std::thread::sleep(PAUSE);
            if choose.chance(50) {
                self.sweep();
            }
        }
        let choose = &mut self.generator.choose;
        if choose.chance(EVICT_PERCENT) {
            self.evict();
        }
        let choose = &mut self.generator.choose;
        if choose.chance(WAIT_PERCENT) {
            self.wait();
        }
        let choose = &mut self.generator.choose;
        let connection = choose.below(CONNECTIONS as u64) as usize;
        if choose.chance(self.unlike_percent) {
            return self.ask_unlike(connection);
        }
        let request = self.generator.request(connection);
        let words: Vec<&[u8]> = request.words.iter().map(Vec::as_slice).collect();
        self.told.push(format!("{connection}: {}", words.join(&b' ').escape_ascii()));
        let reply = call(&mut self.peers[connection], &words).or_else(|| call_in_transaction(&mut self.peers[connection], &words));
        let is_success = reply.is_some_and(|reply| reply.as_error().is_none());
        self.generator.learn_outcome(request.command, &request.keys, is_success);
        if self.generator.commands()[request.command].is_write() && is_success {
            let database = self.generator.database(connection);
            let mut asking = Peer::new(&self.node);
            ask(&mut asking, &format!("SELECT {database}"));
            for name in &request.keys {
                let reply = call(&mut asking, &[b"TYPE", name.as_bytes()]);
                let key_type = reply.as_ref().and_then(Value::as_bytes).map(|name| String::from_utf8_lossy(name).into_owned());
                self.generator.learn_type(database, name, key_type.as_deref().unwrap_or("none"));
            }
        }
    }

    fn ask_unlike(&mut self, connection: usize) {
        let choose = &mut self.generator.choose;
        let words: Vec<String> = UNLIKE[choose.below(UNLIKE.len() as u64) as usize]
            .split(' ')
            .map(|word| match word {
                "F" => format!("f{}", 1 + choose.below(3)),
                "T" => (1 + choose.below(values::SHORT_MS_MAX)).to_string(),
                word => word.to_owned(),
            })
            .collect();
        self.told.push(format!("{connection}: {}", words.join(" ")));
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        if call(&mut self.peers[connection], &words).is_none() {
            call_in_transaction(&mut self.peers[connection], &words);
        }
    }

    fn sweep(&mut self) {
        self.told.push("sweep".into());
        let mut cycle = self.sweep.begin(Effort::new(10, 10));
        while self.sweep.step(&mut cycle, &self.node.keyspace, clock::unix_ms()) {}
        self.sweep.end(cycle, &self.node.keyspace, false);
    }

    /// Evicts a key.
    fn evict(&mut self) {
        self.told.push("evict".into());
        let mut config = larder::config::Config::clone(&self.node.config.load());
        config.maxmemory = 1000;
        let looks = Cell::new(0);
        let used = || {
            looks.set(looks.get() + 1);
            if looks.get() > 1 { 0 } else { 2000 }
        };
        let world = World { used_bytes: &used, now_us: &|| 0 };
        let moment = Moment::new(&self.node.keyspace, clock::unix_ms());
        let _ = make_room(&self.node.keyspace, &config, &moment, self.generator.choose.below(1 << 32), &world);
    }

    /// Has a client wait for a key, in place of what it waited for.
    fn wait(&mut self) {
        self.waiting.leave();
        let choose = &mut self.generator.choose;
        let (kind, request) = WAITING[choose.below(WAITING.len() as u64) as usize];
        let (one, other) = (format!("{kind}{}", 1 + choose.below(2)), format!("{kind}{}", 1 + choose.below(2)));
        let database = choose.below(3).to_string();
        self.told.push(format!("waits in {database}: {request} ({one}, {other})"));
        call(&mut self.waiting, &[b"SELECT", database.as_bytes()]);
        let words: Vec<&[u8]> = request
            .split(' ')
            .map(|word| match word {
                "K" => one.as_bytes(),
                "L" => other.as_bytes(),
                word => word.as_bytes(),
            })
            .collect();
        self.waiting.begin_to_wait(&words);
    }

    /// Ends it. Returns the bytes of the log.
    fn end(&mut self) -> Vec<u8> {
        self.waiting.leave();
        for peer in &mut self.peers {
            call(peer, &[b"RESET"]);
        }
        std::thread::sleep(ALL_ENDED);
        // Who reads the log may look for what has ended by itself, and a hash of which nothing else is left goes with it.
        if !self.leaves_ended {
            (0..LAST_SWEEPS).for_each(|_| self.sweep());
        }
        let mut pieces = Vec::new();
        let end = self.node.write_log.read(&self.reader, &mut pieces);
        self.node.write_log.release(&self.reader, end);
        pieces.concat()
    }
}

/// The requests of a log.
fn requests(log: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut decoder, mut pending, mut requests) = (ReplyDecoder::default(), BytesMut::from(log), Vec::new());
    while let Some(value) = decoder.decode(&mut pending).expect("a log consists of requests") {
        let Value::Array(words) = value else { panic!("{value:?} is no request") };
        requests.push(words.iter().map(|word| word.as_bytes().expect("a word").to_vec()).collect());
    }
    assert!(pending.is_empty(), "a part of a request: {}", pending.escape_ascii());
    requests
}

fn apply(requests: &[Vec<Vec<u8>>]) -> Arc<Shared> {
    let node = plain_node(OPTIONS);
    let (config, mut replay) = (node.config.load(), Replay::new(&node));
    for request in requests {
        let words: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        if let Err(error) =
            replay.apply(&config, &node.workers[0], Came { words: &words, prepared: None, bytes: &[], now: Now::read() }, false)
        {
            panic!("{}: {error}", words.join(&b' ').escape_ascii());
        }
    }
    assert!(!replay.is_in_transaction());
    node
}

/// A reply without what depends on when something was read.
fn without_times(value: Value) -> Value {
    let Value::Array(items) = value else { return value };
    let mut is_time = false;
    let kept = items.into_iter().filter_map(|item| {
        let drops = std::mem::take(&mut is_time);
        is_time = matches!(item.as_bytes(), Some(b"seen-time" | b"active-time" | b"radix-tree-keys" | b"radix-tree-nodes"));
        (!drops).then(|| without_times(item))
    });
    Value::Array(kept.collect())
}

/// All there is to know of the keys.
fn state(node: &Arc<Shared>) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for database in 0..node.keyspace.databases() {
        let mut peer = Peer::new(node);
        ask(&mut peer, &format!("SELECT {database}"));
        let Some(Value::Array(keys)) = call_in_transaction(&mut peer, &[b"KEYS", b"*"]) else { panic!("KEYS answers an array") };
        for key in keys {
            let name = key.as_bytes().expect("a name").to_vec();
            let value = describe(&mut peer, &name);
            state.insert(format!("{database} {}", name.escape_ascii()), value);
        }
    }
    state
}

fn describe(peer: &mut Peer, name: &[u8]) -> String {
    let kind = call(peer, &[b"TYPE", name]);
    let digest = call_in_transaction(peer, &[b"DEBUG", b"DIGEST-VALUE", name]);
    let mut text = format!("{kind:?} {digest:?} {:?}", call(peer, &[b"PEXPIRETIME", name]));
    match kind.as_ref().and_then(Value::as_bytes) {
        Some(b"stream") => {
            let full = call(peer, &[b"XINFO", b"STREAM", name, b"FULL", b"COUNT", b"0"]).map(without_times);
            text.push_str(&format!(" {full:?}"));
        }
        Some(b"hash") => {
            let Some(Value::Array(mut fields)) = call(peer, &[b"HKEYS", name]) else { return text };
            fields.sort_by_key(|field| field.as_bytes().map(<[u8]>::to_vec));
            for field in fields {
                let field = field.as_bytes().expect("a field").to_vec();
                let ends = call(peer, &[b"HPEXPIRETIME", name, b"FIELDS", b"1", &field]);
                text.push_str(&format!(" {}={ends:?}", field.escape_ascii()));
            }
        }
        Some(b"string") => text.push_str(&format!(" {:?}", call(peer, &[b"GETRANGE", name, b"0", b"200"]))),
        _ => {}
    }
    text
}

/// What the log, and the history, say of a key.
fn tell_of(name: &str, requests: &[Vec<Vec<u8>>], told: &[String]) -> String {
    let name = name.split_once(' ').map_or(name, |(_, name)| name);
    let shown = |lines: Vec<String>| lines.iter().rev().take(40).rev().cloned().collect::<Vec<_>>().join("\n  ");
    let is_of_all = |line: &str| line.contains("FLUSH") || line.contains("flush") || line.to_ascii_lowercase().contains("swapdb");
    let records = requests.iter().map(|words| words.join(&b' ').escape_ascii().to_string());
    let records: Vec<String> = records.filter(|line| line.contains(name) || line.starts_with("SELECT") || is_of_all(line)).collect();
    let told: Vec<String> = told.iter().filter(|line| line.contains(name) || is_of_all(line)).cloned().collect();
    format!("asked:\n  {}\nlogged:\n  {}", shown(told), shown(records))
}

fn try_history(seed: u64, commands: &Rc<[Command]>, leaves_ended: bool) -> (Vec<u8>, History) {
    let mut history = History { leaves_ended, ..History::new(seed, commands) };
    for _ in 0..COMMANDS {
        history.step();
    }
    let log = history.end();
    let requests = requests(&log);
    let again = apply(&requests);
    let (expected, found) = (state(&history.node), state(&again));
    let names = expected.keys().chain(found.keys());
    if let Some(name) = names.into_iter().find(|name| expected.get(*name) != found.get(*name)) {
        panic!(
            "seed {seed}, key {name}:\n  was  {:?}\n  read {:?}\n{}",
            expected.get(name),
            found.get(name),
            tell_of(name, &requests, &history.told)
        );
    }
    assert_eq!(digest(&history.node), digest(&again), "seed {seed}");
    (log, history)
}

fn digest(node: &Arc<Shared>) -> Value {
    let digest = call_in_transaction(&mut Peer::new(node), &[b"DEBUG", b"DIGEST"]).expect("it runs in a transaction");
    assert!(matches!(digest, Value::Simple(_)), "{digest:?}");
    digest
}

/// Which keys another server has otherwise.
fn differing(node: &Arc<Shared>, other: &mut Connection) -> Vec<String> {
    let mut names = Vec::new();
    for database in 0..node.keyspace.databases() {
        let mut peer = Peer::new(node);
        ask(&mut peer, &format!("SELECT {database}"));
        other.call(&["SELECT", &database.to_string()]);
        for name in Generator::<Random>::names() {
            let here = call_in_transaction(&mut peer, &[b"DEBUG", b"DIGEST-VALUE", name.as_bytes()]);
            let there = other.call(&["DEBUG", "DIGEST-VALUE", name]);
            if here.as_ref() != Some(&there) {
                names.push(format!("{database} {name}"));
            }
        }
    }
    names
}

fn commands() -> Rc<[Command]> {
    let is_used = |name: &str| in_process::runs_in_process(name, in_process::Use::Log);
    catalog(is_used).into()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn a_log_that_is_applied_makes_the_same_data() {
    let (commands, first) = (commands(), number("LARDER_REPLAY_SEED", 1));
    for seed in first..first + number("LARDER_REPLAY_SEEDS", SEEDS) {
        try_history(seed, &commands, seed % 2 == 0);
    }
}

/// Valkey reads the log as an append only file of old, which is one file of requests.
#[test]
fn a_valkey_reads_the_log_as_its_append_only_file() {
    let (commands, first) = (commands(), number("LARDER_REPLAY_SEED", 1001));
    for seed in first..first + number("LARDER_REPLAY_SEEDS", SEEDS / 4) {
        let (log, history) = try_history(seed, &commands, false);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("appendonly.aof"), &log).expect("a file");
        let folder = folder.path().to_str().expect("a name");
        let options = ["--dir", folder, "--appendonly", "yes", "--enable-debug-command", "yes"];
        let Some(valkey) = Server::reference("a_valkey_reads_the_log_as_its_append_only_file", &options) else { return };
        let mut client = valkey.connect();
        wait_until("it has loaded its data", || client.info("loading") == 0);
        if client.call(&["DEBUG", "DIGEST"]) != digest(&history.node) {
            let names = differing(&history.node, &mut client);
            let told = names.first().map(|name| tell_of(name, &requests(&log), &history.told));
            panic!("seed {seed}: Valkey has {names:?} otherwise\n{}", told.unwrap_or_default());
        }
    }
}
