//! What a node withstands: thousands of idle clients, slow ones, clients that never read, and the largest values there are.
//!
//! Some of these tests take gigabytes for a moment: they hold [`MEMORY`], so that one at a time does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use larder::base::limits::{OUTPUT_PAUSE_LEN, STRING_LEN_MAX};
use larder::base::rng::Rng;
use larder::base::{clock, process};
use larder_proto::resp::Value;
use parking_lot::Mutex;

use crate::support::{Connection, Server, request, wait_until};

/// Held by a test that takes much memory.
static MEMORY: Mutex<()> = Mutex::new(());

const MIB: usize = 1024 * 1024;
/// A test that measures memory allows this much for what a node does beside.
const NOISE_LEN: u64 = 2 * MIB as u64;

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn address(stream: &TcpStream) -> SocketAddr {
    stream.local_addr().expect("it is connected")
}

/// Reads as many bytes as `expected` has, which must be these.
fn expect_bytes(stream: &mut TcpStream, expected: &[u8], what: &str) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).expect("the server answers in time");
    assert!(got == expected, "{what}: {:?}", String::from_utf8_lossy(&got[..got.len().min(100)]));
}

/// Idle clients of the test below.
const IDLE: u64 = 10_000;
/// Descriptors of this process that are left to the other tests.
const DESCRIPTORS_LEFT: u64 = 500;
/// Requests that the one busy client sends without waiting.
const PIPELINE: usize = 50_000;
/// Most memory of an idle client, in bytes.
const IDLE_CLIENT_LEN_MAX: u64 = 4096;

#[test]
fn ten_thousand_idle_clients_are_held_while_another_one_works() {
    let files = process::raise_open_files(IDLE + DESCRIPTORS_LEFT);
    let server = Server::larder(&["--maxclients", &(IDLE + 2).to_string(), "--io-threads", "2"]);
    let mut busy = server.connect();
    let Value::Array(shown) = busy.call(&["CONFIG", "GET", "maxclients"]) else { panic!("no option") };
    let Value::Bulk(maxclients) = &shown[1] else { panic!("{shown:?}") };
    let maxclients: u64 = String::from_utf8_lossy(maxclients).parse().expect("a number");
    let count = IDLE.min(files.saturating_sub(DESCRIPTORS_LEFT)).min(maxclients - 2);
    if count < IDLE {
        eprintln!("ten_thousand_idle_clients: only {count}, this machine allows a process {files} open files");
    }
    let before = busy.info("used_memory");
    // Each is served once, so that it had buffers which it must have given back.
    let mut idle: Vec<TcpStream> = (0..count)
        .map(|_| {
            let mut stream = server.connect_raw();
            stream.write_all(b"PING\r\n").expect("the server reads");
            expect_bytes(&mut stream, b"+PONG\r\n", "PING");
            stream
        })
        .collect();
    assert_eq!(busy.info("connected_clients"), count + 1);

    let mut sender = server.connect_raw();
    let mut receiver = std::io::BufReader::new(sender.try_clone().expect("a second handle"));
    let sending = std::thread::spawn(move || {
        let requests: Vec<u8> = (0..PIPELINE).flat_map(|_| request(&["INCR", "counter"])).collect();
        sender.write_all(&requests).expect("the server reads");
    });
    let mut line = String::new();
    for number in 1..=PIPELINE {
        line.clear();
        std::io::BufRead::read_line(&mut receiver, &mut line).expect("the server answers in time");
        assert_eq!(line, format!(":{number}\r\n"));
    }
    sending.join().expect("all was sent");

    let mut each = 0;
    wait_until("idle clients take little memory", || {
        each = busy.info("used_memory").saturating_sub(before) / count;
        each < IDLE_CLIENT_LEN_MAX
    });
    eprintln!("ten_thousand_idle_clients: {count} clients take {each} bytes each");
    for stream in &mut idle {
        stream.write_all(b"PING\r\n").expect("the server still has it");
    }
    for stream in &mut idle {
        expect_bytes(stream, b"+PONG\r\n", "PING after the pipeline");
    }
    // The server's end first: then it is not this machine that is left with thousands of ports in TIME_WAIT.
    drop(server);
}

/// Requests that arrive byte by byte, with the end of a further one's beginning, and their replies.
const SLOW_REQUESTS: &[(&str, &str)] = &[
    ("*3\r\n$3\r\nSET\r\n$8\r\nslow:key\r\n$5\r\nvalue\r\n", "+OK\r\n"),
    ("*2\r\n$4\r\nECHO\r\n$12\r\na\r\nb*1\r\n$4\r\n\r\n", "$12\r\na\r\nb*1\r\n$4\r\n\r\n"),
    ("GET \"missing key\"\r\n", "$-1\r\n"),
    ("\r\n\r\nPING hello\r\n", "$5\r\nhello\r\n"),
    ("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "+PONG\r\n+PONG\r\n"),
    ("*1\r\n$4\r\nPI\r\n\r\n", "-ERR unknown command 'PI  ', with args beginning with: \r\n"),
];

#[test]
fn clients_that_send_a_byte_at_a_time_are_answered_and_hold_nobody_up() {
    let server = Server::larder(&["--io-threads", "2"]);
    let mut watcher = server.connect();
    let mut slow: Vec<TcpStream> = SLOW_REQUESTS.iter().map(|_| server.connect_raw()).collect();
    let mut others: Vec<Connection> = (0..4).map(|_| server.connect()).collect();
    let longest = SLOW_REQUESTS.iter().map(|(text, _)| text.len()).max().expect("there are some");
    for at in 0..longest {
        let mut sent = Vec::new();
        for (stream, (text, _)) in slow.iter_mut().zip(SLOW_REQUESTS) {
            let Some(byte) = text.as_bytes().get(at) else { continue };
            stream.write_all(&[*byte]).expect("the server reads");
            sent.push(address(stream));
        }
        for (number, other) in others.iter_mut().enumerate() {
            let (key, value) = (format!("other:{number}"), at.to_string());
            assert_eq!(other.call(&["SET", &key, &value]), ok());
            assert_eq!(other.call(&["GET", &key]), Value::Bulk(value.into()));
        }
        let received = (at + 1).to_string();
        wait_until("the server has read the byte", || {
            sent.iter().all(|address| watcher.client_field(*address, "tot-net-in").as_ref() == Some(&received))
        });
    }
    for (stream, (text, reply)) in slow.iter_mut().zip(SLOW_REQUESTS) {
        expect_bytes(stream, reply.as_bytes(), text);
    }
    assert_eq!(watcher.call(&["GET", "slow:key"]), Value::Bulk("value".into()));
}

/// Output that the clients of the test below may have pending.
const OUTPUT_LIMIT_LEN: usize = 8 * MIB;
/// Requests for a value of 1 MiB each: many times the limit.
const LARGE_READS: usize = 128;

/// The requests of clients that never read a reply. They end with a write, so that it shows whether all was executed.
fn large_reads() -> Vec<(&'static str, Vec<u8>)> {
    let get = request(&["GET", "large"]);
    let gets: Vec<u8> = (0..LARGE_READS).flat_map(|_| get.clone()).collect();
    let mget: Vec<&str> = std::iter::once("MGET").chain(std::iter::repeat_n("large", LARGE_READS)).collect();
    let exec = [request(&["MULTI"]), gets.clone(), request(&["INCR", "executed"]), request(&["EXEC"])].concat();
    vec![("pipelined", gets), ("one command", request(&mget)), ("transaction", exec)]
}

#[test]
fn a_client_that_never_reads_is_closed_before_its_output_grows_far_beyond_the_limit() {
    let limit = format!("normal {OUTPUT_LIMIT_LEN} 0 0");
    let server = Server::larder(&["--client-output-buffer-limit", &limit, "--logfile", "log"]);
    let mut watcher = server.connect();
    assert_eq!(watcher.call(&[&b"SET"[..], b"large", &vec![b'x'; MIB]]), ok());
    let before = watcher.info("used_memory");
    for (number, (what, requests)) in large_reads().iter().enumerate() {
        let mut stream = server.connect_raw();
        stream.write_all(requests).expect("the server reads");
        wait_until("the limit closes the client", || {
            watcher.info("client_output_buffer_limit_disconnections") == number as u64 + 1 && watcher.info("connected_clients") == 1
        });
        let log = std::fs::read_to_string(server.folder().join("log")).expect("the server logs");
        let closed = log.lines().rfind(|line| line.contains("closed for overcoming of output buffer limits")).expect("it says so");
        let pending = closed.split(' ').find_map(|field| field.strip_prefix("omem=")).expect("a field");
        let pending: usize = pending.parse().expect("a number");
        assert!((OUTPUT_LIMIT_LEN..OUTPUT_LIMIT_LEN + 2 * MIB).contains(&pending), "{what}: {pending}");
        wait_until("its memory is given back", || watcher.info("used_memory") < before + NOISE_LEN);
    }
    assert_eq!(watcher.call(&["GET", "executed"]), Value::Bulk("1".into()), "a transaction runs to its end all the same");
    // A single reply, the first of its client, of which nothing fits.
    watcher.config_set("client-output-buffer-limit", "normal 10 0 0");
    let mut stream = server.connect_raw();
    stream.write_all(&request(&["GET", "large"])).expect("the server reads");
    let closed = large_reads().len() as u64 + 1;
    wait_until("the limit closes the client", || watcher.info("client_output_buffer_limit_disconnections") == closed);
}

/// A subscriber is closed by whoever publishes, since it does not even send requests: before its task gets to run, if many messages come
/// from one command.
#[test]
fn a_subscriber_that_never_reads_is_closed_by_its_limit() {
    let limit = format!("pubsub {OUTPUT_LIMIT_LEN} 0 0");
    let server = Server::larder(&["--client-output-buffer-limit", &limit, "--io-threads", "1"]);
    let mut publisher = server.connect();
    let before = publisher.info("used_memory");
    let message = vec![b'x'; MIB / 4];
    for (number, at_once) in [1, OUTPUT_LIMIT_LEN / message.len() * 2].into_iter().enumerate() {
        let mut stream = server.connect_raw();
        let subscribe = request(&["SUBSCRIBE", "channel"]);
        stream.write_all(&subscribe).expect("the server reads");
        let mut reply = [0];
        stream.read_exact(&mut reply).expect("the server answers in time");
        let mut most = 0;
        wait_until("the limit closes the subscriber", || {
            assert_eq!(publisher.call(&["MULTI"]), ok());
            for _ in 0..at_once {
                publisher.call(&[&b"PUBLISH"[..], b"channel", &message]);
            }
            let Value::Array(replies) = publisher.call(&["EXEC"]) else { panic!("no transaction") };
            assert_eq!(replies.len(), at_once);
            most = most.max(publisher.info("used_memory"));
            publisher.info("connected_clients") == 1
        });
        assert_eq!(publisher.info("client_output_buffer_limit_disconnections"), number as u64 + 1, "{at_once} at once");
        let queued = (message.len() * at_once) as u64;
        assert!(most < before + OUTPUT_LIMIT_LEN as u64 * 3 + queued + NOISE_LEN, "from {before} to {most}, {at_once} at once");
        wait_until("its memory is given back", || publisher.info("used_memory") < before + NOISE_LEN);
    }
}

/// Replies of the test below, of 1 MiB each: more than a client without a limit may have pending.
const UNREAD_REPLIES: usize = OUTPUT_PAUSE_LEN / MIB + 200;

/// What `omem` is when the server waits: it counts 40 bytes more for each 16 KiB.
const PAUSED_LEN: usize = OUTPUT_PAUSE_LEN / (16 * 1024) * (16 * 1024 + 40);

#[test]
fn without_a_limit_a_client_that_does_not_read_has_to_wait_and_loses_nothing() {
    let _memory = MEMORY.lock();
    let server = Server::larder(&["--io-threads", "2"]);
    let mut watcher = server.connect();
    let large = vec![b'x'; MIB];
    assert_eq!(watcher.call(&[&b"SET"[..], b"large", &large]), ok());
    let before = watcher.info("used_memory");
    let mut stream = server.connect_raw();
    // All of it fits into one read of the server's, with a write at its end.
    let requests: Vec<u8> = (0..UNREAD_REPLIES).flat_map(|_| b"GET large\r\n".to_vec()).chain(b"SET done yes\r\n".to_vec()).collect();
    stream.write_all(&requests).expect("the server reads");
    let pending = |watcher: &mut Connection| -> usize {
        // The server may not have accepted it yet.
        watcher.client_field(address(&stream), "omem").map_or(0, |field| field.parse().expect("a number"))
    };
    wait_until("the server waits for the client", || pending(&mut watcher) >= PAUSED_LEN);
    let len = pending(&mut watcher);
    assert!(len < PAUSED_LEN + 2 * MIB, "{len} bytes wait");
    let used = watcher.info("used_memory") - before;
    eprintln!("without_a_limit: {} MiB wait and take {} MiB", len / MIB, used / MIB as u64);
    assert!(used < len as u64 / 4 * 5, "{len} bytes take {used}");
    assert_eq!(watcher.call(&["EXISTS", "done"]), Value::Integer(0));
    let reply = [format!("${MIB}\r\n").as_bytes(), &large, b"\r\n"].concat();
    for number in 0..UNREAD_REPLIES {
        expect_bytes(&mut stream, &reply, &format!("reply {number}"));
    }
    expect_bytes(&mut stream, b"+OK\r\n", "the last reply");
    assert_eq!(watcher.call(&["GET", "done"]), Value::Bulk("yes".into()));
    wait_until("the memory is given back", || watcher.info("used_memory") < before + NOISE_LEN);
}

/// One MiB of a large value, different for each number.
fn block(random: &[u8], number: usize) -> Vec<u8> {
    let mut block = random.to_vec();
    block[..8].copy_from_slice(&(number as u64).to_le_bytes());
    block
}

#[test]
fn the_largest_value_comes_back_as_it_was_sent_and_one_byte_more_is_refused() {
    let _memory = MEMORY.lock();
    let server = Server::larder(&[]);
    let mut watcher = server.connect();
    let before = watcher.info("used_memory");
    let mut rng = Rng::new(1);
    let random: Vec<u8> = (0..MIB / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let mut stream = server.connect_raw();
    stream.write_all(format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${STRING_LEN_MAX}\r\n").as_bytes()).expect("the server reads");
    for number in 0..STRING_LEN_MAX / MIB {
        stream.write_all(&block(&random, number)).expect("the server reads");
    }
    stream.write_all(b"\r\n").expect("the server reads");
    expect_bytes(&mut stream, b"+OK\r\n", "SET");
    assert_eq!(watcher.call(&["STRLEN", "large"]), Value::Integer(STRING_LEN_MAX as i64));

    stream.write_all(&request(&["GET", "large"])).expect("the server reads");
    expect_bytes(&mut stream, format!("${STRING_LEN_MAX}\r\n").as_bytes(), "the reply's header");
    for number in 0..STRING_LEN_MAX / MIB {
        expect_bytes(&mut stream, &block(&random, number), &format!("block {number}"));
    }
    expect_bytes(&mut stream, b"\r\n", "the reply's end");

    let mut refused = server.connect_raw();
    refused.write_all(format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${}\r\n", STRING_LEN_MAX + 1).as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    refused.read_to_end(&mut answer).expect("the server closes the connection in order");
    assert_eq!(String::from_utf8_lossy(&answer), "-ERR Protocol error: invalid bulk length\r\n");
    let longer = watcher.call(&["APPEND", "large", "x"]);
    assert_eq!(longer, Value::Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into()));
    assert_eq!(watcher.call(&["STRLEN", "large"]), Value::Integer(STRING_LEN_MAX as i64), "what is there stays");

    eprintln!("the_largest_value: {} MiB in use at most", watcher.info("used_memory_peak") / MIB as u64);
    assert_eq!(watcher.call(&["DEL", "large"]), Value::Integer(1));
    wait_until("the memory is given back", || watcher.info("used_memory") < before + NOISE_LEN);
}

/// A subscriber that reads everything may be behind for a moment as often as it likes: the time of the soft limit ends when it has read.
#[test]
fn a_soft_limit_counts_only_while_it_is_exceeded() {
    let server = Server::larder(&["--client-output-buffer-limit", "pubsub 100mb 1mb 1"]);
    let (mut subscriber, mut publisher) = (server.connect(), server.connect());
    subscriber.call(&["SUBSCRIBE", "c"]);
    let message = vec![b'x'; 5 * MIB];
    for _ in 0..3 {
        let started = clock::monotonic_ms();
        assert_eq!(publisher.call(&[&b"PUBLISH"[..], b"c", &message]), Value::Integer(1));
        let Value::Array(items) = subscriber.receive() else { panic!("a message") };
        assert_eq!(items[2], Value::Bulk(message.clone().into()));
        wait_until("the time of the soft limit passes", || clock::monotonic_ms() - started > 1200);
    }
}

/// A length that is announced takes no memory, and nothing has to go for it. Room for what has not arrived grows with what has.
#[test]
fn an_announced_argument_counts_as_it_arrives() {
    const HOSTILE: u64 = 200;
    const PART_LEN: usize = 300_000;
    let server = Server::larder(&["--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", "0"]);
    let mut client = server.connect();
    for key in 0..1000 {
        assert_eq!(client.call(&["SET", &format!("key:{key}"), &"v".repeat(1000)]), ok());
    }
    let before = client.info("used_memory");
    let mut hostile: Vec<TcpStream> = (0..HOSTILE)
        .map(|_| {
            let mut stream = server.connect_raw();
            stream.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n").expect("the server reads");
            stream
        })
        .collect();
    for stream in &hostile {
        let address = address(stream).to_string();
        wait_until("the length has arrived", || {
            let line = client.call(&["CLIENT", "LIST", "ADDR", &address]);
            matches!(&line, Value::Bulk(text) | Value::Verbatim { text, .. } if String::from_utf8_lossy(text).contains(" argv-mem=4"))
        });
    }
    assert_eq!(client.call(&["SET", "one", "more"]), ok());
    let grown = client.info("used_memory").saturating_sub(before);
    assert!(grown < HOSTILE * 32 * 1024, "{grown}");
    assert_eq!((client.info("evicted_keys"), client.call(&["DBSIZE"])), (0, Value::Integer(1001)));
    hostile[0].write_all(&[b'v'; PART_LEN]).expect("the server reads");
    let address = address(&hostile[0]);
    let mut number = |field: &str| client.client_field(address, field).map_or(0, |field| field.parse().expect("a number"));
    wait_until("a part has arrived", || number("qbuf") >= PART_LEN);
    assert!(number("qbuf-free") < 2 * PART_LEN);
}

/// A client in MONITOR that does not read is closed at the limit of those who are sent what others do.
#[test]
fn a_monitor_that_does_not_read_is_closed() {
    let server = Server::larder(&["--client-output-buffer-limit", "replica 1mb 0 0"]);
    let mut monitor = server.connect_raw();
    monitor.write_all(b"MONITOR\r\n").expect("the server reads");
    let mut client = server.connect();
    wait_until("the monitor is gone", || {
        assert_eq!(client.call(&["SET", "k", &"x".repeat(100_000)]), ok());
        client.info("client_output_buffer_limit_disconnections") == 1
    });
}

/// Replies refer to values that are not short, so that who does not read them costs next to nothing.
#[test]
fn unread_replies_of_middling_values_take_no_memory() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    for len in [20_000, 60_000, 250_000] {
        assert_eq!(client.call(&["SET", "k", &"v".repeat(len)]), ok());
        let before = client.info("used_memory");
        let mut silent = server.connect_raw();
        let many = 64 * MIB / len;
        silent.write_all(&request(&["GET", "k"]).repeat(many)).expect("the server reads");
        let address = address(&silent).to_string();
        wait_until("its replies wait", || {
            let line = client.call(&["CLIENT", "LIST", "ADDR", &address]);
            matches!(&line, Value::Bulk(text) | Value::Verbatim { text, .. } if String::from_utf8_lossy(text).contains(&format!(" tot-cmds={many}\n")))
        });
        let grown = client.info("used_memory").saturating_sub(before);
        assert!(grown < 8 * MIB as u64, "{many} replies of {len} bytes: {grown}");
    }
}

/// A pattern costs by its length, so that it has a bound; what fits a class or a run of a real one is far below it.
#[test]
fn a_pattern_has_a_longest_length() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    let (long, longest) = ("?".repeat(131_073), "?".repeat(131_072));
    let too_long = Value::Error("ERR pattern is longer than 131072 bytes".into());
    for request in [vec!["KEYS", &long], vec!["SCAN", "0", "MATCH", &long], vec!["PUBSUB", "CHANNELS", &long], vec!["CONFIG", "GET", &long]]
    {
        assert_eq!(client.call(&request), too_long, "{}", request[0]);
    }
    assert_eq!(client.call(&["PSUBSCRIBE", &long[..4097]]), Value::Error("ERR pattern is longer than 4096 bytes".into()));
    assert_eq!(client.call(&["KEYS", &longest]), Value::Array(Vec::new()));
}

/// Requests of the tests below: each has so many words without a byte.
const EMPTY_WORDS: usize = 1000;
/// What one of them counts in a transaction: its name, and 8 bytes for each word, as in Valkey.
const EMPTY_WORDS_LEN: u64 = 4 + 8 * (EMPTY_WORDS as u64 + 1);

fn many_empty_words() -> Vec<&'static str> {
    [vec!["MGET"], vec![""; EMPTY_WORDS]].concat()
}

/// Words cost memory even if they are empty, and count as soon as they are queued.
#[test]
fn a_transaction_that_exceeds_a_limit_is_closed_before_its_exec() {
    const COUNT: usize = 2000;
    let cases = [
        ("client-query-buffer-limit", MIB as u64, "client_query_buffer_limit_disconnections"),
        ("maxmemory-clients", 4 * MIB as u64, "evicted_clients"),
    ];
    for (option, limit, counter) in cases {
        let server = Server::larder(&[]);
        let mut client = server.connect();
        client.config_set(option, &limit.to_string());
        let mut hostile = server.connect_raw();
        let mut sender = hostile.try_clone().expect("a second handle");
        let sending = std::thread::spawn(move || {
            // It is cut off on its way.
            let _ = sender.write_all(&request(&["MULTI"]));
            let _ = sender.write_all(&request(&many_empty_words()).repeat(COUNT));
            let _ = sender.shutdown(std::net::Shutdown::Write);
        });
        let mut replies = Vec::new();
        // It ends orderly or, since the server leaves requests unread, with an error.
        let _ = hostile.read_to_end(&mut replies);
        sending.join().expect("it only writes");
        let queued = String::from_utf8_lossy(&replies).matches("QUEUED").count() as u64;
        assert!(queued * EMPTY_WORDS_LEN < limit + 2 * MIB as u64, "{option}: {queued}");
        assert_eq!(client.info(counter), 1, "{option}");
    }
}

#[test]
fn what_is_queued_takes_no_more_than_it_counts() {
    const COUNT: u64 = 1000;
    let server = Server::larder(&[]);
    let mut client = server.connect();
    let stream = server.connect_raw();
    let address = address(&stream);
    let mut transaction = Connection::new(stream);
    assert_eq!(transaction.call(&["MULTI"]), ok());
    let before = client.info("used_memory");
    for _ in 0..COUNT {
        assert_eq!(transaction.call(&many_empty_words()), Value::Simple("QUEUED".into()));
    }
    let mut field = |name: &str| -> u64 { client.client_field(address, name).and_then(|value| value.parse().ok()).expect("a number") };
    assert_eq!(field("multi-mem"), COUNT * EMPTY_WORDS_LEN);
    assert!(field("tot-mem") > COUNT * EMPTY_WORDS_LEN);
    let grown = client.info("used_memory").saturating_sub(before);
    assert!(grown < COUNT * EMPTY_WORDS_LEN, "{grown}");
    // All words are there: each has its reply.
    let Value::Array(replies) = transaction.call(&["EXEC"]) else { panic!("no transaction") };
    let expected = Value::Array(vec![Value::Null; EMPTY_WORDS]);
    assert!(replies.len() as u64 == COUNT && replies.iter().all(|reply| *reply == expected));
    assert_eq!(client.client_field(address, "multi-mem").as_deref(), Some("0"));
}

#[test]
fn a_command_that_waits_counts_its_arguments() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    let stream = server.connect_raw();
    let address = address(&stream);
    let mut waiting = Connection::new(stream);
    let keys: Vec<String> = (1000..2000).map(|key| format!("key:{key}")).collect();
    waiting.send(&[vec!["BLPOP"], keys.iter().map(String::as_str).collect(), vec!["0"]].concat());
    wait_until("it waits", || client.client_field(address, "flags").as_deref() == Some("b"));
    let argument_len = |client: &mut Connection| client.client_field(address, "argv-mem").expect("it is connected");
    wait_until("it is counted", || argument_len(&mut client) == (5 + 8 * 1000 + 1).to_string());
    assert_eq!(client.call(&["RPUSH", "key:1500", "x"]), Value::Integer(1));
    assert_eq!(waiting.receive(), Value::Array(vec![Value::Bulk("key:1500".into()), Value::Bulk("x".into())]));
    wait_until("they are gone", || argument_len(&mut client) == "0");
}

/// A subscription takes about the bytes of its name, whatever that means as a pattern and whether it was compared with a channel; it counts
/// them, and a client with too many is closed.
#[test]
fn a_subscription_takes_and_counts_the_bytes_of_its_name() {
    const COUNT: usize = 300;
    const LEN: usize = 3900;
    let server = Server::larder(&[]);
    let mut client = server.connect();
    for unit in ["*a", "*a?", "*[a-c]", "?", "[a-z]", "a"] {
        let stream = server.connect_raw();
        let address = address(&stream);
        let mut subscriber = Connection::new(stream);
        let before = client.info("used_memory");
        for number in 0..COUNT {
            subscriber.send(&["PSUBSCRIBE", &format!("{number}*{}", unit.repeat(LEN.div_ceil(unit.len())))]);
            subscriber.receive();
        }
        // Its first byte is that of a third of the patterns.
        assert!(matches!(client.call(&["PUBLISH", &format!("1{}", "a".repeat(2 * LEN)), "x"]), Value::Integer(_)));
        let grown = client.info("used_memory").saturating_sub(before);
        assert!(grown < 2 * (COUNT * LEN) as u64, "{unit}: {grown}");
        let mut counts = |is_right: fn(usize) -> bool| {
            let total = client.client_field(address, "tot-mem").expect("it is connected");
            is_right(total.parse().expect("a number"))
        };
        wait_until("they are counted", || counts(|total| total > COUNT * LEN));
        subscriber.send(&["RESET"]);
        wait_until("they are gone", || counts(|total| total < COUNT * LEN));
    }
    client.config_set("maxmemory-clients", &(MIB / 2).to_string());
    let mut hostile = server.connect_raw();
    let mut sender = hostile.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || {
        for number in 0..COUNT {
            // It is cut off on its way.
            let _ = sender.write_all(&request(&["SUBSCRIBE", &format!("{}{number}", "a".repeat(LEN))]));
        }
    });
    let _ = hostile.read_to_end(&mut Vec::new());
    sending.join().expect("it only writes");
    assert_eq!(client.info("evicted_clients"), 1);
}
