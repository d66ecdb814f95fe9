//! Requests that are odd in some way, against Larder and a real Valkey: what both answer is compared byte for byte.
//!
//! A scenario is a list of lines, run in order on connections of its own after FLUSHALL. A line is a request, its words separated by
//! blanks, with `\xNN` for a byte and `""` for an empty word; `2> ` before it names another connection than the first. `<` waits for a
//! message beyond the reply. Random values and what Valkey does not promise (orders, times) have no place here.

use std::collections::BTreeMap;
use std::io::Write;

use crate::support::{Connection, Server};

const OPTIONS: &[&str] = &["--enable-debug-command", "yes", "--enable-module-command", "yes"];

const SCENARIOS: &[(&str, &[&str])] = &[
    (
        "subcommands that share their name with a command are queued like any other",
        &["MULTI", "LATENCY RESET", "SLOWLOG RESET", "COMMANDLOG RESET slow", "CONFIG RESETSTAT", "EXEC", "LATENCY RESET", "PING"],
    ),
    (
        "and are refused to subscribers",
        &["SUBSCRIBE a", "LATENCY RESET", "SLOWLOG RESET", "CLUSTER RESET", "PING", "RESET", "LATENCY RESET"],
    ),
    (
        "what may use no memory is queued and runs although there is none left",
        &[
            "SET a b",
            "MULTI",
            "GET a",
            "CONFIG SET maxmemory 1",
            "EXEC",
            "MULTI",
            "GET a",
            "STRLEN a",
            "EXEC",
            "MULTI",
            "GET a",
            "SET a c",
            "EXEC",
            "SET a c",
            "CONFIG SET maxmemory 0",
        ],
    ),
    (
        "a HyperLogLog that is much longer than one can be is taken for one by its header",
        &[
            "PFADD a",
            "SETRANGE a 307200 x",
            "PFADD a",
            "PFADD a one",
            "PFCOUNT a",
            "PFCOUNT a b",
            "PFMERGE b a",
            "PFDEBUG ENCODING a",
            "PFDEBUG GETREG a",
            "PFDEBUG TODENSE a",
            "STRLEN a",
            "SETRANGE a 4 x",
            "PFADD a",
        ],
    ),
    (
        "an expiry takes room beside a string, also where there was one before",
        &[
            "SET a-key-whose-name-is-longer-than-most-others-are-in-any-test aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa EX 1000",
            "OBJECT ENCODING a-key-whose-name-is-longer-than-most-others-are-in-any-test",
            "GETSET a-key-whose-name-is-longer-than-most-others-are-in-any-test bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "OBJECT ENCODING a-key-whose-name-is-longer-than-most-others-are-in-any-test",
            "GETSET a-key-whose-name-is-longer-than-most-others-are-in-any-test ccccccccccccccccccccccccccccccccccccccccccccccccccc",
            "OBJECT ENCODING a-key-whose-name-is-longer-than-most-others-are-in-any-test",
            "EXPIRE a-key-whose-name-is-longer-than-most-others-are-in-any-test 1000",
            "OBJECT ENCODING a-key-whose-name-is-longer-than-most-others-are-in-any-test",
        ],
    ),
    (
        "a list is what it was before a change that failed or came to nothing, but for its encoding",
        &[
            "CONFIG SET list-max-listpack-size 1",
            "RPUSH a one",
            "OBJECT ENCODING a",
            "LSET a 7 two",
            "OBJECT ENCODING a",
            "RPUSH b one two",
            "LPOP b",
            "OBJECT ENCODING b",
            "RPOPLPUSH b b",
            "OBJECT ENCODING b",
            "BLMOVE b b LEFT RIGHT 0.1",
            "OBJECT ENCODING b",
            "LRANGE b 0 -1",
            "RPUSH c one",
            "LMOVE c c LEFT LEFT",
            "OBJECT ENCODING c",
            "LREM a 0 none",
            "OBJECT ENCODING a",
            "CONFIG SET list-max-listpack-size -2",
            "LREM a 0 none",
            "OBJECT ENCODING a",
            "LREM a 0 one",
            "EXISTS a",
            "LMOVE b b LEFT RIGHT",
            "OBJECT ENCODING b",
        ],
    ),
    (
        "a set that is named again adds nothing, and a sorted set as much as before",
        &[
            "SADD s a b c d",
            "SADD t b c x",
            "SADD i 1 2 3",
            "SINTERCARD 5 s t s s t",
            "SINTERCARD 5 s t s s t LIMIT 1",
            "SINTERCARD 4 s s missing s",
            "SINTERSTORE d s t s t t",
            "SORT d ALPHA",
            "SUNIONSTORE d s s i s i t",
            "SORT d ALPHA",
            "SDIFFSTORE d s t t i t i missing missing",
            "SORT d ALPHA",
            "SDIFFSTORE d s t s t",
            "EXISTS d",
            "SET text x",
            "SUNION s s text s",
            "SINTERCARD 3 s text s",
            "SDIFF s s text",
            "ZADD z 1.5 a 2 b 0.1 c",
            "ZADD y 0.1 c 7 b 3 e",
            "ZUNIONSTORE d 6 z z y z y s WEIGHTS 1 3 0.1 7 -1 2",
            "ZRANGE d 0 -1 WITHSCORES",
            "ZINTERSTORE d 6 z z y z y s WEIGHTS 1 3 0.1 7 -1 2",
            "ZRANGE d 0 -1 WITHSCORES",
            "ZUNION 5 z z z z z WEIGHTS 1 inf -inf 0 2 AGGREGATE MIN WITHSCORES",
            "ZINTER 4 s z s z WEIGHTS 1 0.3 -inf inf WITHSCORES",
            "ZINTERCARD 5 s z s z s LIMIT 2",
            "ZINTERCARD 5 z s s z s",
            "ZDIFF 5 s z z t z WITHSCORES",
            "ZDIFF 3 s z s WITHSCORES",
            "ZDIFF 3 s text s",
        ],
    ),
    (
        "a client in MONITOR may not touch data",
        &["2> MONITOR", "GET a", "2> <", "2> GET a", "2> SET a b", "2> PUBLISH a b", "2> PING", "2> QUIT"],
    ),
    (
        "shard channels are not for transactions",
        &["MULTI", "SUBSCRIBE a", "PSUBSCRIBE b", "SSUBSCRIBE c", "EXEC", "SUNSUBSCRIBE", "PUNSUBSCRIBE", "UNSUBSCRIBE", "GET x"],
    ),
    (
        "errors show what was sent byte for byte, up to a zero",
        &[
            r"foo \xff\xfe a\x00b",
            r"\xff a",
            r"a\x00b c",
            r"CLIENT \xffx",
            r"OBJECT a\x00b",
            r"EXPIRE a 10 \xff",
            r"SCAN 0 TYPE \xff",
            r"HELLO 3 \xff",
            r"CLIENT KILL TYPE \xff",
            r"CLIENT LIST USER \xff",
            r"CLIENT LIST FLAGS \xff",
            r"CLIENT SETINFO \xff 1",
            r"CONFIG SET \xff 1",
            r"DEBUG \xff",
            r"DEBUG ERROR MINE\x20\xff",
            r"FUNCTION LIST \xff",
            r"LATENCY GRAPH \xff",
            r#"foo "" \x0d\x0a"#,
        ],
    ),
    (
        "numbers of arguments and repeated options",
        &[
            "PUBSUB CHANNELS a b",
            "PUBSUB SHARDCHANNELS a b",
            "PUBSUB NUMPAT a",
            "FUNCTION LIST WITHCODE WITHCODE",
            "FUNCTION LIST LIBRARYNAME a LIBRARYNAME b",
            "FUNCTION FLUSH SYNC ASYNC",
            "MODULE UNLOAD x",
            "DEBUG STRINGMATCH-LEN",
            "DEBUG STRINGMATCH-TEST x",
        ],
    ),
    ("a push during a command follows its reply", &["HELLO 3 SETNAME x", "DEBUG PROTOCOL push", "<", "HELLO 2", "DEBUG PROTOCOL push"]),
    (
        "outside a cluster its commands say so, inside a transaction too",
        &["MULTI", "CLUSTER BUMPEPOCH", "CLUSTER MEET 127.0.0.1 1", "CLUSTER ADDSLOTS 1", "CLUSTER RESET", "EXEC"],
    ),
    (
        "a short string is named by what lies beside it",
        &[
            "SET a 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
            "OBJECT ENCODING a",
            "COPY a a-name-that-is-longer-than-most",
            "OBJECT ENCODING a-name-that-is-longer-than-most",
            "EXPIRE a 1000",
            "OBJECT ENCODING a",
            "PERSIST a",
            "OBJECT ENCODING a",
            "SET c 1 EX 1000",
            "SET c 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
            "OBJECT ENCODING c",
            "SET b 01234567890123456789012345678901234567890123456789012345678901234567890123456789",
            "OBJECT ENCODING b",
            "RENAME b another-name-that-is-longer-than-most",
            "OBJECT ENCODING another-name-that-is-longer-than-most",
        ],
    ),
    ("errors end where their text does", &[r"EXPIRE a 10 x\x0a", r"EXPIRE a 10 \x0d\x0a", r"CLIENT LIST FLAGS x\x0dx\x0d\x0a\x0a"]),
    ("an empty table is not listed", &["DEBUG HTSTATS 9"]),
    (
        "a copy has no field that has ended",
        &[
            "DEBUG SET-ACTIVE-EXPIRE 0",
            "HSET h a 1 b 2",
            "HPEXPIRE h 1 FIELDS 1 a",
            "DEBUG SLEEP 0.02",
            "COPY h copy",
            "HLEN copy",
            "HLEN h",
            "HGETALL copy",
            "DEBUG SET-ACTIVE-EXPIRE 1",
        ],
    ),
    (
        "a key that is not there is missed although the request is refused",
        &[
            "CONFIG SET notify-keyspace-events Em",
            "2> SUBSCRIBE __keyevent@0__:keymiss",
            "XAUTOCLAIM auto group consumer 0 nonsense",
            "2> <",
            "RPUSH l a b c",
            "SET w_a x",
            "SORT l BY w_*",
            "2> <",
            "2> <",
            "SORT l BY w_* LIMIT 0 0",
            "2> <",
            "2> <",
            "GET end",
            "2> <",
            "CONFIG SET notify-keyspace-events \"\"",
        ],
    ),
];

/// The words of a line.
fn words(line: &str) -> Vec<Vec<u8>> {
    let unescape = |word: &str| {
        let mut parts = word.split(r"\x");
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        bytes
    };
    line.split_ascii_whitespace().map(|word| if word == "\"\"" { Vec::new() } else { unescape(word) }).collect()
}

/// Runs a scenario and returns what was answered to each line.
fn answers(server: &Server, lines: &[&'static str]) -> Vec<Vec<u8>> {
    server.connect().call(&["FLUSHALL"]);
    let mut connections: BTreeMap<&str, Connection> = BTreeMap::new();
    let run = |line: &&'static str| {
        let (name, request) = line.split_once("> ").unwrap_or(("1", line));
        let connection = connections.entry(name).or_insert_with(|| server.connect());
        if request != "<" {
            connection.send(&words(request));
        }
        without_ids(connection.receive_raw())
    };
    lines.iter().map(run).collect()
}

/// An answer without what differs from one server to the next: the number of a client in HELLO, the modules that Valkey counts its
/// script engine among, times and addresses in lines of MONITOR.
fn without_ids(answer: Vec<u8>) -> Vec<u8> {
    let is_hello = answer.windows(6).any(|window| window == b"server");
    let is_monitor = answer.starts_with(b"+1") && answer.contains(&b'[');
    match () {
        () if is_hello => answer[..1].to_vec(),
        () if is_monitor => answer[answer.iter().position(|byte| *byte == b']').expect("an address")..].to_vec(),
        () => answer,
    }
}

#[test]
fn odd_requests_are_answered_as_valkey_does() {
    let Some(reference) = Server::reference("odd_requests_are_answered_as_valkey_does", OPTIONS) else { return };
    let larder = Server::larder(OPTIONS);
    for (name, lines) in SCENARIOS {
        let (ours, theirs) = (answers(&larder, lines), answers(&reference, lines));
        for ((line, ours), theirs) in lines.iter().zip(ours).zip(theirs) {
            assert!(ours == theirs, "{name}: {line}\n  ours: {}\ntheirs: {}", ours.escape_ascii(), theirs.escape_ascii());
        }
    }
}

/// The file is written although nothing waits inside a transaction; what fails there is told and ends nothing.
#[test]
fn config_rewrite_inside_a_transaction_is_answered_and_done_as_valkey_does() {
    const TEST: &str = "config_rewrite_inside_a_transaction_is_answered_and_done_as_valkey_does";
    const REQUESTS: &[&str] = &[
        "MULTI",
        "CONFIG SET maxmemory-samples 7",
        "CONFIG REWRITE",
        "SET a b",
        "CONFIG REWRITE extra",
        "EXEC",
        "GET a",
        "CONFIG REWRITE",
    ];
    const GOOD: &[&str] = &["MULTI", "CONFIG SET maxmemory-samples 7", "CONFIG REWRITE", "SET a b", "EXEC", "GET a"];
    const FAILING: &[&str] = &["MULTI", "SET a c", "CONFIG REWRITE", "GET a", "EXEC", "GET a"];
    let run = |start: &dyn Fn(&[&str]) -> Option<Server>| {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("inside");
        std::fs::create_dir(&inside).expect("a folder");
        let file = inside.join("server.conf");
        std::fs::write(&file, "# An operator's own words.\nmaxmemory-samples 3\nmaxclients 50\n").expect("it is written");
        let server = start(&[file.to_str().expect("a path of text")])?;
        let mut seen = vec![answers(&server, REQUESTS), answers(&server, GOOD)];
        let text = std::fs::read_to_string(&file).expect("it is there");
        let lines = text.lines().filter(|line| ["#", "maxmemory-samples", "maxclients"].iter().any(|start| line.starts_with(start)));
        let kept: Vec<String> = lines.take(3).map(str::to_owned).collect();
        // Where the folder is gone no file can be written.
        std::fs::remove_dir_all(&inside).expect("it was there");
        seen.push(answers(&server, FAILING));
        Some((seen, kept))
    };
    let without_file = |server: Server| answers(&server, FAILING);
    let Some((theirs, their_lines)) = run(&|options| Server::reference(TEST, options)) else { return };
    let (ours, our_lines) = run(&|options| Some(Server::larder(options))).expect("it starts");
    assert_eq!(our_lines, their_lines);
    assert_eq!(our_lines, ["# An operator's own words.", "maxmemory-samples 7", "maxclients 50"]);
    let text = |answers: &[Vec<u8>]| answers.iter().map(|answer| answer.escape_ascii().to_string()).collect::<Vec<_>>();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(text(ours), text(theirs));
    }
    assert_eq!(ours[1][4], b"*3\r\n+OK\r\n+OK\r\n+OK\r\n");
    let (ours, theirs) = (Server::larder(&[]), Server::reference(TEST, &[]).expect("it was there"));
    assert_eq!(text(&without_file(ours)), text(&without_file(theirs)), "without a configuration file");
}

/// A container's name is that of all its subcommands, and a pipeline looks a name up only once.
#[test]
fn subcommands_of_a_pipeline_are_told_apart() {
    const REQUESTS: &[&str] =
        &["CONFIG GET hz", "CONFIG RESETSTAT", "config get hz", "CONFIG", "CLIENT GETNAME", "CLIENT SETNAME a", "CLIENT GETNAME"];
    let server = Server::larder(&[]);
    let one_by_one = answers(&server, REQUESTS);
    let mut connection = server.connect();
    connection.send_all(REQUESTS.iter().map(|line| words(line)));
    for (line, expected) in REQUESTS.iter().zip(one_by_one) {
        let got = connection.receive_raw();
        assert!(got == expected, "{line}\n  in a pipeline: {}\n       by itself: {}", got.escape_ascii(), expected.escape_ascii());
    }
}

/// A RESP2 subscriber is answered as one, whatever it listens to.
#[test]
fn a_subscriber_to_a_shard_channel_gets_ping_as_a_message() {
    let larder = Server::larder(&[]);
    let mut client = larder.connect();
    client.call(&["SSUBSCRIBE", "s"]);
    assert_eq!(client.call_raw(&["PING", "hi"]), b"*2\r\n$4\r\npong\r\n$2\r\nhi\r\n");
}

/// Requests after which the connection ends, or which are answered by fewer replies than there are requests: each line is sent whole with
/// a QUIT behind it.
const UNEVEN: &[&[u8]] = &[
    b"QUIT\r\n*x\r\n",
    b"QUIT\r\nPING\r\n",
    b"CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n",
    b"CLIENT REPLY OFF\r\nRESET\r\nPING\r\n",
    b"MONITOR\r\nMONITOR\r\n",
    b"MULTI\r\nPING\r\nEXEC\r\nEXEC\r\n",
];

#[test]
fn requests_with_fewer_replies_are_answered_as_valkey_does() {
    let Some(reference) = Server::reference("requests_with_fewer_replies_are_answered_as_valkey_does", &[]) else { return };
    let larder = Server::larder(&[]);
    let answer = |server: &Server, bytes: &[u8]| {
        let mut stream = server.connect_raw();
        stream.write_all(&[bytes, b"QUIT\r\n"].concat()).expect("it reads");
        Connection::new(stream).read_to_end()
    };
    for bytes in UNEVEN {
        let (ours, theirs) = (answer(&larder, bytes), answer(&reference, bytes));
        assert!(ours == theirs, "{}\n  ours: {}\ntheirs: {}", bytes.escape_ascii(), ours.escape_ascii(), theirs.escape_ascii());
    }
}

/// A transaction that runs still is one to CLIENT INFO.
#[test]
fn client_info_inside_exec_shows_the_transaction() {
    let larder = Server::larder(&[]);
    let mut client = larder.connect();
    client.call(&["MULTI"]);
    client.call(&["CLIENT", "INFO"]);
    client.call(&["PING"]);
    let replies = client.call_raw(&["EXEC"]);
    let text = String::from_utf8_lossy(&replies);
    assert!(text.contains(" flags=x ") && text.contains(" multi=2 "), "{text}");
    assert!(String::from_utf8_lossy(&client.call_raw(&["CLIENT", "INFO"])).contains(" flags=N "), "it is over");
}
