//! Values that move between Larder and a real Valkey by DUMP and RESTORE: random ones of every type, in every encoding, and payloads that
//! are wrong.
//!
//! A failure prints its seed; `LARDER_TEST_SEED=<seed>` repeats that run alone.

use std::path::PathBuf;

use larder::base::crc64::crc64;
use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server, skipped};

/// Each with the options under which values are made and read, beside the defaults.
const RUNS: &[(u64, &[(&str, &str)])] = &[
    (1, &[]),
    (2, &[("list-max-listpack-size", "3"), ("hash-max-listpack-entries", "5"), ("set-max-intset-entries", "4"), ("rdbcompression", "no")]),
    (3, &[("hash-max-listpack-value", "3"), ("set-max-listpack-entries", "2"), ("zset-max-listpack-entries", "0")]),
    (4, &[("set-max-listpack-value", "4"), ("zset-max-listpack-value", "4"), ("list-max-listpack-size", "-1")]),
];
/// Values per run.
const VALUES: usize = 400;

type Request = Vec<Vec<u8>>;

struct Generator(Rng);

impl Generator {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn text(&mut self) -> Vec<u8> {
        let border = self.one_of(&[0_i64, 127, 4096, -4096, 1 << 15, 1 << 23, 1 << 31, i64::MAX - 1, i64::MIN + 1]);
        match self.below(8) {
            0 => border.saturating_add(self.below(3) as i64 - 1).to_string().into_bytes(),
            1 => self.one_of(&["", "007", "-0", "1.5", "\0\0", "9223372036854775808"]).into(),
            2 => {
                let len = self.one_of(&[1, 20, 63, 64, 65, 127, 128, 300, 5000, 20_000]);
                vec![b'x'; len]
            }
            3 => format!("piece {} ", self.below(9)).repeat(self.below(60) as usize).into_bytes(),
            4 => (0..self.below(90)).map(|_| self.0.below(256) as u8).collect(),
            _ => format!("k{}", self.below(100_000)).into_bytes(),
        }
    }

    fn integer(&mut self) -> Vec<u8> {
        let shift = self.one_of(&[0, 20, 40, 56]);
        ((self.0.next_u64() as i64) >> shift).to_string().into_bytes()
    }

    fn score(&mut self) -> Vec<u8> {
        let whole = self.below(2000) as i64 - 1000;
        match self.below(4) {
            0 => whole.to_string().into_bytes(),
            1 => self.one_of(&["inf", "-inf", "1e300", "1e-300", "9007199254740993", "4503599627370497", "1e17", "0.1"]).into(),
            _ => format!("{whole}.{}", self.below(1_000_000)).into_bytes(),
        }
    }

    /// Requests that make a stream with a group, of which a consumer has read, and from which entries were deleted.
    fn stream(&mut self, key: &str, count: usize) -> Vec<Request> {
        let request = |line: String| -> Request { line.split(' ').map(|word| word.as_bytes().to_vec()).collect() };
        let mut requests = vec![request(format!("XGROUP CREATE {key} group 0 MKSTREAM"))];
        for number in 1..=count.min(150) {
            let field = self.one_of(&["field", "field", "field", "other", "7"]);
            requests.push(request(format!("XADD {key} {}-{number} {field} {} second x", number / 3, self.below(1000))));
        }
        requests.push(request(format!("XREADGROUP GROUP group consumer COUNT {} STREAMS {key} >", 1 + self.below(20))));
        requests.push(request(format!("XACK {key} group 0-1 0-2")));
        requests.push(request(format!("XDEL {key} 0-2 1-{}", self.below(6))));
        requests
    }

    /// Requests that make a value under a key.
    fn value(&mut self, key: &str) -> Vec<Request> {
        let count = self.one_of(&[1, 2, 5, 20, 130, 600]);
        let start = |name: &str| -> Request { vec![name.into(), key.into()] };
        if self.below(8) == 0 {
            return self.stream(key, count);
        }
        let mut request = match self.below(7) {
            0 => {
                let text = self.text().repeat(self.one_of(&[1, 1, 7, 100]));
                return vec![[start("SET"), vec![text]].concat()];
            }
            1 => [start("RPUSH"), (0..count).map(|_| self.text()).collect()].concat(),
            2 => [start("SADD"), (0..count).map(|_| self.text()).collect()].concat(),
            3 => [start("SADD"), (0..count).map(|_| self.integer()).collect()].concat(),
            4 => [start("ZADD"), (0..count).flat_map(|_| [self.score(), self.text()]).collect()].concat(),
            _ => [start("HSET"), (0..count).flat_map(|_| [self.text(), self.text()]).collect()].concat(),
        };
        let mut requests = Vec::new();
        if request[0] == b"HSET" && self.below(2) == 0 {
            request.extend([b"field".to_vec(), b"value".to_vec()]);
            let seconds = self.one_of(&["1000", "100000"]).into();
            requests.push([start("HEXPIRE"), vec![seconds, b"FIELDS".to_vec(), b"1".to_vec(), b"field".to_vec()]].concat());
        }
        requests.insert(0, request);
        requests
    }
}

fn payload(side: &mut Connection, key: &str) -> Vec<u8> {
    match side.call(&["DUMP", key]) {
        Value::Bulk(payload) => payload.to_vec(),
        other => panic!("DUMP answers {other:?}"),
    }
}

fn restore(side: &mut Connection, key: &str, payload: &[u8]) -> Value {
    side.call(&[b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"])
}

/// What can be seen of a value: content, encoding, and when a field goes.
fn look(side: &mut Connection, key: &str) -> String {
    let fields = match side.call(&["TYPE", key]) {
        Value::Simple(kind) if &kind[..] == b"hash" => side.call(&["HPEXPIRETIME", key, "FIELDS", "1", "field"]),
        other => other,
    };
    format!("{:?} {:?} {fields:?}", side.call(&["DEBUG", "DIGEST-VALUE", key]), side.call(&["OBJECT", "ENCODING", key]))
}

fn exchange(seed: u64, sides: &mut [Connection; 2]) {
    let mut generator = Generator(Rng::new(seed));
    for number in 0..VALUES {
        let requests = generator.value("made");
        let shown = format!("seed {seed}, value {number}: {}", requests[0][..3.min(requests[0].len())].concat().escape_ascii());
        for side in sides.iter_mut() {
            side.call(&["DEL", "made", "moved"]);
            requests.iter().for_each(|request| drop(side.call(request)));
        }
        for from in 0..2 {
            // There, back again, and there once more.
            let moved = payload(&mut sides[from], "made");
            let [here, there] = [look(&mut sides[from], "made"), {
                assert_eq!(restore(&mut sides[1 - from], "moved", &moved), Value::Simple("OK".into()), "{shown}");
                look(&mut sides[1 - from], "moved")
            }];
            let back = payload(&mut sides[1 - from], "moved");
            assert_eq!(restore(&mut sides[from], "moved", &back), Value::Simple("OK".into()), "{shown}");
            // The moment of an expiry is each server's own until it moves.
            let without_times = |look: &str| look.split(" Array([Integer(").next().map(str::to_owned);
            assert_eq!(without_times(&here), without_times(&there), "{shown}");
            assert_eq!(look(&mut sides[from], "moved"), there, "{shown}");
        }
    }
}

fn wanted() -> Option<u64> {
    std::env::var("LARDER_TEST_SEED").ok().and_then(|seed| seed.parse().ok())
}

#[test]
fn values_move_between_larder_and_valkey() {
    let options = ["--enable-debug-command", "yes"];
    let Some(reference) = Server::reference("values_move_between_larder_and_valkey", &options) else { return };
    let larder = Server::larder(&options);
    for (seed, settings) in RUNS.iter().filter(|(seed, _)| wanted().is_none_or(|wanted| wanted == *seed)) {
        let mut sides = [larder.connect(), reference.connect()];
        for side in &mut sides {
            settings.iter().for_each(|(option, value)| side.config_set(option, value));
        }
        exchange(*seed, &mut sides);
    }
}

/// Everything that RESTORE says of its arguments, in the same order.
#[test]
fn restore_refuses_what_valkey_refuses() {
    let Some(reference) = Server::reference("restore_refuses_what_valkey_refuses", &[]) else { return };
    let larder = Server::larder(&[]);
    let mut sides = [larder.connect(), reference.connect()];
    sides.iter_mut().for_each(|side| drop(side.call(&["SET", "there", "value"])));
    let good = payload(&mut sides[1], "there");
    let sealed = |content: &[u8], version: u16| {
        let mut bytes = [content, &version.to_le_bytes()].concat();
        bytes.extend_from_slice(&crc64(&bytes).to_le_bytes());
        bytes
    };
    let payloads: Vec<Vec<u8>> = vec![
        good.clone(),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
        b"0123456789".to_vec(),
        sealed(b"\x00\x01x", 0),
        sealed(b"\x00\x01x", 11),
        sealed(b"\x00\x01x", 79),
        sealed(b"\x00\x01x", 81),
        sealed(b"\x06\x01x", 11),
        sealed(b"\x08\x01x", 11),
        sealed(b"\x63\x01x", 11),
        sealed(b"", 11),
        sealed(b"\x04\x02\x01a\x01b\x01a\x01c", 11),
        sealed(b"\x01\x00", 11),
    ];
    for payload in &payloads {
        for options in
            ["k 0", "k -1", "k x", "there 0", "there -1", "k 0 REPLACE", "k 9223372036854775807", "k 5 ABSTTL", "there 1 ABSTTL REPLACE"]
                .iter()
                .chain(&["k 0 FREQ 1 IDLETIME 1", "k 0 IDLETIME -1", "k 0 FREQ 256", "k 0 FREQ", "k 0 BOGUS", "k 100000 FREQ 5 REPLACE"])
        {
            let mut words: Vec<&[u8]> = options.split(' ').map(str::as_bytes).collect();
            words.insert(0, b"RESTORE");
            words.insert(3, payload);
            let [ours, theirs] = sides.each_mut().map(|side| {
                side.call(&["DEL", "k"]);
                side.call(&["SET", "there", "value"]);
                let reply = side.call(&words);
                format!("{reply:?} {:?} {:?}", side.call(&["GET", "k"]), side.call(&["EXISTS", "k", "there"]))
            });
            assert_eq!(ours, theirs, "{options} {}", payload.escape_ascii());
        }
    }
}

/// The text of a TCL literal in double quotes that begins here, and what follows it.
fn literal(source: &str) -> Option<(Vec<u8>, &str)> {
    let mut bytes = Vec::new();
    let mut rest = source;
    loop {
        let mut chars = rest.chars();
        match chars.next()? {
            '"' => return Some((bytes, chars.as_str())),
            '\\' => match chars.next()? {
                'x' => {
                    let digits: String = chars.as_str().chars().take(2).take_while(char::is_ascii_hexdigit).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).ok()?);
                    rest = &chars.as_str()[digits.len()..];
                    continue;
                }
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            },
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = chars.as_str();
    }
}

/// The payloads that once crashed a server, as Valkey's suite keeps them: `VALKEY_SRC` names its source.
fn known_payloads() -> Vec<Vec<u8>> {
    let Some(folder) = std::env::var_os("VALKEY_SRC").map(PathBuf::from) else { return Vec::new() };
    let mut payloads = Vec::new();
    for file in ["tests/integration/corrupt-dump.tcl", "tests/unit/dump.tcl"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("\"\\x") {
            let Some((payload, after)) = literal(&rest[at + 1..]) else { break };
            payloads.push(payload);
            rest = after;
        }
    }
    payloads
}

/// Reads a value in every way that looks at all of it, and changes it.
fn use_value(side: &mut Connection, key: &str) {
    for request in [
        "DEBUG DIGEST-VALUE {}",
        "OBJECT ENCODING {}",
        "DUMP {}",
        "COPY {} copy REPLACE",
        "LRANGE {} 0 -1",
        "LPUSH {} x",
        "RPOP {} 3",
        "SMEMBERS {}",
        "SADD {} x 1",
        "SPOP {} 2",
        "ZRANGE {} 0 -1 WITHSCORES",
        "ZADD {} 1 x 2 y",
        "ZPOPMIN {} 2",
        "HGETALL {}",
        "HSET {} x y 1 2",
        "HSCAN {} 0",
        "APPEND {} x",
        "XRANGE {} - +",
        "XINFO STREAM {} FULL",
        "XADD {} * x y",
        "XREADGROUP GROUP group consumer STREAMS {} 0",
        "XTRIM {} MAXLEN 1",
        "MEMORY USAGE {}",
        "SORT {} ALPHA",
        "DEL {}",
    ] {
        let words: Vec<&str> = request.split(' ').map(|word| if word == "{}" { key } else { word }).collect();
        side.call(&words);
    }
}

#[test]
fn known_corrupt_payloads_do_no_harm() {
    let payloads = known_payloads();
    if payloads.is_empty() {
        skipped("known_corrupt_payloads_do_no_harm", "VALKEY_SRC names no source of Valkey");
        return;
    }
    assert!(payloads.len() > 50, "{} payloads were found", payloads.len());
    let larder = Server::larder(&["--enable-debug-command", "yes"]);
    let mut side = larder.connect();
    let mut refused = 0;
    for payload in &payloads {
        if payload.len() < 10 {
            continue;
        }
        // Some are kept with a checksum of zero.
        let mut sealed = payload[..payload.len() - 8].to_vec();
        sealed.extend_from_slice(&crc64(&sealed).to_le_bytes());
        match restore(&mut side, "key", &sealed) {
            Value::Error(text) => {
                let expected = [&b"ERR Bad data format"[..], b"ERR DUMP payload version or checksum are wrong"];
                assert!(expected.contains(&&text[..]), "{text:?} of {}", payload.escape_ascii());
                refused += 1;
            }
            reply => {
                assert_eq!(reply, Value::Simple("OK".into()), "{}", payload.escape_ascii());
                use_value(&mut side, "key");
            }
        }
        assert_eq!(side.call(&["PING"]), Value::Simple("PONG".into()), "{}", payload.escape_ascii());
    }
    assert!(refused > payloads.len() / 2, "{refused} of {} were refused", payloads.len());
}

/// Payloads that were good until a few bytes of them changed.
#[test]
fn changed_payloads_do_no_harm() {
    let larder = Server::larder(&["--enable-debug-command", "yes"]);
    let mut side = larder.connect();
    for seed in 1..=4 {
        let mut generator = Generator(Rng::new(seed));
        for _ in 0..VALUES {
            side.call(&["DEL", "made"]);
            generator.value("made").iter().for_each(|request| drop(side.call(request)));
            let good = payload(&mut side, "made");
            let mut content = good[..good.len() - 8].to_vec();
            for _ in 0..=generator.below(3) {
                let at = generator.below(content.len() as u64 - 2) as usize;
                let byte = generator.one_of(&[0, 1, 2, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff]);
                match generator.below(3) {
                    0 => content.insert(at, byte),
                    1 if content.len() > 4 => drop(content.remove(at)),
                    _ => content[at] = byte,
                }
            }
            content.extend_from_slice(&crc64(&content).to_le_bytes());
            match restore(&mut side, "key", &content) {
                Value::Error(text) => {
                    assert!(text.starts_with(b"ERR Bad data format") || text.starts_with(b"ERR DUMP payload"), "{text:?}")
                }
                reply => {
                    assert_eq!(reply, Value::Simple("OK".into()));
                    use_value(&mut side, "key");
                }
            }
        }
    }
    assert_eq!(side.call(&["PING"]), Value::Simple("PONG".into()));
}
