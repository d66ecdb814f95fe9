//! Clients that wait for keys: the same steps against Larder, with one worker and with two, and a real Valkey; and a crowd of them of
//! whom none may lose anything.

use std::sync::atomic::{AtomicUsize, Ordering};

use larder_proto::resp::Value;

use crate::support::{Connection, Server, wait_until};

/// Steps, one per line. `name: words` sends a request and reads its reply; `name~ words` does not compare it. `name> words` only
/// sends it, and `name<` reads a reply.
/// `blocked N` waits until so many clients wait. `name/ A / B` sends requests at once and reads all replies.
const STEPS: &[(&str, &str)] = &[
    ("the first key that has something is taken from", "a> BLPOP a b 0\nblocked 1\nr: LPUSH b 1 2\na<\nr: LRANGE b 0 -1"),
    (
        "in the order in which they came, before the next request",
        "a> BLPOP k 0\nblocked 1\nb> BRPOP k 0\nblocked 2\nc> BLPOP k 0\nblocked 3\nr: RPUSH k x y\na<\nb<\nblocked 1\nr/ RPUSH k z / LLEN k / EXISTS k\nc<",
    ),
    ("a chain", "a> BLMOVE s d LEFT RIGHT 0\nblocked 1\nb> BLPOP d 0\nblocked 2\nr: LPUSH s link\na<\nb<\nr: EXISTS s d"),
    (
        "to itself",
        "a> BLPOP self 0\nblocked 1\nb> BRPOPLPUSH self self 0\nblocked 2\nr: RPUSH self 1\na<\nr: RPUSH self 2\nb<\nr: LRANGE self 0 -1",
    ),
    (
        "a destination of another type costs nothing",
        "r: SET t text\na> BRPOPLPUSH l t 0\nblocked 1\nr: RPUSH l foo\na<\nr: LRANGE l 0 -1\na: BRPOPLPUSH t l 0\na: BLPOP none t 0",
    ),
    ("in vain", "a: BLPOP none 0.02\na: BLMOVE none other LEFT LEFT 0.02\na: BZPOPMIN none 0.02\na: BLMPOP 0.02 1 none LEFT\nblocked 0"),
    (
        "timeouts and options that are wrong",
        "a: BLPOP k -1\na: BLPOP k x\na: BLPOP k 1e30\na: BLMPOP 0 0 k LEFT\na: BLMPOP 0 1 k UP\na: BLMPOP x 1 k UP\na: BLMOVE a b UP LEFT 0\na: BZMPOP 0 1 k MIN COUNT 0\na: BZMPOP 0 2 k MIN",
    ),
    ("nothing waits in EXEC", "r: MULTI\nr: BLPOP no 0\nr: BLMOVE no other LEFT LEFT 0\nr: BZMPOP 0 1 no MIN\nr: EXEC"),
    ("EXEC wakes when it ends", "a> BLPOP one two 0\nblocked 1\nr: MULTI\nr: RPUSH two 2\nr: RPUSH one 1\nr: EXEC\na<\nr: LRANGE two 0 -1"),
    (
        "what EXEC takes away again wakes nobody",
        "a> BLPOP k 0\nblocked 1\nr: MULTI\nr: RPUSH k 1\nr: DEL k\nr: EXEC\nblocked 1\nr: RPUSH k 2\na<",
    ),
    (
        "what a key was before it became a list takes no place in the order",
        "a> BLMOVE c d LEFT RIGHT 0\nblocked 1\nb> BLPOP d b 0\nblocked 2\nr: MULTI\nr: SET c x\nr: RPUSH b 1\nr: DEL c\nr: RPUSH c 2\nr: EXEC\na<\nb<\nr: LRANGE d 0 -1\nr: EXISTS b",
    ),
    ("keys of other types pass by", "a> BLPOP k 0\nblocked 1\nr: SET k 1\nr: DEL k\nr: ZADD k 1 m\nr: DEL k\nblocked 1\nr: RPUSH k 5\na<"),
    (
        "RENAME and COPY",
        "a> BLPOP k 0\nblocked 1\nr: RPUSH o 1\nr: RENAME o k\na<\na> BLPOP k 0\nblocked 1\nr: RPUSH o 1 2\nr: COPY o k\na<\nr: LRANGE k 0 -1",
    ),
    (
        "SWAPDB and MOVE",
        "a> BLPOP k 0\nblocked 1\nr: SELECT 9\nr: RPUSH k v\nr: SWAPDB 0 9\na<\na> BLPOP k 0\nblocked 1\nr: RPUSH k w\nr: MOVE k 0\na<\nr: SELECT 0",
    ),
    (
        "what stands against it by now",
        "a> BLMOVE o1 o2 LEFT LEFT 0\nblocked 1\nr: MULTI\nr: RPUSH o1 v\nr: CONFIG SET maxmemory 1\nr: EXEC\na<\nr: CONFIG SET maxmemory 0\nr: LRANGE o1 0 -1\nr: DEL o1\na> BLPOP o1 0\nblocked 1\nb> BLPOP o1 0\nblocked 2\nr: MULTI\nr: RPUSH o1 v w\nr: CONFIG SET maxmemory 1\nr: EXEC\na<\nb<\nr: CONFIG SET maxmemory 0\na> BLPOP o1 0\nblocked 1\nr: MULTI\nr: RPUSH o1 v\nr: CONFIG SET min-replicas-to-write 1\nr: EXEC\na<\nr: CONFIG SET min-replicas-to-write 0\nr: LRANGE o1 0 -1\nr: DEL o1",
    ),
    (
        "EXEC of what cannot run asks for no memory",
        "r: SET k 1\nr: WATCH k\nr: MULTI\nr: SET x 1\na: SET k 2\na: CONFIG SET maxmemory 1\nr: EXEC\na: CONFIG SET maxmemory 0\nr: MULTI\nr: SET x 1\nr: NO SUCH\na: CONFIG SET maxmemory 1\nr: EXEC\na: CONFIG SET maxmemory 0\nr: DEL k",
    ),
    ("FLUSHALL wakes nobody", "a> BLPOP k 0\nblocked 1\nr: FLUSHALL\nblocked 1\nr: RPUSH k v\na<"),
    (
        "sorted sets",
        "a> BZPOPMIN z1 z2 0\nblocked 1\nb> BZMPOP 0 1 z2 MAX COUNT 2\nblocked 2\nr: ZADD z2 1 a 2 b 3 c\na<\nb<\nr: EXISTS z2\na~ HELLO 3\na> BZPOPMAX z1 z2 0\nblocked 1\nr: ZADD z2 1.5 a\na<",
    ),
    ("requests behind it wait", "a/ BLPOP k 0.02 / PING / LLEN k / RPUSH k 1 / BLPOP k 0"),
    (
        "a key that is named again counts at its first place",
        "a> BLPOP k j k i j k 0\nblocked 1\nb> BZPOPMIN y z y 0\nblocked 2\nr: MULTI\nr: RPUSH i 1\nr: RPUSH j 2\nr: RPUSH k 3\nr: EXEC\na<\nr: ZADD z 1 m\nb<\na> BLPOP k k k 0\nblocked 1\na> BRPOPLPUSH k k 0\nr: RPUSH k 4 5\na<\na<\nr: LRANGE k 0 -1\na: BLPOP none none 0.02",
    ),
    (
        "streams that are named again are read again",
        "r: XADD s 1-1 f v\na> XREAD BLOCK 0 STREAMS s s s $ 1-1 5-0\nblocked 1\nb> XREAD BLOCK 0 COUNT 1 STREAMS n s n 0 $ 3-0\nblocked 2\nr: XADD s 2-0 f w\na<\nb<\nc> XREAD BLOCK 0 STREAMS n s n 0 $ 3-0\nblocked 1\nr: XADD n 4-0 f x\nc<\na: XREAD BLOCK 20 STREAMS s s $ $",
    ),
    (
        "groups that are named again are read again",
        "r: XGROUP CREATE s g $ MKSTREAM\na> XREADGROUP GROUP g c BLOCK 0 STREAMS s s > >\nblocked 1\nr: XADD s 1-0 f v\na<\na> XREADGROUP GROUP g c BLOCK 0 STREAMS s s > >\nblocked 1\nr: DEL s\na<",
    ),
    ("each key once", "a> BLMPOP 0 2 k k LEFT COUNT 10\nblocked 1\nr: RPUSH k 1 2 3\na<\nblocked 0\nr: EXISTS k"),
    (
        "CLIENT REPLY OFF",
        "a> CLIENT REPLY OFF\na> BLPOP k 0\nblocked 1\nr: RPUSH k 1\nblocked 0\na> RPUSH k 2\na: CLIENT REPLY ON\nr: LLEN k",
    ),
];

/// A server and the clients of a scenario.
struct Stage<'s> {
    server: &'s Server,
    watcher: Connection,
    clients: Vec<(String, Connection)>,
    seen: Vec<String>,
}

impl Stage<'_> {
    fn client(&mut self, name: &str) -> &mut Connection {
        if !self.clients.iter().any(|(known, _)| known == name) {
            self.clients.push((name.to_owned(), self.server.connect()));
        }
        &mut self.clients.iter_mut().find(|(known, _)| known == name).expect("it was added").1
    }

    fn wait_for_blocked(&mut self, count: u64) {
        wait_until("so many clients wait", || self.watcher.info("blocked_clients") == count);
    }

    fn note(&mut self, line: &str, reply: &Value) {
        self.seen.push(format!("{line} -> {reply:?}"));
    }

    fn play(&mut self, steps: &str) {
        for line in steps.lines() {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            if let Some(count) = line.strip_prefix("blocked ") {
                self.wait_for_blocked(count.parse().expect("a number"));
            } else if let Some(name) = line.strip_suffix('<') {
                let reply = self.client(name).receive();
                self.note(line, &reply);
            } else if let Some((name, request)) = line.split_once("~ ") {
                self.client(name).call(&words(request));
            } else if let Some((name, request)) = line.split_once("> ") {
                self.client(name).send(&words(request));
            } else if let Some((name, requests)) = line.split_once("/ ") {
                let requests: Vec<_> = requests.split(" / ").map(words).collect();
                let count = requests.len();
                self.client(name).send_all(requests.into_iter());
                for _ in 0..count {
                    let reply = self.client(name).receive();
                    self.note(line, &reply);
                }
            } else {
                let (name, request) = line.split_once(": ").expect("one of the forms");
                let reply = self.client(name).call(&words(request));
                self.note(line, &reply);
            }
        }
    }
}

/// What a server answers, and how often it counted each command that waits.
fn play_all(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for (name, steps) in STEPS {
        let mut stage = Stage { server, watcher: server.connect(), clients: Vec::new(), seen: vec![format!("{name}:")] };
        stage.watcher.call(&["FLUSHALL"]);
        stage.play(steps);
        stage.wait_for_blocked(0);
        all.append(&mut stage.seen);
    }
    let mut watcher = server.connect();
    let Value::Bulk(stats) = watcher.call(&["INFO", "commandstats"]) else { panic!("INFO answers a text") };
    let stats = String::from_utf8_lossy(&stats).into_owned();
    let mut counts: Vec<_> = stats.lines().filter(|line| line.starts_with("cmdstat_b")).filter_map(|line| line.split(',').next()).collect();
    counts.sort_unstable();
    all.extend(counts.into_iter().map(str::to_owned));
    all
}

#[test]
fn clients_wait_and_are_served_as_in_valkey() {
    let Some(reference) = Server::reference("blocking", &[]) else { return };
    let expected = play_all(&reference);
    for workers in ["1", "2"] {
        let larder = Server::larder(&["--io-threads", workers]);
        let seen = play_all(&larder);
        for (ours, theirs) in seen.iter().zip(&expected) {
            assert_eq!(ours, theirs, "{workers} workers");
        }
        assert_eq!(seen.len(), expected.len());
    }
}

#[test]
fn client_unblock_and_the_end_of_a_client() {
    let larder = Server::larder(&[]);
    let (mut root, mut waiting) = (larder.connect(), larder.connect());
    let Value::Integer(id) = waiting.call(&["CLIENT", "ID"]) else { panic!("an ID is a number") };
    let id = id.to_string();
    let blocked = |root: &mut Connection, count: u64| wait_until("so many wait", || root.info("blocked_clients") == count);
    for (how, reply) in [("TIMEOUT", Value::Null), ("ERROR", Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into()))] {
        waiting.send(&["BLPOP", "k", "0"]);
        blocked(&mut root, 1);
        assert_eq!(root.info("total_blocking_keys"), 1);
        assert_eq!(root.call(&["CLIENT", "UNBLOCK", &id, how]), Value::Integer(1));
        assert_eq!(waiting.receive(), reply);
        assert_eq!(root.call(&["CLIENT", "UNBLOCK", &id]), Value::Integer(0));
    }
    waiting.send(&["BLPOP", "k", "0"]);
    blocked(&mut root, 1);
    let mut other = larder.connect();
    other.send(&["BLPOP", "k", "0"]);
    blocked(&mut root, 2);
    drop(waiting);
    blocked(&mut root, 1);
    root.call(&["RPUSH", "k", "1", "2"]);
    assert!(matches!(other.receive(), Value::Array(_)));
    assert_eq!(root.call(&["LRANGE", "k", "0", "-1"]), Value::Array(vec![Value::Bulk("2".into())]), "who went takes nothing");
    assert_eq!(root.info("total_blocking_keys"), 0);
}

#[test]
fn a_pause_holds_back_who_is_served() {
    let larder = Server::larder(&["--io-threads", "2"]);
    let (mut root, mut waiting) = (larder.connect(), larder.connect());
    root.call(&["RPUSH", "k", "1"]);
    root.call(&["CLIENT", "PAUSE", "100000", "WRITE"]);
    waiting.send(&["BLPOP", "k", "0"]);
    wait_until("it waits for the pause", || root.info("blocked_clients") == 1);
    root.call(&["CLIENT", "UNPAUSE"]);
    assert!(matches!(waiting.receive(), Value::Array(_)));
    waiting.send(&["BLPOP", "k", "0"]);
    wait_until("it waits for the key", || root.info("total_blocking_keys") == 1);
    root.call(&["CLIENT", "PAUSE", "100000", "WRITE"]);
    root.call(&["CLIENT", "UNPAUSE"]);
    root.call(&["RPUSH", "k", "2"]);
    assert!(matches!(waiting.receive(), Value::Array(_)));
}

/// Elements that each producer adds.
const ELEMENTS: usize = 2000;
const PRODUCERS: usize = 3;

#[test]
fn a_crowd_of_consumers_loses_nothing_and_gets_nothing_twice() {
    let larder = Server::larder(&["--io-threads", "2"]);
    let seen: Vec<AtomicUsize> = (0..PRODUCERS * ELEMENTS).map(|_| AtomicUsize::new(0)).collect();
    let total = AtomicUsize::new(0);
    let take: &[&[&str]] = &[
        &["BLPOP", "q1", "q2", "0.05"],
        &["BRPOP", "q2", "moved", "0.05"],
        &["BLMPOP", "0.05", "3", "moved", "q1", "q2", "LEFT", "COUNT", "3"],
    ];
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let mut connection = larder.connect();
            scope.spawn(move || {
                for number in 0..ELEMENTS {
                    let element = (producer * ELEMENTS + number).to_string();
                    let key = if number % 2 == 0 { "q1" } else { "q2" };
                    connection.call(&["LPUSH", key, &element]);
                }
            });
        }
        let mut mover = larder.connect();
        let (seen, total) = (&seen, &total);
        scope.spawn(move || {
            while total.load(Ordering::Relaxed) < PRODUCERS * ELEMENTS {
                mover.call(&["BLMOVE", "q1", "moved", "RIGHT", "LEFT", "0.05"]);
            }
        });
        for consumer in 0..6 {
            let mut connection = larder.connect();
            scope.spawn(move || {
                while total.load(Ordering::Relaxed) < PRODUCERS * ELEMENTS {
                    let reply = connection.call(take[consumer % take.len()]);
                    let Value::Array(parts) = reply else { continue };
                    let elements = match &parts[1] {
                        Value::Array(elements) => elements.clone(),
                        one => vec![one.clone()],
                    };
                    for element in elements {
                        let text = String::from_utf8_lossy(element.as_bytes().expect("a text")).into_owned();
                        seen[text.parse::<usize>().expect("a number")].fetch_add(1, Ordering::Relaxed);
                        total.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
    let mut client = larder.connect();
    // Whoever could not take itself out of a stripe that was held just then is taken out later.
    wait_until("nobody is left who waits", || client.info("total_blocking_keys") == 0);
}
